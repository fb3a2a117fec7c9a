"""SQL of grants: debits take from them in their order, whoever writes the lines; nobody else changes what remains.

The trigger of the lines that moves balances runs before this one (triggers of one event run in the order of their
names) and has locked the balance, so that of two debits of an account the second sees what the first has left.
"""

from typing import Final

from accounting import sql, sql_erasure

ORDER: Final = "priority, expires_at NULLS LAST, effective_at, id"
"""Which grant is spent first: lowest priority, earliest end (one without an end last), oldest."""

TAKING: Final = f"""
CREATE FUNCTION accounting_take_from_grants() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    line record;
    part record;
    rest bigint;
    wrong record;
BEGIN
    IF NOT EXISTS (
        SELECT FROM fresh f JOIN public.accounting_grant g ON g.tenant_id = f.tenant_id AND g.account_id = f.account_id
    ) THEN
        RETURN NULL;
    END IF;

    FOR line IN
        SELECT f.tenant_id, f.account_id, f.entry_id, f.position, f.side, f.amount, f.created_at, e.reverses_id, e.kind,
            CASE WHEN e.source_type <> 'grant' THEN NULL
                WHEN e.kind IN ('grant.expired', 'grant.revoked') THEN e.source_id
                WHEN e.kind = 'grant.rolled_over' THEN (
                    SELECT g.rolled_from_id FROM public.accounting_grant g
                    WHERE g.tenant_id = e.tenant_id AND g.id = e.source_id
                ) END AS own,
            CASE WHEN e.source_type IS DISTINCT FROM 'grant' THEN 'used'
                WHEN e.kind IN ('grant.expired', 'grant.rolled_over') THEN 'expired'
                WHEN e.kind = 'grant.revoked' THEN 'revoked' ELSE 'used' END AS ending
        FROM fresh f
        JOIN public.accounting_journalentry e ON e.tenant_id = f.tenant_id AND e.id = f.entry_id
        WHERE EXISTS (
            SELECT FROM public.accounting_grant g WHERE g.tenant_id = f.tenant_id AND g.account_id = f.account_id
        ) AND (f.side = 'debit' OR e.reverses_id IS NOT NULL)
        ORDER BY f.entry_id, f.position
    LOOP
        rest := line.amount;
        FOR part IN
            SELECT g.id, g.remaining AS available, g.priority, g.expires_at, g.effective_at
            FROM public.accounting_grant g
            WHERE line.side = 'debit' AND line.own IS NULL AND g.tenant_id = line.tenant_id
                AND g.account_id = line.account_id AND g.status = 'active'
                AND (g.expires_at IS NULL OR g.expires_at > line.created_at)
            UNION ALL
            SELECT g.id, g.remaining, g.priority, g.expires_at, g.effective_at FROM public.accounting_grant g
            WHERE line.side = 'debit' AND g.tenant_id = line.tenant_id AND g.id = line.own
                AND g.account_id = line.account_id AND g.status = 'active'
                AND (line.kind = 'grant.revoked' OR g.expires_at <= line.created_at)
            UNION ALL
            SELECT g.id, -u.amount, g.priority, g.expires_at, g.effective_at
            FROM public.accounting_grantuse u
            JOIN public.accounting_grant g ON g.tenant_id = u.tenant_id AND g.id = u.grant_id
            WHERE line.side = 'credit' AND u.tenant_id = line.tenant_id AND u.entry_id = line.reverses_id
                AND u.position = line.position AND u.amount > 0 AND g.account_id = line.account_id
                AND g.status IN ('active', 'used') AND (g.expires_at IS NULL OR g.expires_at > line.created_at)
            ORDER BY {ORDER}
        LOOP
            EXIT WHEN rest = 0;
            part.available := CASE WHEN line.side = 'debit' THEN LEAST(part.available, rest)
                ELSE GREATEST(part.available, -rest) END;
            rest := rest - abs(part.available);
            UPDATE public.accounting_grant SET remaining = remaining - part.available,
                status = CASE WHEN remaining = part.available THEN line.ending ELSE 'active' END,
                updated_at = GREATEST(updated_at, line.created_at)
            WHERE tenant_id = line.tenant_id AND id = part.id;
            INSERT INTO public.accounting_grantuse (id, tenant_id, grant_id, entry_id, position, amount, created_at)
            VALUES (gen_random_uuid(), line.tenant_id, part.id, line.entry_id, line.position, part.available,
                line.created_at);
        END LOOP;
        IF rest > 0 AND line.own IS NOT NULL AND line.side = 'debit' THEN
            RAISE EXCEPTION 'more than grant % has, or before its time', line.own USING ERRCODE = 'check_violation',
                CONSTRAINT = 'grant_takes_its_own', DETAIL = line.own::text;
        END IF;
    END LOOP;

    -- What has expired backs neither a debit nor, after a debit, what is held; only its own end is free of that.
    SELECT b.id INTO wrong FROM public.accounting_balance b
    WHERE (b.tenant_id, b.id) IN (SELECT f.tenant_id, f.account_id FROM fresh f) AND (b.posted < (
        SELECT COALESCE(sum(g.remaining), 0) FROM public.accounting_grant g
        WHERE g.tenant_id = b.tenant_id AND g.account_id = b.id AND g.status = 'active'
    ) OR b.posted - b.held < (
        SELECT sum(g.remaining) FROM public.accounting_grant g
        WHERE g.tenant_id = b.tenant_id AND g.account_id = b.id AND g.status = 'active' AND g.expires_at <= (
            SELECT max(f.created_at) FROM fresh f
            JOIN public.accounting_journalentry e ON e.tenant_id = f.tenant_id AND e.id = f.entry_id
            WHERE f.tenant_id = b.tenant_id AND f.account_id = b.id AND f.side = 'debit'
                AND e.source_type IS DISTINCT FROM 'grant'
        )
    )) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'what has expired of account % is not spent', wrong.id USING ERRCODE = 'check_violation',
            CONSTRAINT = 'grants_are_covered', DETAIL = wrong.id::text;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER lines_take_from_grants AFTER INSERT ON accounting_journalline
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION accounting_take_from_grants();
"""  # noqa: S608 - constants of this module

