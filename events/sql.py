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

DUE = """
SELECT due.tenant_id, array_agg(due.id ORDER BY due.id) FROM (
    SELECT {table}.tenant_id, {table}.id, {table}.next_attempt_at FROM {table}
    WHERE status IN ({open}) AND next_attempt_at <= until ORDER BY next_attempt_at, id LIMIT batch
) AS due GROUP BY due.tenant_id ORDER BY min(due.next_attempt_at)
"""


def due(table: str, *statuses: str) -> str:
    """The longest due rows of a table of leased work, grouped by tenant."""
    return DUE.format(table=table, open=", ".join(f"'{status}'" for status in statuses))
