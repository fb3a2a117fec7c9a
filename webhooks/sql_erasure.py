"""SQL of erased callbacks: what was sent about an object, and what was answered, may go, by an eraser alone."""

GUARDS = """
CREATE FUNCTION webhooks_guard_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Written once. Only NULL may follow, and only an eraser writes that.
    IF public.ledger_is_eraser(TG_RELID)
        AND jsonb_strip_nulls(to_jsonb(NEW) - ARRAY(SELECT jsonb_object_keys(to_jsonb(OLD) - TG_ARGV::text[]))) = '{}'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% rows are never changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END
$$;
DROP TRIGGER message_body_written_once ON webhooks_message;
CREATE TRIGGER message_body_written_once BEFORE UPDATE OF body ON webhooks_message FOR EACH ROW
    WHEN (NEW.body IS DISTINCT FROM OLD.body) EXECUTE FUNCTION webhooks_guard_words('body');
DROP TRIGGER attempt_words_written_once ON webhooks_attempt;
CREATE TRIGGER attempt_words_written_once BEFORE UPDATE OF response_body, error ON webhooks_attempt FOR EACH ROW
    WHEN (NEW.response_body IS DISTINCT FROM OLD.response_body OR NEW.error IS DISTINCT FROM OLD.error)
    EXECUTE FUNCTION webhooks_guard_words('response_body', 'error');
"""
GUARDS_REVERSE = """
DROP FUNCTION webhooks_guard_words() CASCADE;
CREATE TRIGGER message_body_written_once
    BEFORE UPDATE OF body ON webhooks_message FOR EACH ROW
    WHEN (NEW.body IS NOT NULL AND NEW.body IS DISTINCT FROM OLD.body) EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER attempt_words_written_once
    BEFORE UPDATE OF response_body, error ON webhooks_attempt FOR EACH ROW
    WHEN ((NEW.response_body IS NOT NULL AND NEW.response_body IS DISTINCT FROM OLD.response_body)
        OR (NEW.error IS NOT NULL AND NEW.error IS DISTINCT FROM OLD.error))
    EXECUTE FUNCTION ledger_refuse_change();
"""

# A callback has the id of its event. What is on its way is claimed anew, so that whoever sends it now can record no
# answer; the next claim finds nothing to send and ends the delivery.
ERASE_CALLBACKS = """
DECLARE
    changed bigint;
    messages uuid[];
BEGIN
    SELECT array_agg(e.id) INTO messages
    FROM public.tenants_erasedobject o
    JOIN public.events_event e ON e.tenant_id = o.tenant_id AND e.object_id = o.id
    WHERE o.tenant_id = public.ledger_current_tenant() AND o.id = ANY (ids);
    UPDATE public.webhooks_message SET body = NULL
    WHERE tenant_id = public.ledger_current_tenant() AND id = ANY (messages) AND body IS NOT NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
    UPDATE public.webhooks_attempt a SET response_body = NULL, error = NULL FROM public.webhooks_delivery d
    WHERE d.tenant_id = public.ledger_current_tenant() AND d.message_id = ANY (messages)
        AND a.tenant_id = d.tenant_id AND a.delivery_id = d.id AND num_nonnulls(a.response_body, a.error) > 0;
    UPDATE public.webhooks_delivery SET last_error = NULL, lease_token = NULL, lease_until = NULL,
        status = CASE WHEN status <> 'delivering' THEN status WHEN failures > 0 THEN 'failed' ELSE 'pending' END
    WHERE tenant_id = public.ledger_current_tenant() AND message_id = ANY (messages)
        AND (last_error IS NOT NULL OR status = 'delivering');
    RETURN changed;
END
"""