GUARDS: Final = f"""
CREATE FUNCTION accounting_guard_grant() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    standing record;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM pg_advisory_xact_lock_shared({sql.BOOKS_LOCK}, hashtext(NEW.tenant_id::text));
        SELECT status, type, currency, overdraft_policy, owner_type INTO standing FROM public.accounting_account
        WHERE tenant_id = NEW.tenant_id AND id = NEW.account_id;
        IF NOT FOUND OR standing.status <> 'active' THEN
            RAISE EXCEPTION 'nothing is granted on an account that is not active' USING ERRCODE = 'check_violation',
                CONSTRAINT = 'line_account_' || COALESCE(standing.status, 'closed'),
                DETAIL = COALESCE(NEW.account_id::text, 'none');
        END IF;
        IF standing.type <> 'liability' OR standing.overdraft_policy <> 'none' OR standing.owner_type = 'system' THEN
            RAISE EXCEPTION 'only an account that is owed and never overdrawn takes grants'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'grant_on_wallet', DETAIL = NEW.account_id::text;
        END IF;
        IF standing.currency <> NEW.currency OR NEW.status <> 'scheduled' OR (
            NEW.rolled_from_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM public.accounting_grant g WHERE g.tenant_id = NEW.tenant_id AND g.id = NEW.rolled_from_id
                    AND g.account_id = NEW.account_id AND g.status = 'active'
            )
        ) THEN
            RAISE EXCEPTION 'a grant begins scheduled, in the unit of its account'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'grant_begins_scheduled';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        -- Lines take and give back: inside their trigger.
        IF pg_trigger_depth() > 1 AND OLD.status IN ('active', 'used')
            AND to_jsonb(NEW) - '{{remaining,status,updated_at}}'::text[]
                IS NOT DISTINCT FROM to_jsonb(OLD) - '{{remaining,status,updated_at}}'::text[]
        THEN
            RETURN NEW;
        END IF;
        IF OLD.status = 'scheduled' AND NEW.status = 'revoked' AND NEW.remaining = 0
            AND to_jsonb(NEW) - '{{remaining,status,updated_at}}'::text[]
                IS NOT DISTINCT FROM to_jsonb(OLD) - '{{remaining,status,updated_at}}'::text[]
        THEN
            RETURN NEW;
        END IF;
        IF OLD.status = 'scheduled' AND NEW.status = 'active'
            AND to_jsonb(NEW) - '{{status,updated_at}}'::text[]
                IS NOT DISTINCT FROM to_jsonb(OLD) - '{{status,updated_at}}'::text[]
            AND EXISTS (
                SELECT FROM public.accounting_journalentry e
                JOIN public.accounting_journalline l ON l.tenant_id = e.tenant_id AND l.entry_id = e.id
                WHERE e.tenant_id = NEW.tenant_id AND e.source_id = NEW.id AND e.source_type = 'grant'
                    AND e.kind = CASE WHEN NEW.rolled_from_id IS NULL
                        THEN 'grant.activated' ELSE 'grant.rolled_over' END
                    AND e.xid = {sql.CURRENT_XID} AND e.created_at >= NEW.effective_at
                    AND l.account_id = NEW.account_id AND l.side = 'credit' AND l.amount = NEW.amount
            )
            AND (
                SELECT b.posted FROM public.accounting_balance b
                WHERE b.tenant_id = NEW.tenant_id AND b.id = NEW.account_id
            ) >= NEW.amount + (
                SELECT COALESCE(sum(g.remaining), 0) FROM public.accounting_grant g
                WHERE g.tenant_id = NEW.tenant_id AND g.account_id = NEW.account_id AND g.status = 'active'
            )
        THEN
            RETURN NEW;
        END IF;
        IF public.ledger_is_eraser(TG_RELID) AND NEW.metadata = '{{}}'
            AND to_jsonb(NEW) - 'metadata' IS NOT DISTINCT FROM to_jsonb(OLD) - 'metadata'
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a grant changes only with the lines that post it'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'grant_follows_its_lines';
END
$$;
CREATE TRIGGER grant_guarded BEFORE INSERT OR UPDATE OR DELETE ON accounting_grant
    FOR EACH ROW EXECUTE FUNCTION accounting_guard_grant();

CREATE FUNCTION accounting_hold_nothing_expired() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.accounting_balance b
        WHERE b.tenant_id = NEW.tenant_id AND b.id = NEW.account_id AND b.posted - b.held < (
            SELECT sum(g.remaining) FROM public.accounting_grant g
            WHERE g.tenant_id = b.tenant_id AND g.account_id = b.id AND g.status = 'active'
                AND g.expires_at <= NEW.created_at
        )
    ) THEN
        RAISE EXCEPTION 'what has expired of account % is not held', NEW.account_id USING ERRCODE = 'check_violation',
            CONSTRAINT = 'grants_are_covered', DETAIL = NEW.account_id::text;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER hold_takes_nothing_expired AFTER INSERT ON accounting_hold
    FOR EACH ROW EXECUTE FUNCTION accounting_hold_nothing_expired();

CREATE TRIGGER grant_use_written_by_triggers BEFORE INSERT ON accounting_grantuse
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER grant_use_is_final BEFORE UPDATE OR DELETE ON accounting_grantuse
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();

CREATE FUNCTION accounting_keep_grants_bounded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.accounting_grant g
        WHERE g.tenant_id = NEW.tenant_id AND g.account_id = NEW.id AND g.status IN ('scheduled', 'active')
    ) THEN
        RAISE EXCEPTION 'an account with grants is never overdrawn'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_grants_bounded', DETAIL = NEW.id::text;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER account_keeps_grants_bounded AFTER UPDATE ON accounting_account FOR EACH ROW
    WHEN (OLD.overdraft_policy = 'none' AND NEW.overdraft_policy <> 'none')
    EXECUTE FUNCTION accounting_keep_grants_bounded();
"""  # noqa: S608 - constants of this module

