"""What the database itself refuses about the catalogue."""

PRICE_GUARD = """
CREATE FUNCTION billing_guard_used_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a price in use is never deleted'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    -- Whole rows are compared, so that a column added later is protected without anybody thinking of it.
    IF to_jsonb(NEW) - '{active,metadata,updated_at}'::text[]
        IS DISTINCT FROM to_jsonb(OLD) - '{active,metadata,updated_at}'::text[]
    THEN
        RAISE EXCEPTION 'of a price in use only active and metadata may change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER price_used_is_final BEFORE UPDATE OR DELETE ON billing_price
    FOR EACH ROW WHEN (OLD.used_at IS NOT NULL) EXECUTE FUNCTION billing_guard_used_price();
"""

PRICE_GUARD_REVERSE = "DROP FUNCTION billing_guard_used_price() CASCADE"

EXCHANGE_RATE_GUARD = """
CREATE TRIGGER exchange_rate_final BEFORE UPDATE OR DELETE ON billing_exchangerate
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
"""

EXCHANGE_RATE_GUARD_REVERSE = "DROP TRIGGER exchange_rate_final ON billing_exchangerate"

# GiST has no operators for uuid without an extension that the embedded PostgreSQL lacks; ranges it compares by itself.
UUID_RANGE = "CREATE TYPE ledger_uuid_range AS RANGE (subtype = uuid)"
UUID_RANGE_REVERSE = "DROP TYPE ledger_uuid_range"

VERSION_GUARD = """
CREATE FUNCTION billing_guard_plan_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'draft' THEN
            RAISE EXCEPTION 'a version begins as a draft, not as %', NEW.status
                USING ERRCODE = 'check_violation', CONSTRAINT = 'plan_version_begins';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF OLD.status <> 'draft' THEN
            RAISE EXCEPTION 'version % was published and is never deleted', OLD.number
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'plan_version_kept';
        END IF;
        RETURN OLD;
    END IF;
    IF NEW.tenant_id <> OLD.tenant_id OR NEW.id <> OLD.id OR NEW.plan_id <> OLD.plan_id OR NEW.number <> OLD.number THEN
        RAISE EXCEPTION 'a version stays with its plan and its number'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'plan_version_identity';
    END IF;
    IF NEW.status <> OLD.status
        AND OLD.status || '>' || NEW.status NOT IN ('draft>published', 'published>deactivated')
    THEN
        RAISE EXCEPTION 'a version never becomes % from %', NEW.status, OLD.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'plan_version_transition';
    END IF;
    IF OLD.status = 'draft' AND NEW.status = 'published' THEN
        -- Whoever hides the plan hides the permission, so that the prices below are seen too.
        PERFORM 1 FROM public.billing_plan p
            WHERE p.tenant_id = NEW.tenant_id AND p.id = NEW.plan_id AND p.status = 'active' FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'only an active plan has published versions'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'plan_version_of_active_plan';
        END IF;
        IF EXISTS (
            SELECT FROM public.billing_planprice i JOIN public.billing_price p
                ON p.tenant_id = i.tenant_id AND p.id = i.price_id
            WHERE i.tenant_id = NEW.tenant_id AND i.version_id = NEW.id
                AND (p.used_at IS NULL OR p.currency <> NEW.currency)
        ) THEN
            RAISE EXCEPTION 'a published version has prices in its currency that never change'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'plan_version_prices_used';
        END IF;
    END IF;
    IF OLD.status <> 'draft' THEN
        -- Whole rows are compared, so that a column added later is protected without anybody thinking of it.
        IF to_jsonb(NEW) - '{status,ends_at,deactivated_at,deactivation_reason,updated_at}'::text[]
            IS DISTINCT FROM to_jsonb(OLD) - '{status,ends_at,deactivated_at,deactivation_reason,updated_at}'::text[]
            OR NEW.status = OLD.status AND NEW.ends_at IS DISTINCT FROM OLD.ends_at AND OLD.ends_at IS NOT NULL
            OR NEW.status <> OLD.status AND NEW.ends_at > OLD.ends_at
            OR OLD.status = 'deactivated' AND (
                NEW.ends_at IS DISTINCT FROM OLD.ends_at OR NEW.deactivated_at IS DISTINCT FROM OLD.deactivated_at
                OR NEW.deactivation_reason IS DISTINCT FROM OLD.deactivation_reason
            )
        THEN
            RAISE EXCEPTION 'version % was published and never changes', OLD.number
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'plan_version_final';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER plan_version_guard BEFORE INSERT OR UPDATE OR DELETE ON billing_planversion
    FOR EACH ROW EXECUTE FUNCTION billing_guard_plan_version();
"""

# A guard allows when it sees a draft, which it locks: publishing waits for it, or is seen by it (record 8).
CONTENT_GUARD = """
CREATE FUNCTION billing_require_draft_version(tenant uuid, version uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM public.billing_planversion v
        WHERE v.tenant_id = tenant AND v.id = version AND v.status = 'draft' FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'only a draft version of a plan changes in what it holds'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'plan_version_content_final';
    END IF;
END
$$;
CREATE FUNCTION billing_guard_version_content() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM public.billing_require_draft_version(OLD.tenant_id, OLD.version_id);
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    PERFORM public.billing_require_draft_version(NEW.tenant_id, NEW.version_id);
    RETURN NEW;
END
$$;
CREATE TRIGGER plan_price_guard BEFORE INSERT OR UPDATE OR DELETE ON billing_planprice
    FOR EACH ROW EXECUTE FUNCTION billing_guard_version_content();
CREATE TRIGGER plan_feature_guard BEFORE INSERT OR UPDATE OR DELETE ON billing_planfeature
    FOR EACH ROW EXECUTE FUNCTION billing_guard_version_content();
"""

VERSION_GUARDS_REVERSE = """
DROP FUNCTION billing_guard_plan_version() CASCADE;
DROP FUNCTION billing_guard_version_content() CASCADE;
DROP FUNCTION billing_require_draft_version(uuid, uuid);
"""
