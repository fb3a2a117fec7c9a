"""SQL of the callbacks: what may never change, storage, and the questions that cross tenants."""

# Nobody changes what was sent; only NULL may replace it, and only the eraser writes that.
MESSAGE_IMMUTABLE = """
CREATE TRIGGER message_immutable
    BEFORE DELETE OR UPDATE OF id, tenant_id, event_type, occurred_at, created_at
    ON webhooks_message FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER message_body_written_once
    BEFORE UPDATE OF body ON webhooks_message FOR EACH ROW
    WHEN (NEW.body IS NOT NULL AND NEW.body IS DISTINCT FROM OLD.body) EXECUTE FUNCTION ledger_refuse_change()
"""
MESSAGE_IMMUTABLE_REVERSE = """
DROP TRIGGER message_body_written_once ON webhooks_message;
DROP TRIGGER message_immutable ON webhooks_message
"""
ATTEMPT_IMMUTABLE = """
CREATE TRIGGER attempt_immutable
    BEFORE DELETE OR UPDATE OF id, tenant_id, delivery_id, number, at, duration_ms, response_status
    ON webhooks_attempt FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER attempt_words_written_once
    BEFORE UPDATE OF response_body, error ON webhooks_attempt FOR EACH ROW
    WHEN ((NEW.response_body IS NOT NULL AND NEW.response_body IS DISTINCT FROM OLD.response_body)
        OR (NEW.error IS NOT NULL AND NEW.error IS DISTINCT FROM OLD.error))
    EXECUTE FUNCTION ledger_refuse_change()
"""
ATTEMPT_IMMUTABLE_REVERSE = """
DROP TRIGGER attempt_words_written_once ON webhooks_attempt;
DROP TRIGGER attempt_immutable ON webhooks_attempt
"""
DELIVERY_IDENTITY = """
CREATE TRIGGER callback_identity
    BEFORE DELETE OR UPDATE OF id, tenant_id, subscriber_id, message_id, event_type, created_at
    ON webhooks_delivery FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change()
"""
DELIVERY_IDENTITY_REVERSE = "DROP TRIGGER callback_identity ON webhooks_delivery"

STORAGE = """
ALTER TABLE webhooks_delivery SET (
    -- Each row is updated twice at least: dead versions must go before the index of the open ones fills with them.
    fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05
)
"""
STORAGE_REVERSE = "ALTER TABLE webhooks_delivery RESET (fillfactor, autovacuum_vacuum_scale_factor)"

# One probe of the index `callback_due` per subscriber with open deliveries, however many each has.
DUE = """
WITH RECURSIVE walk AS (
    (
        SELECT d.subscriber_id, d.tenant_id, d.next_attempt_at FROM webhooks_delivery d
        WHERE d.status IN ('pending', 'delivering', 'failed') AND d.subscriber_id > after
        ORDER BY d.subscriber_id, d.next_attempt_at LIMIT 1
    )
    UNION ALL
    SELECT n.subscriber_id, n.tenant_id, n.next_attempt_at FROM walk CROSS JOIN LATERAL (
        SELECT d.subscriber_id, d.tenant_id, d.next_attempt_at FROM webhooks_delivery d
        WHERE d.status IN ('pending', 'delivering', 'failed') AND d.subscriber_id > walk.subscriber_id
        ORDER BY d.subscriber_id, d.next_attempt_at LIMIT 1
    ) AS n
)
SELECT walk.tenant_id, walk.subscriber_id FROM walk
JOIN webhooks_subscriber s ON s.id = walk.subscriber_id
WHERE walk.next_attempt_at <= until AND s.active LIMIT batch
"""
BACKLOG = """
SELECT
    (SELECT count(*) FROM (SELECT 1 FROM webhooks_delivery
        WHERE status IN ('pending', 'delivering', 'failed') LIMIT 100000) AS d),
    (SELECT count(*) FROM (SELECT 1 FROM webhooks_delivery
        WHERE status IN ('pending', 'delivering', 'failed') AND next_attempt_at <= until LIMIT 100000) AS d),
    (SELECT count(*) FROM (SELECT 1 FROM webhooks_delivery WHERE status = 'dead' LIMIT 100000) AS d),
    (SELECT count(*) FROM (SELECT 1 FROM webhooks_subscriber
        WHERE deleted_at IS NULL AND failing_since IS NOT NULL LIMIT 100000) AS s),
    (SELECT count(*) FROM (SELECT 1 FROM webhooks_subscriber
        WHERE deleted_at IS NULL AND disabled_reason IN ('gone', 'failing') LIMIT 100000) AS s)
"""
