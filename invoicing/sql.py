"""What the database itself refuses about invoices. A test compares the transitions here with `transitions.INVOICE`."""

# Also the columns that a finalised invoice may still change; the rest is content.
MUTABLE = (
    "status", "amount_paid", "amount_refunded", "amount_credited", "paid_at", "voided_at", "void_reason", "provider_id",
    "email_status", "metadata", "updated_at", "erased_at",
)  # fmt: skip
TRANSITIONS = (
    ("draft", "pending"), ("draft", "paid"), ("pending", "paid"), ("pending", "failed"), ("pending", "past_due"),
    ("pending", "void"), ("pending", "uncollectible"), ("failed", "pending"), ("failed", "paid"),
    ("failed", "past_due"), ("failed", "void"), ("failed", "uncollectible"), ("past_due", "paid"),
    ("past_due", "failed"), ("past_due", "void"), ("past_due", "uncollectible"), ("uncollectible", "paid"),
    ("uncollectible", "void"), ("paid", "refunded"), ("paid", "past_due"),
)  # fmt: skip

_PAIRS = ", ".join(f"'{before}>{after}'" for before, after in TRANSITIONS)
_COLUMNS = ", ".join(f"'{column}'" for column in MUTABLE)

INVOICE_GUARD = f"""
CREATE FUNCTION invoicing_guard_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status NOT IN ('draft', 'pending') AND NOT (NEW.status = 'paid' AND NEW.total = 0) THEN
            RAISE EXCEPTION 'an invoice begins as draft or pending, not as %', NEW.status
                USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_begins';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF OLD.status <> 'draft' THEN
            RAISE EXCEPTION 'invoice % is finalised and is never deleted', OLD.invoice_number
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'invoice_kept';
        END IF;
        RETURN OLD;
    END IF;
    IF NEW.status <> OLD.status AND OLD.status || '>' || NEW.status NOT IN ({_PAIRS}) THEN
        RAISE EXCEPTION 'an invoice never becomes % from %', NEW.status, OLD.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_transition';
    END IF;
    IF NEW.tenant_id <> OLD.tenant_id OR NEW.id <> OLD.id THEN
        RAISE EXCEPTION 'an invoice stays with its tenant and its id'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'invoice_identity';
    END IF;
    IF OLD.status <> 'draft'
        AND to_jsonb(NEW) - ARRAY[{_COLUMNS}] IS DISTINCT FROM to_jsonb(OLD) - ARRAY[{_COLUMNS}] THEN
        RAISE EXCEPTION 'the content of invoice % is final', OLD.invoice_number
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'invoice_content_final';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER invoice_guard BEFORE INSERT OR UPDATE OR DELETE ON invoicing_invoice
    FOR EACH ROW EXECUTE FUNCTION invoicing_guard_invoice();
"""

ITEM_GUARD = """
CREATE FUNCTION invoicing_require_draft(of_tenant uuid, of_invoice uuid, refusal text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- A draft must be seen, not a finalised invoice: whoever hides the parent from row-level security sees neither.
    -- The lock makes finalising wait for this transaction, and this one see what a finalising one has made of it.
    PERFORM 1 FROM public.invoicing_invoice i
        WHERE i.tenant_id = of_tenant AND i.id = of_invoice AND i.status = 'draft' FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the items and the addressee of a finalised invoice are final'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = refusal;
    END IF;
END
$$;
CREATE FUNCTION invoicing_guard_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.invoicing_require_draft(OLD.tenant_id, OLD.invoice_id, 'item_final');
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    -- An item may neither leave a finalised invoice nor be moved to one.
    IF NEW.tenant_id <> OLD.tenant_id OR NEW.invoice_id <> OLD.invoice_id THEN
        PERFORM public.invoicing_require_draft(NEW.tenant_id, NEW.invoice_id, 'item_final');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER item_guard BEFORE UPDATE OR DELETE ON invoicing_invoiceitem
    FOR EACH ROW EXECUTE FUNCTION invoicing_guard_item();

CREATE FUNCTION invoicing_guard_new_items() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Issuing writes a document and all of its items in one statement each; nothing can be added afterwards.
    IF EXISTS (
        SELECT 1
        FROM (SELECT DISTINCT tenant_id, invoice_id FROM added) a
        WHERE NOT EXISTS (
            SELECT 1 FROM public.invoicing_invoice i
            WHERE i.tenant_id = a.tenant_id AND i.id = a.invoice_id AND (
                i.status = 'draft' OR i.item_count = (
                    SELECT count(*) FROM public.invoicing_invoiceitem x
                    WHERE x.tenant_id = a.tenant_id AND x.invoice_id = a.invoice_id
                )
            )
        )
    ) THEN
        RAISE EXCEPTION 'the items of a finalised invoice are final'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'item_final';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER item_guard_new AFTER INSERT ON invoicing_invoiceitem
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION invoicing_guard_new_items();
"""

