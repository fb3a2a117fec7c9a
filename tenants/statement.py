"""One statement in one round trip: the transport of hot effects.

`set_config` for tenant and audit context and the prepared statement travel in one pipeline up to one Sync, which is an
implicit transaction. Results are read after Sync, so that whoever sees an answer sees a commit. Waiting happens in
`poll`, because libpq's `PQgetResult` would block with the GIL held.

Parameters travel as text and are cast in the statement (`$1::uuid`): what libpq sends does not depend on the adapters
of psycopg, and a NULL or a small integer never changes the statement's types.
"""

from __future__ import annotations

import datetime as dt
import select
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import pq

from tenants.context import Context
from tenants.scope import ensure_alive
from tenants.writers import writers

_SET_CONTEXT = b"SELECT set_config('ledger.tenant_id', $1, true), set_config('ledger.context', $2, true)"
_SET_NAME = b"ledger_set_context"
_ALREADY_PREPARED = b"42P05"
# Longer than the server's own limit for a statement: this one is for a server that hangs.
ANSWER_SECONDS = 40

Parameter = UUID | str | int | bytes | dt.datetime | None


class HotStatement:
    """A statement with `$1::type` parameters that is prepared once per connection and run in one round trip."""

    def __init__(self, name: str, sql: str) -> None:
        self.name = name.encode()
        self.sql = sql.encode()

    def run(self, context: Context, parameters: Sequence[Parameter]) -> list[tuple[bytes | None, ...]]:
        """Execute for `context` and return the rows, each value as the text PostgreSQL prints, after the commit.

        Raises the `psycopg.Error` of the server's refusal: nothing has happened then. Raises
        `psycopg.OperationalError` when the connection was lost: the outcome is unknown, and the idempotency key tells
        on the next try. Inside an open transaction of the caller it takes part in that transaction; otherwise it
        borrows a connection from `tenants.writers`.
        """
        values = [as_text(value) for value in parameters]
        if connection.in_atomic_block:
            return self._run_on(connection, context, values)
        with writers.lend() as lent:
            return self._run_on(lent, context, values)

    def _run_on(
        self, wrapper: BaseDatabaseWrapper, context: Context, values: Sequence[bytes | None]
    ) -> list[tuple[bytes | None, ...]]:
        ensure_alive(wrapper)
        wrapper.ensure_connection()
        raw = wrapper.connection
        assert raw is not None
        if wrapper.in_atomic_block and raw.pgconn.transaction_status == pq.TransactionStatus.IDLE:
            # psycopg begins a transaction with the first query of its own, and this is none.
            _require(raw.pgconn.exec_(b"BEGIN"))
        try:
            return _exchange(raw, self, context, values)
        except psycopg.OperationalError:
            wrapper.errors_occurred = True
            raise
        finally:
            if raw.pgconn.status != pq.ConnStatus.OK or raw.pgconn.pipeline_status != pq.PipelineStatus.OFF:
                # Out of step or gone: the next user gets a fresh connection.
                wrapper.close()


_AS_TEXT: dict[type, Callable[[Any], bytes | None]] = {
    type(None): lambda _: None,
    str: str.encode,
    bytes: lambda value: b"\\x" + value.hex().encode(),
    int: lambda value: b"%d" % value,
    UUID: lambda value: str(value).encode(),
    dt.datetime: lambda value: value.isoformat().encode(),
}


def as_text(value: Parameter) -> bytes | None:
    """A parameter in PostgreSQL's text format. Of exactly these types: `bool` would read as a number."""
    return _AS_TEXT[type(value)](value)


_prepared: WeakKeyDictionary[Any, set[bytes]] = WeakKeyDictionary()


