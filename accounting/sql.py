"""SQL of the books: what the database itself does and refuses, whoever sends the statement.

Lines move balances and holds move what is held; nobody else writes a balance. Whoever posts holds the lock of the
tenant's books together with all others who post; whoever changes what an account may do holds it alone, so that the
checks of the two never look past each other. Functions run as the caller, under row-level security: they allow only
what they see.
"""

from typing import Final

BOOKS_LOCK: Final = 7411
"""First key of the advisory lock of a tenant's books; the second is `hashtext` of the tenant's id as text."""

CURRENT_XID: Final = "pg_current_xact_id()::text::bigint"

_ALL_LOCK: Final = f"pg_advisory_xact_lock_shared({BOOKS_LOCK}, hashtext(%s::text))"
_ONE_LOCK: Final = f"pg_advisory_xact_lock({BOOKS_LOCK}, hashtext(%s::text))"

NATURAL: Final = "CASE WHEN ({type} IN ('asset', 'expense')) = ({side} = 'debit') THEN {amount} ELSE -{amount} END"
"""What a line does to the balance of its account, from the account's own point of view."""

_NATURAL: Final = NATURAL.format(type="a.type", side="f.side", amount="f.amount")

LINES: Final = f"""
CREATE FUNCTION accounting_post_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    PERFORM {_ALL_LOCK % "t.tenant_id"} FROM (SELECT DISTINCT tenant_id FROM fresh) AS t;

    SELECT f.account_id, a.status INTO wrong
    FROM fresh f LEFT JOIN public.accounting_account a ON a.tenant_id = f.tenant_id AND a.id = f.account_id
    WHERE a.id IS NULL OR a.status <> 'active' LIMIT 1;
    IF FOUND AND wrong.status IS NULL THEN
        RAISE EXCEPTION 'a line names an account that does not exist' USING ERRCODE = 'foreign_key_violation',
            CONSTRAINT = 'line_account', TABLE = 'accounting_journalline', DETAIL = wrong.account_id::text;
    ELSIF FOUND THEN
        RAISE EXCEPTION 'nothing is posted to an account that is %', wrong.status USING ERRCODE = 'check_violation',
            CONSTRAINT = 'line_account_' || wrong.status, DETAIL = wrong.account_id::text;
    END IF;

    SELECT f.entry_id INTO wrong
    FROM fresh f JOIN public.accounting_account a ON a.tenant_id = f.tenant_id AND a.id = f.account_id
    GROUP BY f.entry_id, a.currency
    HAVING sum(CASE f.side WHEN 'debit' THEN f.amount ELSE -f.amount END) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'debits and credits of entry % differ', wrong.entry_id USING ERRCODE = 'check_violation',
            CONSTRAINT = 'entry_balanced', DETAIL = wrong.entry_id::text;
    END IF;

    SELECT f.entry_id INTO wrong
    FROM fresh f LEFT JOIN public.accounting_journalentry e ON e.tenant_id = f.tenant_id AND e.id = f.entry_id
    GROUP BY f.entry_id, e.id, e.line_count, e.xid, e.created_at
    HAVING e.id IS NULL OR e.xid <> {CURRENT_XID} OR e.line_count <> count(*)
        OR min(f.position) <> 0 OR max(f.position) <> count(*) - 1
        OR min(f.created_at) <> e.created_at OR max(f.created_at) <> e.created_at LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the lines of entry % are not those it was written with', wrong.entry_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_has_its_lines', DETAIL = wrong.entry_id::text;
    END IF;

    -- In the order of their ids, so that two that post to the same accounts wait for each other and never in a circle.
    PERFORM FROM public.accounting_balance b
    WHERE (b.tenant_id, b.id) IN (SELECT f.tenant_id, f.account_id FROM fresh f) ORDER BY b.id FOR NO KEY UPDATE;
    IF FOUND THEN
        UPDATE public.accounting_balance b SET posted = b.posted + change.amount
        FROM (
            SELECT f.tenant_id, f.account_id, sum({_NATURAL})::bigint AS amount
            FROM fresh f JOIN public.accounting_account a ON a.tenant_id = f.tenant_id AND a.id = f.account_id
            GROUP BY f.tenant_id, f.account_id
        ) AS change
        WHERE b.tenant_id = change.tenant_id AND b.id = change.account_id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER lines_are_posted AFTER INSERT ON accounting_journalline
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION accounting_post_lines();
CREATE TRIGGER line_is_final BEFORE UPDATE OR DELETE ON accounting_journalline
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
"""  # noqa: S608 - constants of this module

