"""The database of the tests is made by its owner and used by the application's role, as in production."""

from __future__ import annotations

import datetime as dt
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from ledger_project.settings import database_settings
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.services.service_keys import create_service_key
from tenants.services.tenants import create_tenant
from tests.clients import Api

RANDOM = bool(os.environ.get("LEDGER_RANDOM"))
"""`bin/test --random`: examples that nobody has tried. Otherwise a change is judged by the same ones everywhere."""

# Property tests count examples, not milliseconds: a busy machine must not fail them.
hypothesis_settings.register_profile(
    "ledger",
    deadline=None,
    derandomize=not RANDOM,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.load_profile("ledger")

AT = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
_CONNECTION = ("USER", "PASSWORD", "HOST", "PORT")
_owner_url = settings.DATABASE_OWNER_URL or settings.DATABASE_URL
_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--screenshots`, for the browser tests."""
    parser.addoption("--screenshots", action="store_true", help="keep what the browser shows in docs/images/admin")


def pytest_configure(config: pytest.Config) -> None:
    """Keys of their own, so that no test depends on what the machine has configured."""
    settings.SECRET_KEY = "tests-only-" + "s" * 50
    settings.ENCRYPTION_KEY = "a1" * 32
    settings.ENCRYPTION_KEYS_OLD = []
    # Nobody outside is asked about VAT numbers; tests of that bring a VIES of their own.
    settings.VIES_URL = ""
    # `migrate` would otherwise leave the test database for the one that this URL names.
    settings.DATABASE_OWNER_URL = ""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write down for `bin/test` what was skipped and why, because that must be named, and what failed."""
    folder = os.environ.get("LEDGER_TESTS_NOTES")
    if not folder or hasattr(config, "workerinput"):
        return
    with open(f"{folder}/skipped", "a") as skipped:
        for report in terminalreporter.stats.get("skipped", []):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            skipped.write(f"{report.nodeid}\t{' '.join(reason.removeprefix('Skipped: ').split())}\n")
    failed = [report.nodeid for kind in ("failed", "error") for report in terminalreporter.stats.get(kind, [])]
    with open(f"{folder}/failed", "w") as file:
        file.writelines(f"{test}\n" for test in dict.fromkeys(failed))


def _become(url: str) -> None:
    """Connect as the role of `url` from now on, to the same database."""
    connection.close()
    role = database_settings(url)
    connection.settings_dict.update({name: role[name] for name in _CONNECTION})


def owner_connection(**instead: str) -> psycopg.Connection[Any]:
    """The owner's own connection to the test database, outside Django, in autocommit mode. The caller closes it."""
    owner, name = database_settings(_owner_url), connection.settings_dict["NAME"]
    parameters = {"user": owner["USER"], "password": owner["PASSWORD"], "host": owner["HOST"], "port": owner["PORT"]}
    given = {key: value for key, value in (parameters | instead).items() if value}
    return psycopg.connect(dbname=name, autocommit=True, **given)


def superuser_connection() -> psycopg.Connection[Any]:
    """The same as the superuser of the tests' own PostgreSQL, whom nothing stops."""
    return owner_connection(user="postgres")


def _flush_as_owner(statements: Iterable[str]) -> None:
    """Empty the tables after a test that commits: the application itself may not TRUNCATE."""
    with owner_connection() as owner:
        for statement in statements:
            owner.execute(statement)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """The owner creates and migrates the database. The suffix of each parallel worker stays."""
    _become(_owner_url)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Tests run as the application; the owner comes back to drop the database."""
    with django_db_blocker.unblock():
        _become(settings.DATABASE_URL)
        connection.ops.execute_sql_flush = _flush_as_owner  # type: ignore[method-assign, assignment]
    yield
    with django_db_blocker.unblock():
        _become(_owner_url)


@pytest.fixture
def at() -> dt.datetime:
    """The business time of a test."""
    return AT


@pytest.fixture
def make_tenant(db: None) -> Callable[..., Tenant]:
    """Makes tenants: `make_tenant(slug=…, name=…, is_test=…)`; every argument has a default."""

    def make(slug: str | None = None, name: str = "Example GmbH", *, is_test: bool = False) -> Tenant:
        return create_tenant(slug=slug or f"tenant-{next(_numbers)}", name=name, at=AT, is_test=is_test)

    return make


@pytest.fixture
def tenant(make_tenant: Callable[..., Tenant]) -> Tenant:
    """A tenant with default settings."""
    return make_tenant()


@pytest.fixture
def other_tenant(make_tenant: Callable[..., Tenant]) -> Tenant:
    """A second tenant, which must never be seen from the first."""
    return make_tenant(name="Other Ltd")


@pytest.fixture
def scope(tenant: Tenant) -> Iterator[Tenant]:
    """The whole test runs inside the scope of `tenant`."""
    with tenant_scope(tenant.id):
        yield tenant


@pytest.fixture
def api_of(db: None) -> Callable[..., Api]:
    """Makes callers: `api_of(tenant)` with every scope, `api_of(tenant, "invoices:read", expires_at=…)` with less."""

    def make(tenant: Tenant, *scopes: str, **options: Any) -> Api:
        with tenant_scope(tenant.id):
            _, secret = create_service_key(tenant_id=tenant.id, name="tests", scopes=scopes or ("*",), at=AT, **options)
        return Api.with_key(secret)

    return make


@pytest.fixture
def api(tenant: Tenant, api_of: Callable[..., Api]) -> Api:
    """A sibling service of `tenant` with every scope."""
    return api_of(tenant)


@pytest.fixture
def other_api(other_tenant: Tenant, api_of: Callable[..., Api]) -> Api:
    """The same of `other_tenant`."""
    return api_of(other_tenant)
