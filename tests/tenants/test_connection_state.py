"""Claims about the connection that one request leaves to the next: nothing of it stays, however it ended."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from tenants.context import Actor, ActorType, Context
from tenants.models import Tenant, TenantSettings
from tenants.scope import state_reason, tenant_scope
from tenants.statement import HotStatement, _prepare
from tests.clients import Api
from tests.conftest import owner_connection

pytestmark = pytest.mark.django_db(transaction=True)

SET_RATE = HotStatement("test_set_rate", "UPDATE tenants_tenantsettings SET tax_rate = $1::int RETURNING tax_rate")
BROKEN = HotStatement("test_broken", "SELECT 1 / $1::int")
SLOW = HotStatement("test_slow", "SELECT pg_sleep($1::int)")


def context_of(tenant: Tenant) -> Context:
    return Context(tenant.id, Actor(ActorType.SERVICE, "key_x"), trace_id="t", ip_address="10.0.0.1", reason="r")


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def changed_settings() -> list[str]:
    """Settings that are not what the session began with: the role's own limits, the server's defaults."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, setting, reset_val FROM pg_settings WHERE context = 'user' AND setting <> reset_val"
        )
        return [f"{name} is {setting}, not {before}" for name, setting, before in cursor.fetchall()]


def assert_nothing_is_left() -> None:
    """No transaction, no tenant, no actor, no rows, no changed session setting."""
    raw = connection.connection
    if raw is not None and not raw.closed:
        assert raw.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert raw.pgconn.pipeline_status == psycopg.pq.PipelineStatus.OFF
    assert not connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('ledger.tenant_id', true), current_setting('ledger.context', true), "
            "(SELECT count(*) FROM tenants_tenantsettings), current_user = session_user"
        )
        row = cursor.fetchone()
    assert row is not None
    assert (row[0] or "", row[1] or "") == ("", "")
    assert row[2:] == (0, True)
    assert changed_settings() == []


def execute(sql: str) -> Callable[[Tenant], None]:
    def run(tenant: Tenant) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    return run


def python_error(tenant: Tenant) -> None:
    raise ValueError("a mistake of ours")


def gone_client(tenant: Tenant) -> None:
    raise GeneratorExit


def killed(tenant: Tenant) -> None:
    raise SystemExit(1)