def _exchange(
    wrapper: psycopg.Connection[Any], statement: HotStatement, context: Context, values: Sequence[bytes | None]
) -> list[tuple[bytes | None, ...]]:
    known = _prepared.setdefault(wrapper, set())
    try:
        return _once(wrapper.pgconn, known, statement, context, values)
    except psycopg.errors.InvalidSqlStatementName:
        # psycopg deallocates everything after a rollback. Nothing has happened: prepare again and repeat.
        known.clear()
        return _once(wrapper.pgconn, known, statement, context, values)


def _once(
    pgconn: pq.abc.PGconn, known: set[bytes], statement: HotStatement, context: Context, values: Sequence[bytes | None]
) -> list[tuple[bytes | None, ...]]:
    setting = [str(context.tenant_id).encode(), context.audit_setting().encode()]
    if pgconn.transaction_status != pq.TransactionStatus.IDLE or not settings.DATABASE_PREPARED:
        # A preparation that psycopg has discarded would abort the caller's transaction: do without.
        pgconn.enter_pipeline_mode()
        pgconn.send_query_params(_SET_CONTEXT, setting)
        pgconn.send_query_params(statement.sql, values)
    else:
        for name, sql in ((_SET_NAME, _SET_CONTEXT), (statement.name, statement.sql)):
            if name not in known:
                _prepare(pgconn, name, sql)
                known.add(name)
        pgconn.enter_pipeline_mode()
        pgconn.send_query_prepared(_SET_NAME, setting)
        pgconn.send_query_prepared(statement.name, values)
    pgconn.pipeline_sync()
    result, refusal = _drain(pgconn)
    pgconn.exit_pipeline_mode()
    if refusal is not None:
        raise _error(refusal)
    if result is None:
        return []
    return [tuple(result.get_value(row, column) for column in range(result.nfields)) for row in range(result.ntuples)]


def _prepare(pgconn: pq.abc.PGconn, name: bytes, sql: bytes) -> None:
    """Prepare a statement; one that is still there from before is the same."""
    result = pgconn.prepare(name, sql)
    if result.error_field(pq.DiagnosticField.SQLSTATE) != _ALREADY_PREPARED:
        _require(result)


def _require(result: pq.abc.PGresult) -> None:
    if result.status == pq.ExecStatus.FATAL_ERROR:
        raise _error(result)


def _error(result: pq.abc.PGresult) -> psycopg.Error:
    """What the server refuses, by its SQLSTATE; without one it is libpq that speaks, because the server is gone."""
    if result.error_field(pq.DiagnosticField.SQLSTATE) is None:
        return psycopg.OperationalError(result.get_error_message())
    return psycopg.errors.error_from_result(result)


def _wait(waiting: select.poll, deadline: float) -> None:
    """Until the socket is ready; `OperationalError` at the deadline, after which the connection is given up."""
    if not waiting.poll(max(0, deadline - time.monotonic()) * 1000):
        raise psycopg.OperationalError("the server does not answer")


def _drain(pgconn: pq.abc.PGconn) -> tuple[pq.abc.PGresult | None, pq.abc.PGresult | None]:
    """Send everything and read up to Sync: the last rows, and the first refusal."""
    result = refusal = None
    waiting = select.poll()
    waiting.register(pgconn.socket, select.POLLIN)
    deadline = time.monotonic() + ANSWER_SECONDS
    while pgconn.flush():
        # The server may be sending while we are: read, or both sides wait for each other.
        waiting.modify(pgconn.socket, select.POLLIN | select.POLLOUT)
        _wait(waiting, deadline)
        pgconn.consume_input()
    waiting.modify(pgconn.socket, select.POLLIN)
    while True:
        while pgconn.is_busy():
            _wait(waiting, deadline)
            pgconn.consume_input()
        answer = pgconn.get_result()
        if answer is None:
            continue
        if answer.status == pq.ExecStatus.PIPELINE_SYNC:
            return result, refusal
        if answer.status == pq.ExecStatus.FATAL_ERROR:
            refusal = refusal or answer
        elif answer.status == pq.ExecStatus.TUPLES_OK:
            result = answer