BUYER_GUARD = """
CREATE FUNCTION invoicing_guard_buyer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Erasing is the one change that a finalised invoice allows, and it takes the salt with the values.
    IF TG_OP = 'UPDATE' AND NEW.id = OLD.id AND NEW.tenant_id = OLD.tenant_id AND NEW.salt IS NULL
        AND (NEW.user_id IS NULL OR NEW.user_id IS NOT DISTINCT FROM OLD.user_id)
        AND (NEW.name IS NULL OR NEW.name IS NOT DISTINCT FROM OLD.name)
        AND (NEW.email IS NULL OR NEW.email IS NOT DISTINCT FROM OLD.email)
        AND (NEW.address IS NULL OR NEW.address IS NOT DISTINCT FROM OLD.address)
        AND (NEW.vat_id IS NULL OR NEW.vat_id IS NOT DISTINCT FROM OLD.vat_id)
        AND (NEW.locale IS NULL OR NEW.locale IS NOT DISTINCT FROM OLD.locale)
        AND (NEW.notes IS NULL OR NEW.notes IS NOT DISTINCT FROM OLD.notes)
        AND (NEW.payment_instructions IS NULL OR NEW.payment_instructions IS NOT DISTINCT FROM OLD.payment_instructions)
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
CREATE TRIGGER buyer_guard BEFORE UPDATE OR DELETE ON invoicing_invoicebuyer
    FOR EACH ROW EXECUTE FUNCTION invoicing_guard_buyer();
"""

SERIES_GUARD = """
CREATE FUNCTION invoicing_guard_series() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.last_number >= OLD.start THEN
            RAISE EXCEPTION 'series %-% is in use', OLD.code, OLD.year
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'series_kept';
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.last_number >= OLD.start AND (
        NEW.last_number < OLD.last_number OR NEW.start <> OLD.start OR NEW.code <> OLD.code OR NEW.year <> OLD.year
        OR NEW.tenant_id <> OLD.tenant_id
    ) THEN
        RAISE EXCEPTION 'a number that has been given is never given again'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'series_rises';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER series_guard BEFORE UPDATE OR DELETE ON invoicing_numberseries
    FOR EACH ROW EXECUTE FUNCTION invoicing_guard_series();
"""

ALLOCATION_GUARD = """
CREATE TRIGGER allocation_immutable BEFORE UPDATE OR DELETE ON invoicing_paymentallocation
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
"""

# A row of several kilobytes stays in its page instead of being compressed on the hot path; the counter row is updated
# in place (HOT) as long as its page has room.
STORAGE = """
ALTER TABLE invoicing_invoice SET (toast_tuple_target = 8160);
ALTER TABLE invoicing_numberseries SET (fillfactor = 20);
"""

DROP = """
DROP FUNCTION invoicing_guard_invoice() CASCADE;
DROP FUNCTION invoicing_guard_item() CASCADE;
DROP FUNCTION invoicing_guard_new_items() CASCADE;
DROP FUNCTION invoicing_guard_buyer() CASCADE;
DROP FUNCTION invoicing_require_draft(uuid, uuid, text);
DROP FUNCTION invoicing_guard_series() CASCADE;
DROP TRIGGER allocation_immutable ON invoicing_paymentallocation;
"""
