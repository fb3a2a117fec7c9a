"""SQL of the outbox: what may never change, and storage."""

OUTBOX_STORAGE = """
ALTER TABLE events_event SET (
    -- Up to a page the data stays in the row: no second insert into a TOAST table, no compression.
    toast_tuple_target = 8160,
    -- Each event is updated once: dead versions must go before the index of the undispatched fills with them.
    autovacuum_vacuum_scale_factor = 0.05
)
"""
OUTBOX_STORAGE_REVERSE = "ALTER TABLE events_event RESET (toast_tuple_target, autovacuum_vacuum_scale_factor)"

# A column list costs nothing where `dispatched_at` alone is set, and the content is not even compared.
EVENT_IMMUTABLE = """
CREATE TRIGGER event_immutable
    BEFORE DELETE OR UPDATE OF id, tenant_id, type, object_type, object_id, data, occurred_at, trace_id, version
    ON events_event FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change()
"""
EVENT_IMMUTABLE_REVERSE = "DROP TRIGGER event_immutable ON events_event"

# Each tenant that has mail waiting, found by leaping through the index; then the longest due mails of each. A tenant
# whose mail somebody is sending right now is left out: one server, one sender.
MAIL_DUE = """
WITH RECURSIVE waiting AS (
    (SELECT m.tenant_id FROM events_mail m WHERE m.status IN ('queued', 'sending') ORDER BY m.tenant_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT m.tenant_id FROM events_mail m
        WHERE m.status IN ('queued', 'sending') AND m.tenant_id > waiting.tenant_id ORDER BY m.tenant_id LIMIT 1
    )
    FROM waiting WHERE waiting.tenant_id IS NOT NULL
)
SELECT waiting.tenant_id, due.ids
FROM waiting CROSS JOIN LATERAL (
    SELECT array_agg(m.id ORDER BY m.next_attempt_at, m.id) AS ids, min(m.next_attempt_at) AS since FROM (
        SELECT x.id, x.next_attempt_at FROM events_mail x
        WHERE x.tenant_id = waiting.tenant_id AND x.status IN ('queued', 'sending') AND x.next_attempt_at <= until
        ORDER BY x.next_attempt_at, x.id LIMIT batch
    ) AS m
) AS due
WHERE due.ids IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM events_mail s
    WHERE s.tenant_id = waiting.tenant_id AND s.status = 'sending' AND s.next_attempt_at > until
)
ORDER BY due.since LIMIT senders
"""

DUE = """
SELECT due.tenant_id, array_agg(due.id ORDER BY due.id) FROM (
    SELECT {table}.tenant_id, {table}.id, {table}.next_attempt_at FROM {table}
    WHERE status IN ({open}) AND next_attempt_at <= until ORDER BY next_attempt_at, id LIMIT batch
) AS due GROUP BY due.tenant_id ORDER BY min(due.next_attempt_at)
"""


def due(table: str, *statuses: str) -> str:
    """The longest due rows of a table of leased work, grouped by tenant."""
    return DUE.format(table=table, open=", ".join(f"'{status}'" for status in statuses))
