"""SQL of erased invoices: what an eraser may do to a finished document, and what it takes along."""

from invoicing import sql, sql_documents

# Nothing is expected of these any more. An uncollectible invoice is not among them: late money still settles it.
FINISHED = ("paid", "void", "refunded")
ERASED_TEXT = "erased"
_FINISHED = ", ".join(f"'{status}'" for status in FINISHED)

# When nothing more was to happen: the last of these. When money went back no column of its own says, so that a refunded
# invoice counts from its last change.
FINISHED_AT = (
    "GREATEST({i}issued_at, {i}paid_at, {i}voided_at, CASE WHEN {i}status = 'refunded' THEN {i}updated_at END)"
)

INDEX = f"""
CREATE INDEX invoice_retention ON invoicing_invoice (tenant_id, ({FINISHED_AT.format(i="")}))
    WHERE status IN ({_FINISHED}) AND erased_at IS NULL;
CREATE INDEX audit_deleted_items ON tenants_auditentry (tenant_id, (before ->> 'invoice_id'))
    WHERE action = 'invoiceItem.deleted';
CREATE INDEX audit_deleted_drafts ON tenants_auditentry (tenant_id, (before ->> 'customer_id'))
    WHERE action = 'invoice.deleted';
"""
INDEX_REVERSE = "DROP INDEX invoice_retention, audit_deleted_items, audit_deleted_drafts"

_INVOICE_GUARD = sql.INVOICE_GUARD.partition("CREATE TRIGGER")[0].replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
_DOCUMENT_GUARD = sql_documents.GUARD.partition("AS $$\n")[2].partition("\n$$;")[0]
_ANYBODY = "IF TG_OP = 'UPDATE' AND NEW.content IS NULL"
_ERASER = "IF TG_OP = 'UPDATE' AND public.ledger_is_eraser(TG_RELID) AND NEW.content IS NULL"
assert _ANYBODY in _DOCUMENT_GUARD
GUARDS = f"""
{_INVOICE_GUARD}
CREATE FUNCTION invoicing_guard_erasing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.erased_at IS NULL AND OLD.status IN ({_FINISHED})
        AND public.ledger_is_eraser(TG_RELID)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'only an eraser erases an invoice, once, when it is finished'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END
$$;
CREATE TRIGGER invoice_begins_whole BEFORE INSERT ON invoicing_invoice
    FOR EACH ROW WHEN (NEW.erased_at IS NOT NULL) EXECUTE FUNCTION invoicing_guard_erasing();
CREATE TRIGGER invoice_erased_by_eraser BEFORE UPDATE OF erased_at ON invoicing_invoice
    FOR EACH ROW WHEN (NEW.erased_at IS DISTINCT FROM OLD.erased_at) EXECUTE FUNCTION invoicing_guard_erasing();

CREATE OR REPLACE FUNCTION invoicing_guard_buyer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Erasing is the one change that a finalised invoice allows: all values go, and the salt with them.
    IF TG_OP = 'UPDATE' AND public.ledger_is_eraser(TG_RELID) AND NEW.id = OLD.id AND NEW.tenant_id = OLD.tenant_id
        AND jsonb_strip_nulls(to_jsonb(NEW) - '{{id,tenant_id}}'::text[]) = '{{}}'
    THEN
        RETURN NEW;
    END IF;
    PERFORM public.invoicing_require_draft(OLD.tenant_id, OLD.id, 'buyer_final');
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF NEW.tenant_id <> OLD.tenant_id OR NEW.id <> OLD.id THEN
        PERFORM public.invoicing_require_draft(NEW.tenant_id, NEW.id, 'buyer_final');
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION invoicing_guard_document() RETURNS trigger LANGUAGE plpgsql AS $$
{_DOCUMENT_GUARD.replace(_ANYBODY, _ERASER)}
$$;

-- A customer goes after the last of their documents. Runs inside the eraser, so nobody can hide the invoices from it.
CREATE FUNCTION invoicing_guard_erased_customer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM public.invoicing_invoice i
        WHERE i.tenant_id = NEW.tenant_id AND i.customer_id = NEW.id AND i.erased_at IS NULL
    ) THEN
        RAISE EXCEPTION 'a customer is erased after all of their invoices'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER customer_erased_when_settled BEFORE UPDATE OF erased_at ON billing_customer
    FOR EACH ROW WHEN (NEW.erased_at IS NOT NULL) EXECUTE FUNCTION invoicing_guard_erased_customer();
"""  # noqa: S608 - constants of this module

GUARDS_REVERSE = f"""
CREATE OR REPLACE FUNCTION invoicing_guard_document() RETURNS trigger LANGUAGE plpgsql AS $$
{_DOCUMENT_GUARD}
$$;
DROP FUNCTION invoicing_guard_erased_customer() CASCADE;
DROP FUNCTION invoicing_guard_erasing() CASCADE;
{sql.BUYER_GUARD.partition("CREATE TRIGGER")[0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")}
{_INVOICE_GUARD}
"""

