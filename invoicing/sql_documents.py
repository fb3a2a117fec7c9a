"""What the database itself refuses about the documents of invoices."""

GUARD = """
CREATE FUNCTION invoicing_guard_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.content IS NULL OR sha256(NEW.content) <> NEW.sha256 OR octet_length(NEW.content) <> NEW.size THEN
            RAISE EXCEPTION 'the digest of a document is that of its bytes'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'document_digest';
        END IF;
        -- The lock makes whoever erases the addressee wait for this document, and erase it then.
        PERFORM 1 FROM public.invoicing_invoice i
            JOIN public.invoicing_invoicebuyer b ON b.tenant_id = i.tenant_id AND b.id = i.id
            WHERE i.tenant_id = NEW.tenant_id AND i.id = NEW.id AND i.status <> 'draft' AND b.salt IS NOT NULL
            FOR SHARE OF b;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'only a finalised invoice whose addressee is there has a document'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'document_of_finalised';
        END IF;
        RETURN NEW;
    END IF;
    -- Erasing the bytes is the one change.
    IF TG_OP = 'UPDATE' AND NEW.content IS NULL AND to_jsonb(NEW) - 'content' = to_jsonb(OLD) - 'content' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the document of an invoice is final'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'document_final';
END
$$;
CREATE TRIGGER document_guard BEFORE INSERT OR UPDATE OR DELETE ON invoicing_invoicedocument
    FOR EACH ROW EXECUTE FUNCTION invoicing_guard_document();
-- A PDF is compressed already.
ALTER TABLE invoicing_invoicedocument ALTER COLUMN content SET STORAGE EXTERNAL;
"""

DROP = """
DROP FUNCTION invoicing_guard_document() CASCADE;
"""
