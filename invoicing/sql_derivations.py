"""What the database refuses about derivations: one that is not what its digest says, and every change."""

GUARD = """
ALTER TABLE invoicing_invoicederivation ADD CONSTRAINT derivation_is_its_digest CHECK (sha256(body) = digest);
CREATE FUNCTION invoicing_guard_derivation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM public.invoicing_invoice i
        WHERE i.tenant_id = NEW.tenant_id AND i.id = NEW.id AND i.derivation_digest = NEW.digest
    ) THEN
        RAISE EXCEPTION 'the invoice has another derivation'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'derivation_of_invoice';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER derivation_guard BEFORE INSERT ON invoicing_invoicederivation
    FOR EACH ROW EXECUTE FUNCTION invoicing_guard_derivation();
CREATE TRIGGER derivation_immutable BEFORE UPDATE OR DELETE ON invoicing_invoicederivation
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
"""

DROP = """
DROP TRIGGER derivation_immutable ON invoicing_invoicederivation;
DROP FUNCTION invoicing_guard_derivation() CASCADE;
ALTER TABLE invoicing_invoicederivation DROP CONSTRAINT derivation_is_its_digest;
"""
