"""The transaction of one tenant. Outside of it every query on tenant tables returns nothing."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from tenants.context import Context, system_context

SET_CONTEXT = "SELECT set_config('ledger.tenant_id', %s, true), set_config('ledger.context', %s, true)"
GET_CONTEXT = "SELECT current_setting('ledger.tenant_id', true), current_setting('ledger.context', true)"
_STATE_REASON = (
    "SELECT set_config('ledger.context', "
    "(COALESCE(NULLIF(current_setting('ledger.context', true), ''), '{}')::jsonb "
    "|| jsonb_build_object('reason', %s::text))::text, true)"
)


@contextmanager
def tenant_scope(tenant: UUID | Context) -> Iterator[None]:
    """A transaction whose tenant, actor, trace and reason are set; everything is rolled back when the block raises.

    Nested in another scope, the outer one comes back at the end: a released savepoint would keep the inner setting.
    A connection that the server closed while it was idle is replaced once, before anything has happened on it.
    """
    context = tenant if isinstance(tenant, Context) else system_context(tenant, "ledger")
    if connection.in_atomic_block:
        with transaction.atomic():
            before = _read(GET_CONTEXT)
            _set(str(context.tenant_id), context.audit_setting())
            yield
            if not connection.needs_rollback:
                _set(before[0] or "", before[1] or "")
        return
    ensure_alive()
    with transaction.atomic():
        _set(str(context.tenant_id), context.audit_setting())
        yield


def state_reason(reason: str) -> None:
    """Give the rest of the current transaction a reason for the audit trail."""
    with connection.cursor() as cursor:
        cursor.execute(_STATE_REASON, [reason])


def current_tenant_id() -> UUID | None:
    """The tenant of the current transaction, or None."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT NULLIF(current_setting('ledger.tenant_id', true), '')::uuid")
        row = cursor.fetchone()
    return row[0] if row else None


def ensure_alive(wrapper: BaseDatabaseWrapper | None = None) -> None:
    """Replace a connection the server has closed (a restart, a failover); the socket tells, no query is needed.

    The thread's own one, unless another is given.
    """
    own: Any = wrapper or connection
    raw = own.connection
    if raw is None:
        return
    if raw.closed or raw.broken or _hung_up(raw.fileno()):
        own.close()


def _hung_up(descriptor: int) -> bool:
    """Whether the peer has closed or sent something unasked: an idle connection must have nothing to read."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poller.poll(0))


def _set(tenant_id: str, setting: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SET_CONTEXT, [tenant_id, setting])


def _read(sql: str) -> tuple[str | None, str | None]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone()
    assert row is not None
    return row[0], row[1]
