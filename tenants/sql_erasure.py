"""SQL of erasure: what is left of values that named a person, and the guards that let only an eraser leave just that.

An eraser is a SECURITY DEFINER function of the owner (`tenants.operations.EraserFunction`). The application may call
it and nothing else: the guards below ask `ledger_is_eraser` and then compare whole rows with what erasing makes of
them, so that an eraser cannot write a value of its own either.
"""

# Columns of audited tables that hold closed lists, numbers of documents or ids of ours; beside them numbers, booleans
# and times stay. Whatever is not named here might have been written by a person about a person.
AUDIT_KEPT = (
    "status", "currency", "series", "invoice_number", "type", "kind", "method", "provider", "provider_ref",
    "vat_status", "email_status", "failure_code", "customer_id", "invoice_id", "payment_id", "product_id", "price_id",
    "subscription_id", "provider_id",
)  # fmt: skip
# The same of objects as the API shows them: what events, callbacks and stored answers consist of.
DOCUMENT_KEPT = (
    "id", "object", "success", "status", "currency", "invoiceNumber", "type", "kind", "method", "provider",
    "providerRef", "vatStatus", "emailStatus", "failureCode", "customerId", "invoiceId", "paymentId", "productId",
    "priceId", "subscriptionId", "providerId", "creditNoteId", "mailId", "taxBreakdown", "coupons", "dueDate",
    "issuedAt", "paidAt", "voidedAt", "sentAt", "periodStart", "periodEnd", "erasedAt", "createdAt", "updatedAt",
)  # fmt: skip
# What the erasers' own transactions state as their reason; any other may have been typed about somebody.
RETENTION = "data retention"
REQUESTED = "erasure requested"


