"""What the database refuses about the schedule of revenue. A test compares the steps with what the services do."""

STEPS = (("scheduled", "recognised"), ("scheduled", "cancelled"), ("recognised", "reversed"))

_PAIRS = ", ".join(f"'{before}>{after}'" for before, after in STEPS)

RECOGNITION_GUARD = f"""
CREATE FUNCTION invoicing_guard_recognition() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changing constant text[] := '{{status,entry_id}}';
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'scheduled' THEN
            RAISE EXCEPTION 'a month begins as scheduled, not as %', NEW.status
                USING ERRCODE = 'check_violation', CONSTRAINT = 'recognition_begins';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - changing IS DISTINCT FROM to_jsonb(OLD) - changing
        OR OLD.status || '>' || NEW.status NOT IN ({_PAIRS})
    THEN
        RAISE EXCEPTION 'a month of an invoice is recognised, cancelled or reversed, and nothing else of it changes'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'recognition_final';
    END IF;
    -- It is what the journal says.
    IF NOT (CASE NEW.status
        WHEN 'recognised' THEN EXISTS (
            SELECT FROM public.accounting_journalentry e
            WHERE e.tenant_id = NEW.tenant_id AND e.id = NEW.entry_id AND e.source_id = NEW.id
        )
        WHEN 'reversed' THEN NEW.entry_id = OLD.entry_id AND EXISTS (
            SELECT FROM public.accounting_journalentry e
            WHERE e.tenant_id = NEW.tenant_id AND e.reverses_id = OLD.entry_id
        )
        ELSE true
    END) THEN
        RAISE EXCEPTION 'the journal has no entry that makes this month %', NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'recognition_is_its_entry';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER recognition_guard BEFORE INSERT OR UPDATE OR DELETE ON invoicing_recognition
    FOR EACH ROW EXECUTE FUNCTION invoicing_guard_recognition();
"""  # noqa: S608 - constants of this module

DROP = "DROP FUNCTION invoicing_guard_recognition() CASCADE;"
