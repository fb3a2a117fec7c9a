"""SQL of the checks of VAT numbers: evidence stays as it is, and what it says of a person can be erased."""

# Rows that go with their customer are deleted by the foreign key, inside whose trigger this one is not at depth 0.
GUARD = """
CREATE FUNCTION billing_guard_vat_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF public.ledger_is_eraser(TG_RELID) AND num_nonnulls(NEW.number, NEW.name, NEW.address) = 0
        AND to_jsonb(NEW) - '{number,name,address}'::text[] = to_jsonb(OLD) - '{number,name,address}'::text[]
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a check of a VAT number is never changed'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END
$$;
CREATE TRIGGER vat_check_is_final BEFORE UPDATE ON billing_vatcheck
    FOR EACH ROW EXECUTE FUNCTION billing_guard_vat_check();
CREATE TRIGGER vat_check_is_kept BEFORE DELETE ON billing_vatcheck
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_refuse_change();
"""

GUARD_REVERSE = """
DROP FUNCTION billing_guard_vat_check() CASCADE;
DROP TRIGGER IF EXISTS vat_check_is_kept ON billing_vatcheck;
"""

# That, when and by whom it was checked stays, with the identifier that VIES gave.
ERASE = """
DECLARE
    changed bigint;
BEGIN
    DELETE FROM public.billing_vatverification v USING public.tenants_erasedobject o
    WHERE o.tenant_id = public.ledger_current_tenant() AND o.id = ANY (ids) AND v.tenant_id = o.tenant_id
        AND v.customer_id = o.id;
    UPDATE public.billing_vatcheck c SET number = NULL, name = NULL, address = NULL
    FROM public.tenants_erasedobject o
    WHERE o.tenant_id = public.ledger_current_tenant() AND o.id = ANY (ids) AND c.tenant_id = o.tenant_id
        AND c.customer_id = o.id AND num_nonnulls(c.number, c.name, c.address) > 0;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
"""

# Nulls first: what nobody has asked about yet waits for nothing.
DUE = (
    "SELECT tenant_id, customer_id FROM billing_vatverification WHERE next_attempt_at IS NULL "
    "OR next_attempt_at <= now ORDER BY next_attempt_at NULLS FIRST, id LIMIT most"
)