ENTRIES: Final = f"""
CREATE FUNCTION accounting_check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong uuid;
BEGIN
    SELECT f.id INTO wrong FROM fresh f
    WHERE f.xid <> {CURRENT_XID} OR f.line_count <> (
        SELECT count(*) FROM public.accounting_journalline l WHERE l.tenant_id = f.tenant_id AND l.entry_id = f.id
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % was written without its lines', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_has_its_lines', DETAIL = wrong::text;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER entries_have_their_lines AFTER INSERT ON accounting_journalentry
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION accounting_check_entries();

CREATE FUNCTION accounting_guard_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    text_columns constant text[] := '{{description,metadata,salt}}';
BEGIN
    IF TG_OP = 'UPDATE' AND public.ledger_is_eraser(TG_RELID)
        AND NEW.description IS NULL AND NEW.metadata IS NULL AND NEW.salt IS NULL
        AND to_jsonb(NEW) - text_columns IS NOT DISTINCT FROM to_jsonb(OLD) - text_columns
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'journal entries are never changed or deleted'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END
$$;
CREATE TRIGGER entry_is_final BEFORE UPDATE OR DELETE ON accounting_journalentry
    FOR EACH ROW EXECUTE FUNCTION accounting_guard_entry();
"""  # noqa: S608 - constants of this module

ACCOUNTS: Final = f"""
CREATE FUNCTION accounting_open_balance() RETURNS trigger LANGUAGE plpgsql AS $$
-- After the insert of an account, or a change of its overdraft.
DECLARE
    wanted bigint := CASE WHEN NEW.overdraft_policy = 'unlimited' THEN NULL ELSE -COALESCE(NEW.overdraft_limit, 0) END;
BEGIN
    IF wanted IS NULL THEN
        DELETE FROM public.accounting_balance WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
        RETURN NULL;
    END IF;
    UPDATE public.accounting_balance SET floor = wanted WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
    IF NOT FOUND THEN
        INSERT INTO public.accounting_balance (id, tenant_id, posted, held, floor)
        SELECT NEW.id, NEW.tenant_id, summed.posted, summed.held, wanted
        FROM public.accounting_summed(NEW.tenant_id, NEW.id, NEW.type) AS summed;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION accounting_summed(of_tenant uuid, of_account uuid, of_type text, OUT posted bigint, OUT held bigint)
LANGUAGE sql STABLE AS $$
    SELECT
        (
            SELECT COALESCE(sum({NATURAL.format(type="of_type", side="l.side", amount="l.amount")}), 0)::bigint
            FROM public.accounting_journalline l WHERE l.tenant_id = of_tenant AND l.account_id = of_account
        ),
        (
            SELECT COALESCE(sum(h.amount), 0)::bigint FROM public.accounting_hold h
            WHERE h.tenant_id = of_tenant AND h.account_id = of_account AND h.status = 'active'
        )
$$;

CREATE FUNCTION accounting_guard_account() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changing constant text[] := '{{overdraft_policy,overdraft_limit,status,metadata,updated_at}}';
    standing record;
BEGIN
    IF to_jsonb(NEW) - changing IS DISTINCT FROM to_jsonb(OLD) - changing THEN
        RAISE EXCEPTION 'unit, type, owner and code of an account never change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'account_identity_is_final';
    END IF;
    IF OLD.status = 'closed' AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'a closed account never changes'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'account_closed_is_final';
    END IF;
    IF (NEW.status, NEW.overdraft_policy, NEW.overdraft_limit)
        IS DISTINCT FROM (OLD.status, OLD.overdraft_policy, OLD.overdraft_limit)
    THEN
        PERFORM {_ONE_LOCK % "NEW.tenant_id"};
    END IF;
    IF NEW.status = 'closed' THEN
        SELECT * INTO standing FROM public.accounting_summed(NEW.tenant_id, NEW.id, NEW.type);
        IF standing.posted <> 0 OR standing.held <> 0 THEN
            RAISE EXCEPTION 'an account is closed only when it is empty'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'account_closed_is_empty';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER account_guarded BEFORE UPDATE ON accounting_account
    FOR EACH ROW EXECUTE FUNCTION accounting_guard_account();
CREATE TRIGGER account_stays BEFORE DELETE ON accounting_account
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER account_balance_opened AFTER INSERT ON accounting_account
    FOR EACH ROW WHEN (NEW.overdraft_policy <> 'unlimited') EXECUTE FUNCTION accounting_open_balance();
CREATE TRIGGER account_balance_follows AFTER UPDATE ON accounting_account
    FOR EACH ROW WHEN (
        (OLD.overdraft_policy, OLD.overdraft_limit) IS DISTINCT FROM (NEW.overdraft_policy, NEW.overdraft_limit)
    ) EXECUTE FUNCTION accounting_open_balance();

-- Written by the triggers of lines, holds and accounts, and by nobody else.
CREATE TRIGGER balance_written_by_triggers BEFORE INSERT OR UPDATE OR DELETE ON accounting_balance
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER unit_is_final BEFORE UPDATE OR DELETE ON accounting_unit
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
"""  # noqa: S608 - constants of this module