def unique_violation(tenant: Tenant) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tenants_tenantsettings SELECT (jsonb_populate_record(s, jsonb_build_object('id', "
            "gen_random_uuid()))).* FROM tenants_tenantsettings s"
        )


def nested_error(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        execute("SELECT 1 / 0")(tenant)


ENDINGS: dict[str, Callable[[Tenant], None]] = {
    "success": lambda tenant: None,
    "stated reason": lambda tenant: state_reason("why"),
    "CHECK": execute("UPDATE tenants_tenantsettings SET tax_rate = -1"),
    "UNIQUE": unique_violation,
    "syntax": execute("SELEC 1"),
    "refused by row-level security": execute("UPDATE tenants_tenantsettings SET tenant_id = gen_random_uuid()"),
    "timeout": execute("SET LOCAL statement_timeout = '30ms'; SELECT pg_sleep(5)"),
    "Python error": python_error,
    "client gone": gone_client,
    "worker told to stop": killed,
    "nested error": nested_error,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_of_a_scope_is_left_however_it_ends(tenant: Tenant, ending: str) -> None:
    backend()
    caught: BaseException | None = None
    try:
        with tenant_scope(context_of(tenant)):
            assert TenantSettings.objects.count() == 1
            ENDINGS[ending](tenant)
    except BaseException as error:
        caught = error
    assert (caught is None) == (ending in ("success", "stated reason"))
    assert_nothing_is_left()
    with tenant_scope(tenant.id):
        assert TenantSettings.objects.get().tax_rate == 0


def test_a_setting_that_is_left_is_noticed() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '17ms'")
        assert [one.partition(" is ")[0] for one in changed_settings()] == ["statement_timeout"]
        cursor.execute("RESET statement_timeout")
    assert_nothing_is_left()


def test_a_connection_that_died_within_a_scope_is_replaced_and_carries_nothing_over(tenant: Tenant) -> None:
    with pytest.raises(DatabaseError), tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    connection.close_if_unusable_or_obsolete()
    assert_nothing_is_left()


def test_a_connection_that_the_server_closed_while_idle_is_replaced_before_use(tenant: Tenant) -> None:
    terminate(backend())
    with tenant_scope(tenant.id):
        assert TenantSettings.objects.count() == 1
    assert_nothing_is_left()


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [("GET", None, 200), ("PATCH", {"taxRate": 7}, 200), ("PATCH", {"taxRate": -7}, 400), ("POST", {}, 405)],
)
def test_nothing_of_a_request_is_left(api: Api, method: str, body: Any, status: int) -> None:
    answer = api.request(method, "/api/settings", body) if body is not None else api.get("/api/settings")
    assert answer.status_code == status
    assert_nothing_is_left()


def test_requests_of_two_tenants_in_turn_on_one_connection_see_their_own(api: Api, other_api: Api) -> None:
    api.patch("/api/settings", {"taxRate": 1})
    other_api.patch("/api/settings", {"taxRate": 2})
    pid = backend()
    for _ in range(3):
        assert api.get("/api/settings").json()["taxRate"] == 1
        assert other_api.get("/api/settings").json()["taxRate"] == 2
    assert backend() == pid, "the claim is about one connection"


def test_a_hot_statement_commits_and_leaves_nothing(tenant: Tenant) -> None:
    assert SET_RATE.run(context_of(tenant), [1900]) == [(b"1900",)]
    assert_nothing_is_left()
    with tenant_scope(tenant.id):
        assert TenantSettings.objects.get().tax_rate == 1900
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT actor_id, trace_id, ip_address, reason FROM tenants_auditentry ORDER BY id DESC LIMIT 1")
        assert cursor.fetchone() == ("key_x", "t", "10.0.0.1", "r")


def test_a_hot_statement_touches_its_tenant_only(tenant: Tenant, other_tenant: Tenant) -> None:
    SET_RATE.run(context_of(tenant), [700])
    with tenant_scope(other_tenant.id):
        assert TenantSettings.objects.get().tax_rate == 0


def test_a_refused_hot_statement_changes_nothing_and_the_connection_goes_on(tenant: Tenant) -> None:
    pid = backend()
    with pytest.raises(psycopg.errors.CheckViolation):
        SET_RATE.run(context_of(tenant), [-1])
    assert_nothing_is_left()
    with pytest.raises(psycopg.errors.DivisionByZero):
        BROKEN.run(context_of(tenant), [0])
    assert_nothing_is_left()
    assert SET_RATE.run(context_of(tenant), [5]) == [(b"5",)]
    assert backend() == pid, "a refusal costs no connection"


def test_a_hot_statement_with_an_impossible_parameter_is_refused_and_the_connection_goes_on(tenant: Tenant) -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        SET_RATE.run(context_of(tenant), ["much"])
    assert_nothing_is_left()
    assert SET_RATE.run(context_of(tenant), [6]) == [(b"6",)]


def test_a_server_that_is_gone_while_a_statement_is_prepared_is_unavailable_and_not_a_mistake() -> None:
    with owner_connection() as raw:
        with socket.socket(fileno=os.dup(raw.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
        with pytest.raises(psycopg.OperationalError):
            _prepare(raw.pgconn, b"test_gone", b"SELECT 1")


def test_a_hot_statement_whose_preparation_is_refused_leaves_the_connection_usable(tenant: Tenant) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        HotStatement("test_no_table", "SELECT * FROM no_such_table").run(context_of(tenant), [])
    assert_nothing_is_left()
    assert SET_RATE.run(context_of(tenant), [8]) == [(b"8",)]


def test_a_hot_statement_that_times_out_leaves_nothing(tenant: Tenant) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '30ms'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        SLOW.run(context_of(tenant), [5])
    with connection.cursor() as cursor:
        cursor.execute("RESET statement_timeout")
    assert_nothing_is_left()
    assert SET_RATE.run(context_of(tenant), [9]) == [(b"9",)]


def test_a_hot_statement_on_a_connection_lost_on_the_way_is_unknown_and_the_next_one_works(tenant: Tenant) -> None:
    suicide = HotStatement("test_suicide", "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep($1::int)")
    with pytest.raises(psycopg.OperationalError):
        suicide.run(context_of(tenant), [1])
    assert SET_RATE.run(context_of(tenant), [10]) == [(b"10",)]
    assert_nothing_is_left()


def test_a_hot_statement_after_the_server_closed_the_idle_connection_works(tenant: Tenant) -> None:
    terminate(backend())
    assert SET_RATE.run(context_of(tenant), [11]) == [(b"11",)]
    assert_nothing_is_left()


def test_a_hot_statement_after_a_rollback_of_django_still_works(tenant: Tenant) -> None:
    SET_RATE.run(context_of(tenant), [1])
    for rate in range(2, 5):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        assert SET_RATE.run(context_of(tenant), [rate]) == [(str(rate).encode(),)]
    assert_nothing_is_left()


def test_a_hot_statement_inside_a_transaction_takes_part_in_it(tenant: Tenant) -> None:
    with transaction.atomic():
        assert SET_RATE.run(context_of(tenant), [99]) == [(b"99",)]
        transaction.set_rollback(True)
    assert_nothing_is_left()
    with tenant_scope(tenant.id):
        assert TenantSettings.objects.get().tax_rate == 0


def test_a_hot_statement_gives_up_on_a_server_that_hangs(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenants.statement.ANSWER_SECONDS", 0.2)
    with pytest.raises(psycopg.OperationalError, match="does not answer"):
        SLOW.run(context_of(tenant), [2])
    monkeypatch.undo()
    assert SET_RATE.run(context_of(tenant), [14]) == [(b"14",)]
    assert_nothing_is_left()


def test_a_hot_statement_works_without_prepared_statements(tenant: Tenant, settings: Any) -> None:
    settings.DATABASE_PREPARED = False
    unprepared = HotStatement(
        "test_unprepared", "SELECT count(*), $1::int FROM pg_prepared_statements WHERE name = 'x'"
    )
    assert unprepared.run(context_of(tenant), [3]) == [(b"0", b"3")]
    assert_nothing_is_left()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE name = 'test_unprepared'")
        assert cursor.fetchone() == (0,)


def test_large_parameters_and_results_do_not_block(tenant: Tenant) -> None:
    echo = HotStatement("test_echo", "SELECT repeat($1::text, 4)")
    text = "ä" * 1_000_000
    assert echo.run(context_of(tenant), [text]) == [((text * 4).encode(),)]
    assert_nothing_is_left()


def terminate(pid: int) -> None:
    """Another connection of the same role ends the server's side, as a restart would."""
    settings = connection.get_connection_params()
    wanted = {name: settings[name] for name in ("dbname", "user", "password", "host", "port") if settings.get(name)}
    with psycopg.connect(**wanted, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    with owner_connection() as owner:
        row = owner.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()
    assert row == (0,)