def _list(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


DOCUMENT_ERASED = f"""
-- The order of the keys stays, and each key stays: readers find every documented field, empty.
CREATE OR REPLACE FUNCTION ledger_document_erased(document text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF document IS NULL OR document = '' THEN
        RETURN document;
    END IF;
    RETURN (
        SELECT '{{' || COALESCE(string_agg(to_json(key)::text || ':' || CASE
            WHEN json_typeof(value) IN ('null', 'number', 'boolean') OR key IN ({_list(DOCUMENT_KEPT)}) THEN value::text
            WHEN key = 'metadata' THEN '{{}}'
            ELSE 'null'
        END, ',' ORDER BY place), '') || '}}'
        FROM json_each(document::json) WITH ORDINALITY AS pair (key, value, place)
    );
EXCEPTION WHEN data_exception THEN
    RETURN '{{}}';
END
$$;
"""  # noqa: S608 - constants of this module
HELPERS = f"""
CREATE FUNCTION ledger_is_eraser(relation regclass) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT current_user = pg_catalog.pg_get_userbyid(relowner) FROM pg_catalog.pg_class WHERE oid = relation
$$;

CREATE FUNCTION ledger_current_tenant() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT NULLIF(current_setting('ledger.tenant_id', true), '')::uuid
$$;

CREATE FUNCTION ledger_audit_erased(whole jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN whole IS NULL THEN NULL ELSE (
        SELECT COALESCE(jsonb_object_agg(key, CASE
            WHEN jsonb_typeof(value) IN ('null', 'number', 'boolean') OR jsonb_typeof(value) = 'string'
                AND (key IN ({_list(AUDIT_KEPT)}) OR key ~ '_(at|date|start|end)$') THEN value
            ELSE '"erased"'::jsonb
        END), '{{}}'::jsonb)
        FROM jsonb_each(whole)
    ) END
$$;

CREATE FUNCTION ledger_reason_erased(reason text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN reason IN ('{RETENTION}', '{REQUESTED}') THEN reason END
$$;

{DOCUMENT_ERASED}

-- What follows the prefix of a TypeID: 26 characters of base 32, most significant first.
CREATE FUNCTION ledger_typeid_suffix(id uuid) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz',
        1 + substring(B'00' || whole.bits FROM 1 + 5 * place FOR 5)::bit(5)::integer, 1), '' ORDER BY place)
    FROM (SELECT ('x' || translate(id::text, '-', ''))::bit(128) AS bits) AS whole, generate_series(0, 25) AS place
$$;
"""  # noqa: S608 - constants of this module

HELPERS_REVERSE = """
DROP FUNCTION ledger_typeid_suffix(uuid);
DROP FUNCTION ledger_document_erased(text);
DROP FUNCTION ledger_reason_erased(text);
DROP FUNCTION ledger_audit_erased(jsonb);
DROP FUNCTION ledger_current_tenant();
DROP FUNCTION ledger_is_eraser(regclass);
"""

GUARDS = """
CREATE FUNCTION ledger_guard_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND public.ledger_is_eraser(TG_RELID)
        AND to_jsonb(NEW) - '{before,after,reason}'::text[] = to_jsonb(OLD) - '{before,after,reason}'::text[]
        AND NEW.before IS NOT DISTINCT FROM public.ledger_audit_erased(OLD.before)
        AND NEW.after IS NOT DISTINCT FROM public.ledger_audit_erased(OLD.after)
        AND NEW.reason IS NOT DISTINCT FROM public.ledger_reason_erased(OLD.reason)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% rows are never changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END
$$;
DROP TRIGGER audit_append_only ON tenants_auditentry;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON tenants_auditentry
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_audit();

CREATE FUNCTION ledger_guard_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF public.ledger_is_eraser(TG_RELID) AND to_jsonb(NEW) - 'body' = to_jsonb(OLD) - 'body'
        AND NEW.body = public.ledger_document_erased(OLD.body)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% rows are never changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END
$$;
DROP TRIGGER idempotency_final ON tenants_idempotencykey;
CREATE TRIGGER idempotency_final
    BEFORE UPDATE OF id, tenant_id, key, fingerprint, status, body, location ON tenants_idempotencykey
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_answer();

-- Only an eraser says that something was erased; nobody takes it back.
CREATE FUNCTION ledger_guard_erased_object() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND public.ledger_is_eraser(TG_RELID) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'only an eraser records what was erased'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END
$$;
CREATE TRIGGER erased_object_final BEFORE INSERT OR UPDATE OR DELETE ON tenants_erasedobject
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_erased_object();
"""

GUARDS_REVERSE = """
DROP FUNCTION ledger_guard_erased_object() CASCADE;
DROP FUNCTION ledger_guard_answer() CASCADE;
DROP FUNCTION ledger_guard_audit() CASCADE;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON tenants_auditentry
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER idempotency_final
    BEFORE UPDATE OF id, tenant_id, key, fingerprint, status, body, location ON tenants_idempotencykey
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
"""

# Deletions are rare: a small index finds what an object left in the trail when it went.
DELETIONS_INDEX = """
CREATE INDEX audit_deletions ON tenants_auditentry (tenant_id, entity_id)
    WHERE action IN ('customer.deleted', 'invoice.deleted', 'invoiceItem.deleted')
"""

ERASE_AUDIT = """
DECLARE
    changed bigint;
BEGIN
    UPDATE public.tenants_auditentry a SET
        before = public.ledger_audit_erased(a.before),
        after = public.ledger_audit_erased(a.after),
        reason = public.ledger_reason_erased(a.reason)
    FROM public.tenants_erasedobject o
    WHERE o.tenant_id = public.ledger_current_tenant() AND o.id = ANY (ids)
        AND a.tenant_id = o.tenant_id AND a.entity_id = o.id
        AND (a.before IS DISTINCT FROM public.ledger_audit_erased(a.before)
            OR a.after IS DISTINCT FROM public.ledger_audit_erased(a.after)
            OR a.reason IS DISTINCT FROM public.ledger_reason_erased(a.reason));
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
"""

# One pass over the answers of a day, whatever the number of objects: there is no index to find them by.
MENTIONING = """
    EXISTS (
        SELECT 1 FROM regexp_matches(k.body, '"[a-z]+_([0-7][0-9a-hjkmnp-tv-z]{25})"', 'g') AS named (suffix)
        JOIN erased e ON e.suffix = named.suffix[1]
    )
"""
ERASED_SINCE = """
    SELECT public.ledger_typeid_suffix(o.id) AS suffix FROM public.tenants_erasedobject o
    WHERE o.tenant_id = public.ledger_current_tenant() AND o.recorded_at >= since
"""

ERASE_ANSWERS = f"""
DECLARE
    changed bigint;
BEGIN
    WITH erased AS MATERIALIZED ({ERASED_SINCE})
    UPDATE public.tenants_idempotencykey k SET body = public.ledger_document_erased(k.body)
    WHERE k.tenant_id = public.ledger_current_tenant() AND EXISTS (SELECT 1 FROM erased)
        AND k.body <> public.ledger_document_erased(k.body) AND {MENTIONING};
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
"""  # noqa: S608 - constants of this module

# Of what does not exist any more only the trail and the events tell; there is no row that could be marked.
MARK_DELETED = """
DECLARE
    marked uuid[];
BEGIN
    WITH gone AS (
        SELECT DISTINCT ON (a.entity_id) a.entity_id, a.entity_type FROM public.tenants_auditentry a
        WHERE a.tenant_id = public.ledger_current_tenant()
            AND a.action IN ('customer.deleted', 'invoice.deleted', 'invoiceItem.deleted')
            AND (a.action = 'customer.deleted' AND a.entity_id = ANY (ids) OR a.created_at < LEAST(until, (
                SELECT clock_timestamp() - make_interval(days => s.data_retention_days)
                FROM public.tenants_tenantsettings s WHERE s.tenant_id = a.tenant_id
            )))
            AND NOT EXISTS (
                SELECT 1 FROM public.tenants_erasedobject o WHERE o.tenant_id = a.tenant_id AND o.id = a.entity_id
            )
        ORDER BY a.entity_id
        LIMIT batch
    ), recorded AS (
        INSERT INTO public.tenants_erasedobject (id, tenant_id, kind, erased_at, recorded_at)
        SELECT entity_id, public.ledger_current_tenant(), entity_type, at, clock_timestamp() FROM gone
        ON CONFLICT DO NOTHING
        RETURNING id
    )
    SELECT array_agg(id) INTO marked FROM recorded;
    RETURN COALESCE(marked, '{}');
END
"""

ANSWERS_LEFT = f"""
DECLARE
    found bigint;
BEGIN
    WITH erased AS MATERIALIZED ({ERASED_SINCE})
    SELECT count(*) INTO found FROM public.tenants_idempotencykey k
    WHERE k.tenant_id = public.ledger_current_tenant() AND EXISTS (SELECT 1 FROM erased)
        AND k.body <> public.ledger_document_erased(k.body) AND {MENTIONING};
    RETURN found;
END
"""  # noqa: S608 - constants of this module