DROP: Final = """
DROP FUNCTION accounting_take_from_grants() CASCADE;
DROP FUNCTION accounting_guard_grant() CASCADE;
DROP FUNCTION accounting_hold_nothing_expired() CASCADE;
DROP FUNCTION accounting_keep_grants_bounded() CASCADE;
DROP TRIGGER grant_use_written_by_triggers ON accounting_grantuse;
DROP TRIGGER grant_use_is_final ON accounting_grantuse;
"""

DUE: Final = """
    SELECT tenant_id FROM accounting_grant WHERE status = 'scheduled' AND effective_at <= before
    UNION
    SELECT tenant_id FROM accounting_grant WHERE status = 'active' AND expires_at <= before
"""


def changed_eraser(name: str, arguments: str, returns: str, body: str) -> str:
    """An eraser that exists, with another body; its owner and who may execute it stay."""
    return (
        f"CREATE OR REPLACE FUNCTION {name}({arguments}) RETURNS {returns} LANGUAGE plpgsql VOLATILE SECURITY DEFINER "
        f"SET search_path = public, pg_temp AS $ledger${body}$ledger$;"
    )


def _with(source: str, old: str, new: str) -> str:
    """`source` with `old`, which must be there, replaced."""
    assert old in source, old
    return source.replace(old, new)


_MARK: Final = ("accounting_mark_books", "customers uuid[], at timestamptz", "uuid[]")
_ERASE: Final = ("accounting_erase_books", "ids uuid[]", "bigint")
ERASERS: Final = changed_eraser(
    *_MARK,
    _with(
        sql_erasure.MARK_BOOKS,
        "            UNION ALL\n            SELECT e.id, 'entry'",
        """            UNION ALL
            SELECT g.id, 'grant' FROM public.accounting_grant g
            WHERE g.tenant_id = public.ledger_current_tenant() AND g.account_id = ANY (theirs) AND g.metadata <> '{}'
            UNION ALL
            SELECT e.id, 'entry'""",
    ),
) + changed_eraser(
    *_ERASE,
    _with(
        _with(sql_erasure.ERASE_BOOKS, "'entry', 'transfer')", "'entry', 'transfer', 'grant')"),
        "    UPDATE public.accounting_transfer t",
        """    UPDATE public.accounting_grant g SET metadata = '{}'
    WHERE g.tenant_id = public.ledger_current_tenant() AND g.id = ANY (about) AND g.metadata <> '{}';
    GET DIAGNOSTICS done = ROW_COUNT;
    changed := changed + done;
    UPDATE public.accounting_transfer t""",
    ),
)
ERASERS_REVERSE: Final = changed_eraser(*_MARK, sql_erasure.MARK_BOOKS) + changed_eraser(
    *_ERASE, sql_erasure.ERASE_BOOKS
)
