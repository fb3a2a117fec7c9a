"""What the database itself refuses: changes of settled payments, and anything about an erased customer."""

from django.db import migrations

SETTLED = """
CREATE FUNCTION billing_guard_settled_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a settled payment is never deleted'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    -- Whole rows are compared, so that a column added later is protected without anybody thinking of it.
    IF to_jsonb(NEW) - '{amount_refunded,updated_at}'::text[]
        IS DISTINCT FROM to_jsonb(OLD) - '{amount_refunded,updated_at}'::text[]
    THEN
        RAISE EXCEPTION 'of a settled payment only the refunded amount may change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    IF NEW.amount_refunded < OLD.amount_refunded THEN
        RAISE EXCEPTION 'the refunded amount of a payment never falls'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$
"""

PAYMENT_TRIGGER = """
CREATE TRIGGER payment_settled_is_final BEFORE UPDATE OR DELETE ON billing_payment
    FOR EACH ROW WHEN (OLD.status IN ('succeeded', 'failed', 'cancelled'))
    EXECUTE FUNCTION billing_guard_settled_payment()
"""

CUSTOMER_TRIGGER = """
CREATE TRIGGER customer_erased_is_final BEFORE UPDATE ON billing_customer
    FOR EACH ROW WHEN (OLD.erased_at IS NOT NULL)
    EXECUTE FUNCTION ledger_refuse_change()
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [
        migrations.RunSQL(SETTLED, "DROP FUNCTION billing_guard_settled_payment() CASCADE"),
        migrations.RunSQL(PAYMENT_TRIGGER, "DROP TRIGGER IF EXISTS payment_settled_is_final ON billing_payment"),
        migrations.RunSQL(CUSTOMER_TRIGGER, "DROP TRIGGER IF EXISTS customer_erased_is_final ON billing_customer"),
    ]
