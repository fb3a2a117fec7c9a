"""SQL of erasing what people wrote about the money of a customer: amounts, accounts and times stay, words go."""

from typing import Final

from accounting import sql

ERASED_TEXT: Final = "erased"


def _function(source: str, name: str) -> str:
    """The definition of one function of `accounting.sql`, ready to replace what stands."""
    body = source[source.index(f"CREATE FUNCTION {name}(") :]
    return body[: body.index("\n$$;\n") + 5].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


def _with(source: str, old: str, new: str) -> str:
    """`source` with `old`, which must be there, replaced."""
    assert old in source, old
    return source.replace(old, new)


_ACCOUNT: Final = _function(sql.ACCOUNTS, "accounting_guard_account")
_HOLD: Final = _function(sql.HOLDS, "accounting_hold")
_TRANSFER: Final = _function(sql.TRANSFERS, "accounting_guard_transfer")

GUARDS: Final = (
    _with(
        _with(
            _ACCOUNT,
            "    standing record;\nBEGIN\n",
            """    standing record;
BEGIN
    IF public.ledger_is_eraser(TG_RELID) AND NEW.metadata = '{}' AND NEW.code IS NULL AND (
        NEW.status = OLD.status OR NEW.status = 'closed'
    ) THEN
        changing := '{status,metadata,code,updated_at}';
        IF to_jsonb(NEW) - changing IS NOT DISTINCT FROM to_jsonb(OLD) - changing AND NEW.status = OLD.status THEN
            RETURN NEW;
        END IF;
    END IF;
""",
        ),
        "    changing constant text[]",
        "    changing text[]",
    )
    + _with(
        _HOLD,
        "    IF to_jsonb(NEW) - changing IS DISTINCT FROM",
        """    IF public.ledger_is_eraser(TG_RELID) AND NEW.metadata = '{}'
        AND to_jsonb(NEW) - 'metadata' IS NOT DISTINCT FROM to_jsonb(OLD) - 'metadata'
    THEN
        RETURN NEW;
    END IF;
    IF to_jsonb(NEW) - changing IS DISTINCT FROM""",
    )
    + _with(
        _TRANSFER,
        "    RAISE EXCEPTION",
        f"""    changing := '{{idempotency_key,void_reason}}';
    IF TG_OP = 'UPDATE' AND public.ledger_is_eraser(TG_RELID) AND NEW.idempotency_key IS NULL
        AND NEW.void_reason IS NOT DISTINCT FROM (CASE WHEN OLD.void_reason IS NOT NULL THEN '{ERASED_TEXT}' END)
        AND to_jsonb(NEW) - changing IS NOT DISTINCT FROM to_jsonb(OLD) - changing
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION""",
    ).replace("changing constant text[]", "changing text[]")
)
GUARDS_REVERSE: Final = _ACCOUNT + _HOLD + _TRANSFER

# Whatever tells of the accounts of erased customers in words. All accounts are marked, because the trail has reasons,
# and all transfers, because subscribers have answered to their events.
MARK_BOOKS: Final = """
DECLARE
    theirs uuid[];
    marked uuid[];
BEGIN
    SELECT COALESCE(array_agg(a.id), '{}') INTO theirs FROM public.accounting_account a
    JOIN public.tenants_erasedobject o ON o.tenant_id = a.tenant_id AND o.id = a.owner_id AND o.kind = 'customer'
    WHERE a.tenant_id = public.ledger_current_tenant() AND a.owner_type = 'customer' AND a.owner_id = ANY (customers);
    WITH entries AS MATERIALIZED (
        SELECT e.id, e.salt IS NOT NULL AS written FROM public.accounting_journalentry e
        WHERE e.tenant_id = public.ledger_current_tenant() AND e.id IN (
            SELECT l.entry_id FROM public.accounting_journalline l
            WHERE l.tenant_id = public.ledger_current_tenant() AND l.account_id = ANY (theirs)
        )
    ), recorded AS (
        INSERT INTO public.tenants_erasedobject (id, tenant_id, kind, erased_at, recorded_at)
        SELECT about.id, public.ledger_current_tenant(), about.kind, at, clock_timestamp() FROM (
            SELECT unnest(theirs) AS id, 'account' AS kind
            UNION ALL
            SELECT h.id, 'hold' FROM public.accounting_hold h
            WHERE h.tenant_id = public.ledger_current_tenant() AND h.account_id = ANY (theirs) AND h.metadata <> '{}'
            UNION ALL
            SELECT e.id, 'entry' FROM entries e WHERE e.written
            UNION ALL
            SELECT t.id, 'transfer' FROM public.accounting_transfer t JOIN entries e ON e.id = t.entry_id
            WHERE t.tenant_id = public.ledger_current_tenant()
        ) AS about
        ON CONFLICT DO NOTHING
        RETURNING id
    )
    SELECT array_agg(id) INTO marked FROM recorded;
    RETURN COALESCE(marked, '{}');
END
"""

# Empty accounts of somebody who is no more are closed: nothing is written about them again.
ERASE_BOOKS: Final = f"""
DECLARE
    changed bigint := 0;
    done bigint;
    about uuid[];
BEGIN
    SELECT COALESCE(array_agg(o.id), '{{}}') INTO about FROM public.tenants_erasedobject o
    WHERE o.tenant_id = public.ledger_current_tenant() AND o.id = ANY (ids)
        AND o.kind IN ('account', 'hold', 'entry', 'transfer');
    IF about = '{{}}' THEN
        RETURN 0;
    END IF;
    UPDATE public.accounting_hold h SET metadata = '{{}}'
    WHERE h.tenant_id = public.ledger_current_tenant() AND h.id = ANY (about) AND h.metadata <> '{{}}';
    GET DIAGNOSTICS done = ROW_COUNT;
    changed := changed + done;
    UPDATE public.accounting_transfer t SET idempotency_key = NULL,
        void_reason = CASE WHEN t.void_reason IS NOT NULL THEN '{ERASED_TEXT}' END
    WHERE t.tenant_id = public.ledger_current_tenant() AND t.id = ANY (about)
        AND (t.idempotency_key IS NOT NULL OR t.void_reason <> '{ERASED_TEXT}');
    GET DIAGNOSTICS done = ROW_COUNT;
    changed := changed + done;
    UPDATE public.accounting_journalentry e SET description = NULL, metadata = NULL, salt = NULL
    WHERE e.tenant_id = public.ledger_current_tenant() AND e.id = ANY (about) AND e.salt IS NOT NULL;
    GET DIAGNOSTICS done = ROW_COUNT;
    changed := changed + done;
    PERFORM pg_advisory_xact_lock({sql.BOOKS_LOCK}, hashtext(public.ledger_current_tenant()::text));
    UPDATE public.accounting_account a SET metadata = '{{}}', code = NULL, status = CASE
        WHEN (SELECT (s.posted, s.held) = (0, 0) FROM public.accounting_summed(a.tenant_id, a.id, a.type) AS s)
            THEN 'closed' ELSE a.status END
    WHERE a.tenant_id = public.ledger_current_tenant() AND a.id = ANY (about)
        AND (a.metadata <> '{{}}' OR a.code IS NOT NULL OR a.status <> 'closed');
    GET DIAGNOSTICS done = ROW_COUNT;
    RETURN changed + done;
END
"""  # noqa: S608 - constants of this module
