"""SQL of the audit trail: the generic trigger function, and UUIDv7 made by the database."""

_UUID7 = """
    -- 48 bits of milliseconds, version 7, 12 bits of the millisecond's fraction, variant 2, the rest random. The
    -- fraction keeps what one transaction writes in its order.
    SELECT encode(
        overlay(uuid_send(gen_random_uuid())
            PLACING substring(int8send(clock.us / 1000) FROM 3)
                || int2send((28672 + clock.us % 1000 * 4096 / 1000)::int2)
            FROM 1 FOR 8),
        'hex')::uuid
    FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) AS clock
"""

# From PostgreSQL 18 on its own function, which the planner puts in place of ours.
UUID7 = f"""
DO $do$
BEGIN
    IF current_setting('server_version_num')::integer >= 180000 THEN
        CREATE FUNCTION ledger_uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS $$ SELECT uuidv7() $$;
    ELSE
        CREATE FUNCTION ledger_uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS $${_UUID7}$$;
    END IF;
END
$do$
"""

AUDIT = """
CREATE FUNCTION ledger_audit() RETURNS trigger LANGUAGE plpgsql AS $$
-- Arguments: entity, hidden columns, ignored columns, verbs by status. See tenants.isolation.Audited.
DECLARE
    hidden constant text[] := TG_ARGV[1]::text[];
    ignored constant text[] := TG_ARGV[2]::text[];
    context constant jsonb := COALESCE(NULLIF(current_setting('ledger.context', true), ''), '{}')::jsonb;
    old_row jsonb;
    new_row jsonb;
    whole jsonb;
    before_values jsonb;
    after_values jsonb;
    verb text := lower(TG_OP) || 'd';
    secret text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        whole := to_jsonb(NEW);
        verb := 'created';
        after_values := jsonb_strip_nulls(whole) - (ignored || '{id,tenant_id}'::text[]);
    ELSIF TG_OP = 'DELETE' THEN
        whole := to_jsonb(OLD);
        before_values := jsonb_strip_nulls(whole) - (ignored || '{id,tenant_id}'::text[]);
    ELSE
        old_row := to_jsonb(OLD);
        new_row := to_jsonb(NEW);
        whole := new_row;
        SELECT jsonb_object_agg(key, old_row -> key), jsonb_object_agg(key, value)
            INTO before_values, after_values
            FROM jsonb_each(new_row)
            WHERE value IS DISTINCT FROM old_row -> key AND key <> ALL (ignored);
        IF after_values IS NULL THEN
            RETURN NULL;
        END IF;
        IF after_values ? 'status' THEN
            verb := COALESCE(TG_ARGV[3]::jsonb ->> (new_row ->> 'status'), new_row ->> 'status');
        END IF;
    END IF;
    FOREACH secret IN ARRAY hidden LOOP
        IF before_values ? secret THEN
            before_values := jsonb_set(before_values, ARRAY[secret], '"***"');
        END IF;
        IF after_values ? secret THEN
            after_values := jsonb_set(after_values, ARRAY[secret], '"***"');
        END IF;
    END LOOP;
    INSERT INTO public.tenants_auditentry (
        id, tenant_id, action, entity_type, entity_id, actor_type, actor_id, trace_id, ip_address, reason,
        before, after, outcome, created_at
    ) VALUES (
        public.ledger_uuid7(),
        COALESCE(whole ->> 'tenant_id', whole ->> 'id')::uuid,
        TG_ARGV[0] || '.' || verb,
        TG_ARGV[0],
        (whole ->> 'id')::uuid,
        COALESCE(context ->> 'actorType', 'database'),
        COALESCE(context ->> 'actorId', session_user),
        COALESCE(context ->> 'traceId', ''),
        NULLIF(context ->> 'ip', ''),
        NULLIF(context ->> 'reason', ''),
        before_values, after_values, 'succeeded', clock_timestamp()
    );
    RETURN NULL;
END
$$
"""

REFUSE_CHANGE = """
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are never changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END
$$
"""

FINAL_ROWS = """
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON tenants_auditentry
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
-- Only the trigger of an audited table writes here; nobody can make an entry up.
CREATE TRIGGER audit_written_by_triggers BEFORE INSERT ON tenants_auditentry
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_refuse_change();
-- A stored answer is repeated as it was, or deleted when it has expired.
CREATE TRIGGER idempotency_final
    BEFORE UPDATE OF id, tenant_id, key, fingerprint, status, body, location ON tenants_idempotencykey
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
"""

BUMP_VERSION = """
CREATE FUNCTION ledger_bump_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END
$$
"""
