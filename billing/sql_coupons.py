"""What the database itself refuses about coupons, and how it counts their redemptions."""

COUPON_GUARD = """
CREATE FUNCTION billing_guard_redeemed_coupon() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a coupon that was redeemed is never deleted'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    -- Whole rows are compared, so that a column added later is protected without anybody thinking of it.
    IF to_jsonb(NEW) - '{name,valid_until,max_redemptions,active,metadata,times_redeemed,updated_at}'::text[]
        IS DISTINCT FROM
        to_jsonb(OLD) - '{name,valid_until,max_redemptions,active,metadata,times_redeemed,updated_at}'::text[]
    THEN
        RAISE EXCEPTION 'the terms of a coupon that was redeemed never change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER coupon_redeemed_is_final BEFORE UPDATE OR DELETE ON billing_coupon
    FOR EACH ROW WHEN (OLD.redeemed_at IS NOT NULL) EXECUTE FUNCTION billing_guard_redeemed_coupon();
"""

# Allows what it sees, and locks it: a redemption waits, or is seen (record 8).
TARGET_GUARD = """
CREATE FUNCTION billing_require_unredeemed_coupon(tenant uuid, coupon uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM public.billing_coupon c
        WHERE c.tenant_id = tenant AND c.id = coupon AND c.redeemed_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'only a coupon that was never redeemed changes in what it is restricted to'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'coupon_target_final';
    END IF;
END
$$;
CREATE FUNCTION billing_guard_coupon_target() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM public.billing_require_unredeemed_coupon(OLD.tenant_id, OLD.coupon_id);
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    PERFORM public.billing_require_unredeemed_coupon(NEW.tenant_id, NEW.coupon_id);
    RETURN NEW;
END
$$;
CREATE TRIGGER coupon_target_guard BEFORE INSERT OR UPDATE OR DELETE ON billing_coupontarget
    FOR EACH ROW EXECUTE FUNCTION billing_guard_coupon_target();
"""

# The update of the coupon waits for every other redemption of it. Only then are those of the customer counted, by a
# statement of its own, whose snapshot has whatever the others have committed.
REDEMPTION_COUNT = """
CREATE FUNCTION billing_count_redemption() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    most integer;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        UPDATE public.billing_coupon SET times_redeemed = times_redeemed - 1
            WHERE tenant_id = NEW.tenant_id AND id = NEW.coupon_id;
    ELSE
        UPDATE public.billing_coupon
            SET times_redeemed = times_redeemed + 1, redeemed_at = coalesce(redeemed_at, NEW.applied_at)
            WHERE tenant_id = NEW.tenant_id AND id = NEW.coupon_id
            RETURNING coalesce(max_redemptions_per_customer, 1) INTO most;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a redemption that no coupon counts'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_counted';
    END IF;
    IF most < (
        SELECT count(*) FROM public.billing_redemption r
        WHERE r.tenant_id = NEW.tenant_id AND r.coupon_id = NEW.coupon_id AND r.customer_id = NEW.customer_id
            AND r.returned_at IS NULL
    ) THEN
        RAISE EXCEPTION 'the customer has redeemed the coupon % times', most
            USING ERRCODE = 'check_violation', CONSTRAINT = 'redemption_limit_of_customer';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER redemption_counts AFTER INSERT ON billing_redemption
    FOR EACH ROW EXECUTE FUNCTION billing_count_redemption();
CREATE TRIGGER redemption_returned_counts AFTER UPDATE ON billing_redemption
    FOR EACH ROW WHEN (OLD.returned_at IS NULL AND NEW.returned_at IS NOT NULL)
    EXECUTE FUNCTION billing_count_redemption();
"""

REDEMPTION_GUARD = """
CREATE FUNCTION billing_guard_redemption() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.returned_at IS NOT NULL THEN
            RAISE EXCEPTION 'a redemption does not begin as returned'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'redemption_begins';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a redemption is never deleted'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_kept';
    END IF;
    -- Whole rows are compared, so that a column added later is protected without anybody thinking of it.
    IF OLD.returned_at IS NOT NULL
        OR to_jsonb(NEW) - '{periods_used,amount_left,ended_at,returned_at}'::text[]
            IS DISTINCT FROM to_jsonb(OLD) - '{periods_used,amount_left,ended_at,returned_at}'::text[]
    THEN
        RAISE EXCEPTION 'of a redemption only what is used of it changes, and nothing once it was returned'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_final';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER redemption_guard BEFORE INSERT OR UPDATE OR DELETE ON billing_redemption
    FOR EACH ROW EXECUTE FUNCTION billing_guard_redemption();
"""

USE_GUARD = """
CREATE FUNCTION billing_guard_coupon_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.returned_at IS NOT NULL
        OR to_jsonb(NEW) - 'returned_at' IS DISTINCT FROM to_jsonb(OLD) - 'returned_at'
    THEN
        RAISE EXCEPTION 'what an invoice took from a coupon never changes; it is given back once'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER coupon_use_is_final BEFORE UPDATE OR DELETE ON billing_couponuse
    FOR EACH ROW EXECUTE FUNCTION billing_guard_coupon_use();
"""

GUARDS = COUPON_GUARD + TARGET_GUARD + REDEMPTION_COUNT + REDEMPTION_GUARD + USE_GUARD
GUARDS_REVERSE = """
DROP FUNCTION billing_guard_redeemed_coupon() CASCADE;
DROP FUNCTION billing_guard_coupon_target() CASCADE;
DROP FUNCTION billing_require_unredeemed_coupon(uuid, uuid);
DROP FUNCTION billing_count_redemption() CASCADE;
DROP FUNCTION billing_guard_redemption() CASCADE;
DROP FUNCTION billing_guard_coupon_use() CASCADE;
"""
