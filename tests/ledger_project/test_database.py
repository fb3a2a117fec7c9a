"""Roles and database on a server that is not ours, and the refusal of privileged connections."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from ledger_project.database import (
    DatabaseNotPrepared,
    PrivilegedConnection,
    prepare_database,
    refuse_privileged_connection,
)
from ledger_project.environment import service_urls

# Making and dropping a database waits for the disk, in a transaction that the tests of seals would see and wait for.
pytestmark = pytest.mark.serial


@dataclass(frozen=True)
class Server:
    """Role names of one test on the embedded server, and who may do everything there."""

    name: str

    def url(self, role: str, database: str | None = None) -> str:
        embedded = urlsplit(service_urls()["databaseOwnerUrl"])
        host = embedded.netloc.rpartition("@")[2]
        return embedded._replace(netloc=f"{role}@{host}", path=f"/{database or self.name}").geturl()

    @property
    def owner_url(self) -> str:
        return self.url(f"{self.name}_owner")

    @property
    def app_url(self) -> str:
        return self.url(f"{self.name}_app")

    def as_superuser(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        with psycopg.connect(self.url("postgres", database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server(f"elsewhere_{os.getpid()}")
    monkeypatch.setenv("DATABASE_SCAN_ROLE", f"{server.name}_scan")
    monkeypatch.setenv("DATABASE_BACKUP_ROLE", f"{server.name}_backup")
    yield server
    server.as_superuser(f"DROP DATABASE IF EXISTS {server.name} WITH (FORCE)")
    roles = server.as_superuser(f"SELECT rolname FROM pg_roles WHERE rolname LIKE '{server.name}\\_%'")
    for (role,) in roles:
        server.as_superuser(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(str(role))).as_string())


def test_an_owner_that_may_create_roles_and_databases_needs_nobody_else(server):
    server.as_superuser(f"CREATE ROLE {server.name}_owner LOGIN CREATEROLE CREATEDB")
    notices: list[str] = []
    for _ in range(2):  # twice: nothing changes
        prepare_database(server.owner_url, server.app_url, notice=notices.append)
    assert all("BYPASSRLS" in notice for notice in notices)
    assert notices
    with psycopg.connect(server.owner_url) as connection:
        scan = f"{server.name}_scan"
        assert connection.execute(
            "SELECT pg_has_role(%s, 'USAGE'), pg_has_role(%s, 'SET')", [scan, scan]
        ).fetchone() == (
            False,
            True,
        )
        connection.execute("CREATE TABLE documents (id int)")
    refuse_privileged_connection(server.app_url)


def test_an_owner_without_rights_is_told_what_an_administrator_has_to_run(server):
    server.as_superuser(f"CREATE ROLE {server.name}_owner LOGIN")
    with pytest.raises(DatabaseNotPrepared, match=f'CREATE DATABASE "{server.name}" OWNER "{server.name}_owner"'):
        prepare_database(server.owner_url, server.app_url)
    server.as_superuser(f"CREATE DATABASE {server.name} OWNER {server.name}_owner")
    with pytest.raises(DatabaseNotPrepared) as refusal:
        prepare_database(server.owner_url, server.app_url.replace("_app@", "_app:hunter2@"))
    told = str(refusal.value)
    assert f"""CREATE ROLE "{server.name}_app" LOGIN PASSWORD '…';""" in told
    assert "hunter2" not in told
    _sentence, *statements = told.splitlines()
    for statement in statements:
        server.as_superuser(statement)
    prepare_database(server.owner_url, server.app_url, notice=lambda _text: None)


def test_one_role_cannot_be_owner_and_application(server):
    with pytest.raises(DatabaseNotPrepared, match="different roles"):
        prepare_database(server.owner_url, server.owner_url)


def test_a_password_in_the_url_is_given_to_the_application_role(server):
    server.as_superuser(f"CREATE ROLE {server.name}_owner LOGIN CREATEROLE CREATEDB")
    prepare_database(server.owner_url, server.app_url.replace("_app@", "_app:p%40ss%27word@"))
    rows = server.as_superuser(f"SELECT rolpassword LIKE 'SCRAM%' FROM pg_authid WHERE rolname = '{server.name}_app'")
    assert rows == [(True,)]


@pytest.mark.parametrize(
    ("rights", "reason"), [("SUPERUSER", "is a superuser"), ("BYPASSRLS", "bypasses row-level security")]
)
def test_a_role_that_escapes_row_level_security_is_refused(server, rights, reason):
    server.as_superuser(f"CREATE ROLE {server.name}_app LOGIN {rights}")
    with pytest.raises(PrivilegedConnection, match=reason):
        refuse_privileged_connection(server.url(f"{server.name}_app", "postgres"))


@pytest.mark.parametrize("role", ["owner", "member"])
def test_the_owner_of_tables_and_its_members_are_refused(server, role):
    server.as_superuser(f"CREATE ROLE {server.name}_owner LOGIN CREATEROLE CREATEDB")
    server.as_superuser(f"CREATE ROLE {server.name}_member LOGIN IN ROLE {server.name}_owner")
    prepare_database(server.owner_url, server.app_url)
    server.as_superuser(f"GRANT CONNECT ON DATABASE {server.name} TO {server.name}_member")
    with psycopg.connect(server.owner_url) as connection:
        connection.execute("CREATE TABLE documents (id int)")
    with pytest.raises(PrivilegedConnection, match="owns tables"):
        refuse_privileged_connection(server.url(f"{server.name}_{role}"))
