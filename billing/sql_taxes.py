"""What the database itself does about tax rates, and what it erases of a customer's taxes."""

from billing import sql_erasure

TEXT_RANGE = "CREATE TYPE ledger_text_range AS RANGE (subtype = text)"
TEXT_RANGE_REVERSE = "DROP TYPE ledger_text_range"

TAX_RATE_GUARDS = """
CREATE FUNCTION billing_guard_tax_rate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a tax rate is never deleted; it ends'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    -- Whole rows are compared, so that a column added later is protected without anybody thinking of it.
    IF to_jsonb(NEW) - '{label,valid_until,updated_at}'::text[]
        IS DISTINCT FROM to_jsonb(OLD) - '{label,valid_until,updated_at}'::text[]
    THEN
        RAISE EXCEPTION 'of a tax rate only its label and its end may change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER tax_rate_is_final BEFORE UPDATE OR DELETE ON billing_taxrate
    FOR EACH ROW EXECUTE FUNCTION billing_guard_tax_rate();

-- Whoever issues from cached facts proves them by the version of the settings, which rates are a part of.
CREATE FUNCTION billing_tax_rate_changes_settings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.tenants_tenantsettings SET updated_at = updated_at WHERE tenant_id = NEW.tenant_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER tax_rate_changes_settings AFTER INSERT OR UPDATE ON billing_taxrate
    FOR EACH ROW EXECUTE FUNCTION billing_tax_rate_changes_settings();
"""

TAX_RATE_GUARDS_REVERSE = """
DROP FUNCTION billing_guard_tax_rate() CASCADE;
DROP FUNCTION billing_tax_rate_changes_settings() CASCADE;
"""

_ERASER = """
CREATE OR REPLACE FUNCTION billing_erase_customers(ids uuid[], at timestamptz) RETURNS uuid[] LANGUAGE plpgsql
VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $ledger${body}$ledger$
"""
CUSTOMER_ERASED = f"{sql_erasure.CUSTOMER_ERASED}, tax_ids = NULL, tax_exemption = NULL"
# Replacing keeps the owner and who may call it.
ERASE_CUSTOMERS = _ERASER.format(
    body=sql_erasure.ERASE_CUSTOMERS.replace(sql_erasure.CUSTOMER_ERASED, CUSTOMER_ERASED)
)  # fmt: skip
ERASE_CUSTOMERS_REVERSE = _ERASER.format(body=sql_erasure.ERASE_CUSTOMERS)
