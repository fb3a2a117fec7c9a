"""SQL of what is sealed and what is not yet, for the sealer and for those who read beside it.

`position` says where the sealer of a tenant stands, as this statement's snapshot sees it: entries up to (`horizon`,
`through`) are sealed, those from `ceiling` on are too. A transaction below `xmin` has ended, and so has one of another
cluster, whose id lies in the future. Transactions of this cluster between `xmin` and `xmax` may be running.
"""

from typing import Final

HORIZON_LAG: Final = 100_000
"""A tenant that rests is looked at once in so many transactions: what lies above its horizon stays little."""

NO_LINE: Final = "00000000-0000-0000-0000-000000000000"

_NOW: Final = """
    SELECT pg_snapshot_xmin(s)::text::bigint AS xmin, pg_snapshot_xmax(s)::text::bigint AS xmax,
        COALESCE(pg_current_xact_id_if_assigned()::text::bigint, 0) AS own,
        (SELECT system_identifier FROM pg_control_system()) AS cluster
    FROM pg_current_snapshot() AS s
"""

POSITION: Final = f"""
    SELECT now.xmin, now.xmax, now.own, now.cluster, COALESCE(known.yes AND p.swept, false) AS swept,
        CASE WHEN known.yes THEN p.horizon ELSE 0 END AS horizon,
        CASE WHEN known.yes THEN p.through ELSE '{NO_LINE}' END AS through,
        CASE WHEN known.yes AND p.swept THEN GREATEST(now.xmax, now.own + 1) ELSE 9223372036854775807 END AS ceiling
    FROM ({_NOW}) AS now
    LEFT JOIN accounting_sealprogress p ON p.tenant_id = {{tenant}}
    CROSS JOIN LATERAL (SELECT p.cluster = now.cluster AND p.horizon <= now.xmax AS yes) AS known
"""  # noqa: S608 - constants of this module
"""One row. `tenant` is an expression."""

UNSEALED: Final = """
    e.tenant_id = {tenant} AND (e.xid, e.id) > (position.horizon, position.through) AND e.xid < position.ceiling
    AND (SELECT s.id FROM accounting_sealedentry s WHERE s.id = e.id) IS NULL
"""
"""A condition on an entry `e` beside a `position`. A subquery, not a join: the planner, who cannot know how few entries
there are, would read the whole history for it.
"""

ENDED: Final = "(e.xid < position.xmin OR (e.xid >= position.xmax AND e.xid <> position.own))"
"""Another: nothing that commits later can come before this entry."""

SIGNED: Final = "CASE WHEN l.side = 'credit' THEN l.amount ELSE -l.amount END"
"""Credit − debit of a line `l`, whatever the type of its account."""

LAST_CHECKPOINT: Final = f"""(
    SELECT * FROM (
        (
            SELECT c.line_at, c.line_id, c.balance FROM accounting_checkpoint c
            WHERE c.tenant_id = %(tenant)s::uuid AND c.account_id = {{account}}
                AND (c.line_at, c.line_id) < ({{at}}, {{line}})
            ORDER BY c.line_at DESC, c.line_id DESC LIMIT 1
        )
        UNION ALL SELECT '-infinity'::timestamptz, '{NO_LINE}'::uuid, 0::bigint
    ) AS either (line_at, line_id, balance) ORDER BY line_at DESC LIMIT 1
)"""  # noqa: S608 - constants of this module
"""The last checkpoint of `account` before the line (`at`, `line`), or one of nothing before all lines.

Its columns are compared with those of lines as they are: beside an expression row-level security keeps PostgreSQL from
using the index.
"""

TENANTS_WITH_UNSEALED: Final = f"""
    SELECT t.id FROM tenants_tenant t CROSS JOIN LATERAL ({POSITION.format(tenant="t.id")}) AS position
    WHERE EXISTS (
        SELECT FROM accounting_journalentry e WHERE {UNSEALED.format(tenant="t.id")} AND {ENDED}
    ) OR (
        (NOT position.swept OR position.horizon < position.xmin - {HORIZON_LAG})
        AND EXISTS (SELECT FROM accounting_journalentry e WHERE e.tenant_id = t.id)
    )
"""  # noqa: S608 - constants of this module

BACKLOG: Final = f"""
    SELECT COALESCE(sum(waiting.entries), 0)::bigint, (array_agg(waiting.oldest ORDER BY waiting.oldest))[1]
    FROM tenants_tenant t CROSS JOIN LATERAL ({POSITION.format(tenant="t.id")}) AS position
    CROSS JOIN LATERAL (
        SELECT count(*) AS entries, (array_agg(u.id ORDER BY u.id))[1] AS oldest
        FROM (SELECT e.id FROM accounting_journalentry e WHERE {UNSEALED.format(tenant="t.id")} LIMIT 100000) AS u
    ) AS waiting
"""  # noqa: S608 - constants of this module
"""Of all tenants: how many entries are not sealed, each tenant's counted up to 100,000, and the id of the oldest."""