# Payments that paid nothing else; items about which the trail tells. Of erased invoices also what is theirs alone.
TRACES = """
CREATE FUNCTION invoicing_traces(ids uuid[]) RETURNS TABLE (id uuid, kind text) LANGUAGE sql STABLE AS $$
    SELECT DISTINCT a.payment_id, 'payment' FROM public.invoicing_paymentallocation a
    WHERE a.tenant_id = public.ledger_current_tenant() AND a.invoice_id = ANY (ids) AND NOT EXISTS (
        SELECT 1 FROM public.invoicing_paymentallocation b
        JOIN public.invoicing_invoice other ON other.tenant_id = b.tenant_id AND other.id = b.invoice_id
        WHERE b.tenant_id = a.tenant_id AND b.payment_id = a.payment_id
            AND other.erased_at IS NULL AND b.invoice_id <> ALL (ids)
    )
    UNION ALL
    SELECT x.id, 'invoiceItem' FROM public.invoicing_invoiceitem x
    WHERE x.tenant_id = public.ledger_current_tenant() AND x.invoice_id = ANY (ids) AND EXISTS (
        SELECT 1 FROM public.tenants_auditentry a WHERE a.tenant_id = x.tenant_id AND a.entity_id = x.id
    )
    UNION
    SELECT a.entity_id, 'invoiceItem' FROM public.tenants_auditentry a
    WHERE a.tenant_id = public.ledger_current_tenant() AND a.action = 'invoiceItem.deleted'
        AND a.before ->> 'invoice_id' = ANY (ids::text[])
$$
"""
TRACES_REVERSE = "DROP FUNCTION invoicing_traces(uuid[])"

_MARK = """
    WITH recorded AS (
        INSERT INTO public.tenants_erasedobject (id, tenant_id, kind, erased_at, recorded_at)
        SELECT t.id, public.ledger_current_tenant(), t.kind, at, clock_timestamp() FROM (
            SELECT unnest({ids}) AS id, 'invoice' AS kind
            UNION ALL
            SELECT traces.id, traces.kind FROM public.invoicing_traces({ids}) AS traces
        ) AS t
        ON CONFLICT DO NOTHING
        RETURNING id
    )
    SELECT array_agg(id) INTO marked FROM recorded;
"""

ERASE_INVOICES = f"""
DECLARE
    done uuid[];
    marked uuid[];
BEGIN
    -- Locked first: whoever changes the invoice now is waited for, and what they leave decides. Not against references:
    -- a document that is being stored holds the addressee's row, which is waited for below.
    SELECT COALESCE(array_agg(due.id), '{{}}') INTO done FROM (
        SELECT i.id FROM public.invoicing_invoice i
        WHERE i.tenant_id = public.ledger_current_tenant() AND i.id = ANY (ids) AND i.status IN ({_FINISHED})
            AND i.erased_at IS NULL
        ORDER BY i.id FOR NO KEY UPDATE
    ) AS due;
    UPDATE public.invoicing_invoicebuyer SET user_id = NULL, name = NULL, email = NULL, address = NULL, vat_id = NULL,
        locale = NULL, notes = NULL, payment_instructions = NULL, salt = NULL
    WHERE tenant_id = public.ledger_current_tenant() AND id = ANY (done);
    UPDATE public.invoicing_invoice SET metadata = '{{}}', erased_at = at, updated_at = at,
        void_reason = CASE WHEN void_reason IS NOT NULL THEN '{ERASED_TEXT}' END
    WHERE tenant_id = public.ledger_current_tenant() AND id = ANY (done);
    {_MARK.format(ids="done")}
    RETURN COALESCE(marked, '{{}}');
END
"""  # noqa: S608 - constants of this module

# Drafts that the customer's callers deleted: no row is left, the trail and the events still tell.
MARK_DRAFTS = f"""
DECLARE
    drafts uuid[];
    marked uuid[];
BEGIN
    SELECT COALESCE(array_agg(a.entity_id), '{{}}') INTO drafts FROM public.tenants_auditentry a
    WHERE a.tenant_id = public.ledger_current_tenant() AND a.action = 'invoice.deleted'
        AND a.before ->> 'customer_id' IN (
            SELECT o.id::text FROM public.tenants_erasedobject o
            WHERE o.tenant_id = a.tenant_id AND o.id = ANY (customers) AND o.kind = 'customer'
        );
    {_MARK.format(ids="drafts")}
    RETURN COALESCE(marked, '{{}}');
END
"""  # noqa: S608 - constants of this module

# After the addressee: a document that is being stored meanwhile has waited for that, and is refused.
ERASE_DOCUMENTS = """
DECLARE
    changed bigint;
BEGIN
    UPDATE public.invoicing_invoicedocument d SET content = NULL
    FROM public.tenants_erasedobject o
    WHERE o.tenant_id = public.ledger_current_tenant() AND o.id = ANY (ids) AND d.tenant_id = o.tenant_id
        AND d.id = o.id AND d.content IS NOT NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
    DELETE FROM public.invoicing_documentrequest r USING public.tenants_erasedobject o
    WHERE o.tenant_id = public.ledger_current_tenant() AND o.id = ANY (ids) AND r.tenant_id = o.tenant_id
        AND r.id = o.id;
    RETURN changed;
END
"""