HOLDS: Final = f"""
CREATE FUNCTION accounting_hold() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changing constant text[] := '{{status,captured,transfer_id,updated_at}}';
    standing record;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM {_ALL_LOCK % "NEW.tenant_id"};
        SELECT status, currency INTO standing FROM public.accounting_account
        WHERE tenant_id = NEW.tenant_id AND id = NEW.account_id;
        IF NOT FOUND OR standing.status <> 'active' THEN
            RAISE EXCEPTION 'nothing is held on an account that is not active' USING ERRCODE = 'check_violation',
                CONSTRAINT = 'line_account_' || COALESCE(standing.status, 'closed'),
                DETAIL = COALESCE(NEW.account_id::text, 'none');
        END IF;
        IF standing.currency <> NEW.currency OR NEW.status <> 'active' THEN
            RAISE EXCEPTION 'a hold begins active, in the unit of its account'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_begins_active';
        END IF;
        UPDATE public.accounting_balance SET held = held + NEW.amount
        WHERE tenant_id = NEW.tenant_id AND id = NEW.account_id;
        RETURN NEW;
    END IF;
    IF to_jsonb(NEW) - changing IS DISTINCT FROM to_jsonb(OLD) - changing OR OLD.status <> 'active' THEN
        RAISE EXCEPTION 'an active hold ends once, and nothing else of it changes'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'hold_ends_once';
    END IF;
    IF NEW.status <> 'active' THEN
        -- Whoever bounds the account meanwhile sums what is held on it.
        PERFORM {_ALL_LOCK % "NEW.tenant_id"};
        UPDATE public.accounting_balance SET held = held - OLD.amount
        WHERE tenant_id = NEW.tenant_id AND id = NEW.account_id;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER hold_moves_balance BEFORE INSERT OR UPDATE ON accounting_hold
    FOR EACH ROW EXECUTE FUNCTION accounting_hold();
CREATE TRIGGER hold_stays BEFORE DELETE ON accounting_hold
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
"""  # noqa: S608 - constants of this module

TRANSFERS: Final = """
CREATE FUNCTION accounting_check_transfers() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong uuid;
BEGIN
    SELECT f.id INTO wrong FROM fresh f
    WHERE (
        SELECT count(*) FROM public.accounting_journalline l
        JOIN public.accounting_account a ON a.tenant_id = l.tenant_id AND a.id = l.account_id
        WHERE l.tenant_id = f.tenant_id AND l.entry_id = f.entry_id AND l.amount = f.amount AND a.currency = f.currency
            AND (l.side, l.account_id) IN (('debit', f.from_account_id), ('credit', f.to_account_id))
    ) <> 2 OR f.status <> 'posted' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transfer % is not what its entry says', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_is_its_entry', DETAIL = wrong::text;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER transfers_are_their_entries AFTER INSERT ON accounting_transfer
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION accounting_check_transfers();

CREATE FUNCTION accounting_guard_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changing constant text[] := '{status,void_entry_id,void_reason,updated_at}';
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.status = 'posted' AND NEW.status = 'voided'
        AND to_jsonb(NEW) - changing IS NOT DISTINCT FROM to_jsonb(OLD) - changing
        AND EXISTS (
            SELECT FROM public.accounting_journalentry e
            WHERE e.tenant_id = NEW.tenant_id AND e.id = NEW.void_entry_id AND e.reverses_id = OLD.entry_id
        )
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a transfer is voided once, and nothing else of it changes'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END
$$;
CREATE TRIGGER transfer_is_final BEFORE UPDATE OR DELETE ON accounting_transfer
    FOR EACH ROW EXECUTE FUNCTION accounting_guard_transfer();
"""

SEALS: Final = """
CREATE TRIGGER seal_is_final BEFORE UPDATE OR DELETE ON accounting_seal
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER sealed_entry_is_final BEFORE UPDATE OR DELETE ON accounting_sealedentry
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
"""

STORAGE: Final = """
-- A hot balance is rewritten with each posting: its dead versions must find room in the page.
ALTER TABLE accounting_balance SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE accounting_checkpoint SET (fillfactor = 70);
"""

DROP: Final = """
DROP FUNCTION accounting_post_lines() CASCADE;
DROP FUNCTION accounting_check_entries() CASCADE;
DROP FUNCTION accounting_guard_entry() CASCADE;
DROP FUNCTION accounting_open_balance() CASCADE;
DROP FUNCTION accounting_summed(uuid, uuid, text);
DROP FUNCTION accounting_guard_account() CASCADE;
DROP FUNCTION accounting_hold() CASCADE;
DROP FUNCTION accounting_check_transfers() CASCADE;
DROP FUNCTION accounting_guard_transfer() CASCADE;
"""
