"""SQL of erased customers and payments: who may empty them, and that nothing else is done on the way."""

# The row stays because documents refer to it; what it says of a person goes. A new customer may take the external id.
CUSTOMER_ERASED = (
    "external_id = NULL, name = NULL, email = NULL, locale = NULL, address = NULL, vat_id = NULL, vat_status = NULL, "
    "metadata = '{}'"
)

GUARDS = """
CREATE FUNCTION billing_guard_erasing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND public.ledger_is_eraser(TG_RELID) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'only an eraser erases a customer'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END
$$;
CREATE TRIGGER customer_erased_by_eraser BEFORE INSERT OR UPDATE OF erased_at ON billing_customer
    FOR EACH ROW WHEN (NEW.erased_at IS NOT NULL) EXECUTE FUNCTION billing_guard_erasing();

CREATE OR REPLACE FUNCTION billing_guard_settled_payment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changing text[] := '{amount_refunded,updated_at}';
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a settled payment is never deleted'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    IF public.ledger_is_eraser(TG_RELID) AND NEW.reference IS NULL AND NEW.failure_message IS NULL
        AND NEW.metadata = '{}'
    THEN
        changing := changing || '{reference,failure_message,metadata}'::text[];
    END IF;
    -- Whole rows are compared, so that a column added later is protected without anybody thinking of it.
    IF to_jsonb(NEW) - changing IS DISTINCT FROM to_jsonb(OLD) - changing THEN
        RAISE EXCEPTION 'of a settled payment only the refunded amount may change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    IF NEW.amount_refunded < OLD.amount_refunded THEN
        RAISE EXCEPTION 'the refunded amount of a payment never falls'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
"""

GUARDS_REVERSE = "DROP FUNCTION billing_guard_erasing() CASCADE"

# Higher apps add triggers that refuse a customer who is not through with them (`invoicing`: every invoice is erased).
ERASE_CUSTOMERS = f"""
DECLARE
    done uuid[];
    marked uuid[];
BEGIN
    WITH emptied AS (
        UPDATE public.billing_customer SET {CUSTOMER_ERASED}, erased_at = at, updated_at = at
        WHERE tenant_id = public.ledger_current_tenant() AND id = ANY (ids) AND erased_at IS NULL
        RETURNING id
    )
    SELECT COALESCE(array_agg(id), '{{}}') INTO done FROM emptied;
    WITH recorded AS (
        INSERT INTO public.tenants_erasedobject (id, tenant_id, kind, erased_at, recorded_at)
        SELECT id, public.ledger_current_tenant(), kind, at, clock_timestamp() FROM (
            SELECT unnest(done) AS id, 'customer' AS kind
            UNION ALL
            SELECT p.id, 'payment' FROM public.billing_payment p
            WHERE p.tenant_id = public.ledger_current_tenant() AND p.customer_id = ANY (done)
        ) AS theirs
        ON CONFLICT DO NOTHING
        RETURNING id
    )
    SELECT array_agg(id) INTO marked FROM recorded;
    RETURN COALESCE(marked, '{{}}');
END
"""  # noqa: S608 - constants of this module

ERASE_PAYMENTS = """
DECLARE
    changed bigint;
BEGIN
    UPDATE public.billing_payment p SET reference = NULL, failure_message = NULL, metadata = '{}'
    FROM public.tenants_erasedobject o
    WHERE o.tenant_id = public.ledger_current_tenant() AND o.id = ANY (ids) AND p.tenant_id = o.tenant_id
        AND p.id = o.id AND (num_nonnulls(p.reference, p.failure_message) > 0 OR p.metadata <> '{}');
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
"""
