"""SQL that lets an eraser, and nobody else, take what names somebody out of an event."""

GUARD = """
CREATE FUNCTION events_guard_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND public.ledger_is_eraser(TG_RELID) AND to_jsonb(NEW) - 'data' = to_jsonb(OLD) - 'data'
        AND NEW.data = public.ledger_document_erased(OLD.data)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% rows are never changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END
$$;
DROP TRIGGER event_immutable ON events_event;
CREATE TRIGGER event_immutable
    BEFORE DELETE OR UPDATE OF id, tenant_id, type, object_type, object_id, data, occurred_at, trace_id, version
    ON events_event FOR EACH ROW EXECUTE FUNCTION events_guard_event();
"""
GUARD_REVERSE = """
DROP FUNCTION events_guard_event() CASCADE;
CREATE TRIGGER event_immutable
    BEFORE DELETE OR UPDATE OF id, tenant_id, type, object_type, object_id, data, occurred_at, trace_id, version
    ON events_event FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
"""

ERASE_EVENTS = """
DECLARE
    changed bigint;
BEGIN
    UPDATE public.events_event e SET data = public.ledger_document_erased(e.data)
    FROM public.tenants_erasedobject o
    WHERE o.tenant_id = public.ledger_current_tenant() AND o.id = ANY (ids)
        AND e.tenant_id = o.tenant_id AND e.object_id = o.id AND e.data <> public.ledger_document_erased(e.data);
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
"""
