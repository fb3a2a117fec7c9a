"""SQL that puts balances back to what the lines and holds say. Only the owner's function can write a balance."""

from typing import Final

from accounting.sql import BOOKS_LOCK

# Not even the owner may leave anything else in the row than what the journal gives.
GUARD: Final = """
CREATE FUNCTION accounting_guard_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of record;
    summed record;
BEGIN
    IF public.ledger_is_eraser(TG_RELID) THEN
        SELECT a.type, a.overdraft_policy, a.overdraft_limit INTO of FROM public.accounting_account a
        WHERE a.tenant_id = COALESCE(NEW.tenant_id, OLD.tenant_id) AND a.id = COALESCE(NEW.id, OLD.id);
        IF TG_OP = 'DELETE' THEN
            IF of.overdraft_policy IS NULL OR of.overdraft_policy = 'unlimited' THEN
                RETURN OLD;
            END IF;
        ELSE
            SELECT * INTO summed FROM public.accounting_summed(NEW.tenant_id, NEW.id, of.type);
            IF (NEW.posted, NEW.held, NEW.floor)
                IS NOT DISTINCT FROM (summed.posted, summed.held, -COALESCE(of.overdraft_limit, 0))
                AND of.overdraft_policy <> 'unlimited'
                AND (TG_OP = 'INSERT' OR (NEW.tenant_id, NEW.id) = (OLD.tenant_id, OLD.id))
            THEN
                RETURN NEW;
            END IF;
        END IF;
    END IF;
    RAISE EXCEPTION 'a balance is written by lines and holds only'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END
$$;
DROP TRIGGER balance_written_by_triggers ON accounting_balance;
CREATE TRIGGER balance_written_by_triggers BEFORE INSERT OR UPDATE OR DELETE ON accounting_balance
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION accounting_guard_balance();
"""
GUARD_REVERSE: Final = """
DROP TRIGGER balance_written_by_triggers ON accounting_balance;
DROP FUNCTION accounting_guard_balance();
CREATE TRIGGER balance_written_by_triggers BEFORE INSERT OR UPDATE OR DELETE ON accounting_balance
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_refuse_change();
"""

# Whoever posts, holds or ends a hold takes part in the lock of the books: under it nothing is under way, and a later
# statement sums. Holds are not locked: whoever ends one has locked it before they ask for the books.
REBUILD: Final = f"""
DECLARE
    of_tenant constant uuid := ledger_current_tenant();
BEGIN
    PERFORM pg_advisory_xact_lock({BOOKS_LOCK}, hashtext(of_tenant::text));
    PERFORM FROM accounting_balance b WHERE b.tenant_id = of_tenant AND b.id = ANY(wanted) ORDER BY b.id FOR UPDATE;
    DELETE FROM accounting_balance b USING accounting_account a
    WHERE b.tenant_id = of_tenant AND b.id = ANY(wanted) AND a.tenant_id = b.tenant_id AND a.id = b.id
        AND a.overdraft_policy = 'unlimited';
    INSERT INTO accounting_balance AS b (id, tenant_id, posted, held, floor)
    SELECT a.id, a.tenant_id, summed.posted, summed.held, -COALESCE(a.overdraft_limit, 0)
    FROM accounting_account a CROSS JOIN LATERAL accounting_summed(a.tenant_id, a.id, a.type) AS summed
    WHERE a.tenant_id = of_tenant AND a.id = ANY(wanted) AND a.overdraft_policy <> 'unlimited'
    ORDER BY a.id
    ON CONFLICT (id) DO UPDATE SET posted = EXCLUDED.posted, held = EXCLUDED.held, floor = EXCLUDED.floor;
END
"""  # noqa: S608 - constants of this module
