"""Roles and database of an instance, and the refusal to serve with a privileged connection.

Four roles: the owner migrates; the application role reads and writes rows and owns nothing; `ledger_scan` cannot log in
and owns the functions that look across tenants; `ledger_backup` may read everything for `pg_dump`. Rights on tables are
granted after each migration, by the app that knows row-level security.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import errors, sql

INHERIT_PER_GRANT = 160000


class DatabaseNotPrepared(Exception):
    """The owner may not do what is needed; the message says what an administrator has to run."""


class PrivilegedConnection(Exception):
    """The application would connect as a role that row-level security does not hold."""


def scan_role() -> str:
    """The role that owns the functions across tenants (`DATABASE_SCAN_ROLE`)."""
    return os.environ.get("DATABASE_SCAN_ROLE") or "ledger_scan"


def backup_role() -> str:
    """The role of `pg_dump` (`DATABASE_BACKUP_ROLE`)."""
    return os.environ.get("DATABASE_BACKUP_ROLE") or "ledger_backup"


def prepare_database(
    owner_url: str,
    app_url: str,
    *,
    superuser_url: str | None = None,
    notice: Callable[[str], None] = lambda _text: None,
) -> None:
    """Create what is missing: the database, the roles, their memberships and rights to connect. Runs again harmlessly.

    `superuser_url` is the embedded cluster's; without it the owner does everything, and needs CREATEROLE and CREATEDB
    only for what is missing. `notice` is told what was left out. Raises `DatabaseNotPrepared` with the SQL to run.
    """
    owner, app = _user(owner_url), _user(app_url)
    if owner == app:
        raise DatabaseNotPrepared("DATABASE_URL and DATABASE_OWNER_URL must name different roles.")
    database = unquote(urlsplit(owner_url).path.lstrip("/"))
    superuser = _with_database(superuser_url, "postgres") if superuser_url else None
    if superuser:
        with psycopg.connect(superuser, autocommit=True) as connection:
            _create_role(connection, owner, "LOGIN CREATEDB")
    _create_database(superuser or _with_database(owner_url, "postgres"), owner_url, database, owner)
    with psycopg.connect(
        _with_database(superuser, database) if superuser else owner_url, autocommit=True
    ) as connection:
        refused = [
            *_create_role(connection, app, "LOGIN", password=unquote(urlsplit(app_url).password or "")),
            *_create_role(connection, scan_role(), "NOLOGIN"),
            *_let_owner_use_scan(connection, owner),
        ]
        if refused:
            raise DatabaseNotPrepared(
                f"{owner} may not create the roles that are missing. As an administrator run:\n"
                + "\n".join(f"  {statement};" for statement in refused)
            )
        _create_backup_role(connection, notice)
        _grant_access(connection, database, app)
        _bound_statements(connection, app, notice)


def refuse_privileged_connection(app_url: str) -> None:
    """Raise `PrivilegedConnection` when row-level security does not hold the role of `app_url`"""
    with psycopg.connect(app_url, connect_timeout=5) as connection:
        row = connection.execute(
            """SELECT current_user, r.rolsuper, r.rolbypassrls, EXISTS (
                   SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
                   AND pg_has_role(current_user, c.relowner, 'MEMBER'))
               FROM pg_roles r WHERE r.rolname = current_user"""
        ).fetchone()
    if row is None:
        raise PrivilegedConnection("The role of DATABASE_URL was not found in pg_roles.")
    role, superuser, bypasses, owns = row
    reasons = [
        text
        for applies, text in (
            (superuser, "is a superuser"),
            (bypasses, "bypasses row-level security (BYPASSRLS)"),
            (owns, "owns tables, or is a member of the role that does"),
        )
        if applies
    ]
    if reasons:
        raise PrivilegedConnection(
            f"DATABASE_URL connects as {role}, which {' and '.join(reasons)}: "
            "one tenant could see the rows of another. "
            "Set DATABASE_URL to the application role, and DATABASE_OWNER_URL to the role that migrates."
        )


def _user(url: str) -> str:
    user = unquote(urlsplit(url).username or "")
    if not user:
        raise DatabaseNotPrepared(
            "DATABASE_URL and DATABASE_OWNER_URL must each name a role (postgres://role@host/name)."
        )
    return user


def _with_database(url: str, database: str) -> str:
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def _create_database(maintenance_url: str, owner_url: str, database: str, owner: str) -> None:
    if _database_exists(maintenance_url, owner_url, database):
        return
    statement = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(owner))
    try:
        with psycopg.connect(maintenance_url, autocommit=True) as connection:
            connection.execute(statement)
    except (errors.InsufficientPrivilege, psycopg.OperationalError) as problem:
        raise DatabaseNotPrepared(
            f"The database {database} does not exist and {owner} could not create it ({problem}). "
            "As an administrator run:\n"
            f"  {statement.as_string()};"
        ) from problem


def _database_exists(maintenance_url: str, owner_url: str, database: str) -> bool:
    try:
        with psycopg.connect(maintenance_url, connect_timeout=10) as connection:
            row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
            return row is not None
    except psycopg.OperationalError:
        # A hosted server may keep its owner out of the maintenance database.
        psycopg.connect(owner_url, connect_timeout=10).close()
        return True


def _exists(connection: psycopg.Connection, role: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is not None


def _create_role(connection: psycopg.Connection, role: str, rights: str, *, password: str = "") -> list[str]:
    """The statement that was refused, if one was; with a placeholder for the password, which is not printed."""
    if _exists(connection, role):
        return []
    statement = sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), sql.SQL(rights))
    secret = sql.SQL(" PASSWORD {}").format(sql.Literal(password)) if password else sql.SQL("")
    try:
        connection.execute(statement + secret)
    except errors.DuplicateObject:
        pass  # another process was faster
    except errors.InsufficientPrivilege:
        return [statement.as_string() + (" PASSWORD '…'" if password else "")]
    return []


def _create_backup_role(connection: psycopg.Connection, notice: Callable[[str], None]) -> None:
    if _create_role(connection, backup_role(), "LOGIN BYPASSRLS"):
        notice(
            f"The role {backup_role()} was not created: the owner may not create roles with BYPASSRLS. "
            f'To back up under a role of its own, an administrator runs: CREATE ROLE "{backup_role()}" LOGIN BYPASSRLS;'
        )
        return
    if _may_grant(connection, "pg_read_all_data"):
        connection.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(backup_role())))


def _may_grant(connection: psycopg.Connection, role: str) -> bool:
    row = connection.execute("SELECT pg_has_role(current_user, %s, 'MEMBER WITH ADMIN OPTION')", [role]).fetchone()
    return bool(row and row[0])


def _let_owner_use_scan(connection: psycopg.Connection, owner: str) -> list[str]:
    """The owner may give functions to the scan role, but must not inherit it: it would see every tenant's rows.

    Answers what was refused.
    """
    names = {"scan": sql.Identifier(scan_role()), "owner": sql.Identifier(owner)}
    per_grant = connection.info.server_version >= INHERIT_PER_GRANT
    statement = sql.SQL(
        "GRANT {scan} TO {owner} WITH INHERIT FALSE, SET TRUE"
        if per_grant
        else "ALTER ROLE {owner} NOINHERIT; GRANT {scan} TO {owner}"
    ).format(**names)
    if not _exists(connection, scan_role()):  # it was refused
        return [statement.as_string()]
    if per_grant:
        held = connection.execute(
            """SELECT bool_or(set_option) AND NOT bool_or(inherit_option) FROM pg_auth_members
               WHERE roleid = (SELECT oid FROM pg_roles WHERE rolname = %s)
               AND member = (SELECT oid FROM pg_roles WHERE rolname = %s)""",
            [scan_role(), owner],
        ).fetchone()
    else:
        held = connection.execute(
            "SELECT pg_has_role(%s, %s, 'MEMBER') AND NOT rolinherit FROM pg_roles WHERE rolname = %s",
            [owner, scan_role(), owner],
        ).fetchone()
    if held and held[0]:
        return []
    try:
        connection.execute(statement)
    except errors.InsufficientPrivilege:
        return [statement.as_string()]
    return []


# A request that waits longer than this will not be answered in time anyway; a transaction that its client forgot
# would hold locks on number series.
_BOUNDS = {"statement_timeout": "30s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s"}


def _bound_statements(connection: psycopg.Connection, app: str, notice: Callable[[str], None]) -> None:
    """Bound what one statement and one idle transaction of the application may take."""
    statements = [
        sql.SQL("ALTER ROLE {} SET {} = {}").format(sql.Identifier(app), sql.Identifier(name), sql.Literal(value))
        for name, value in _BOUNDS.items()
    ]
    try:
        for statement in statements:
            connection.execute(statement)
    except errors.InsufficientPrivilege:
        notice(
            f"The time limits of the role {app} were not set: the owner may not alter it. As an administrator run:\n"
            + "\n".join(f"  {statement.as_string()};" for statement in statements)
        )


def _grant_access(connection: psycopg.Connection, database: str, app: str) -> None:
    """Only the roles of Ledger connect, and only the owner creates in the schema."""
    roles = [app, backup_role()] if _exists(connection, backup_role()) else [app]
    names = {
        "database": sql.Identifier(database),
        "roles": sql.SQL(", ").join(map(sql.Identifier, roles)),
        "readers": sql.SQL(", ").join(map(sql.Identifier, [*roles, scan_role()])),
    }
    for statement in (
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {database} TO {roles}",
        "GRANT USAGE ON SCHEMA public TO {readers}",
    ):
        connection.execute(sql.SQL(statement).format(**names))
