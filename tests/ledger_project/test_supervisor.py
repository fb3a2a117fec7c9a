"""The embedded services survive what happens to them, and nothing survives their supervisor."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
import redis

from ledger_project.environment import BASE_DIR
from ledger_project.supervisor.home import NOTE

pytestmark = pytest.mark.serial
WAIT_SECONDS = 30


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {WAIT_SECONDS} s"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid: int) -> set[int]:
    """Every descendant of a process."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found: set[int] = set()
    frontier = {pid}
    while frontier := {child for child, parent in parents.items() if parent in frontier} - found:
        found |= frontier
    return found


class Run:
    """A supervisor in a folder of its own."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.output = home.parent / "output"
        clean = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        (self.home / "services.json").unlink(missing_ok=True)
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ledger_project.supervisor", "--services-only"],
                cwd=BASE_DIR,
                env=clean | {"LEDGER_HOME": str(home)} | environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def ready(self) -> Run:
        wait_until(lambda: (self.home / "services.json").exists() or self.process.poll() is not None, "start")
        assert self.process.poll() is None, self.output.read_text()
        return self

    def urls(self) -> dict[str, str]:
        return dict(json.loads((self.home / "services.json").read_text()))

    def pid(self, name: str) -> int:
        try:
            return int((self.home / "run" / f"{name}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def query(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.urls()["databaseOwnerUrl"], connect_timeout=5) as connection:
            cursor = connection.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def works(self) -> bool:
        try:
            return self.query("SELECT 1") == [(1,)] and self.redis().ping()
        except (psycopg.OperationalError, redis.ConnectionError):
            return False

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.urls()["redisUrl"])

    def end(self, signum: int = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        return self.process.wait(WAIT_SECONDS)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    # Folders of pytest are closed to other accounts; these tests want the ordinary case.
    base = Path("/tmp") / f"ledger-test-{os.getpid()}-{time.monotonic_ns()}"
    base.mkdir(mode=0o755)
    runs: list[Run] = []

    def begin(name: str = "home", **environment: str) -> Run:
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        runs.append(Run(base / name, **environment))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.end()
        if (note := run.home / NOTE).exists():
            shutil.rmtree(note.read_text().splitlines()[1], ignore_errors=True)
    shutil.rmtree(base, ignore_errors=True)


def test_a_start_leaves_urls_secrets_and_pid_files_that_only_the_owner_may_read(start):
    run = start().ready()
    assert run.works()
    assert set(run.urls()) == {"databaseUrl", "databaseOwnerUrl", "redisUrl"}
    for name in ("services.json", "secrets.json"):
        assert (run.home / name).stat().st_mode & 0o777 == 0o600
    secrets = json.loads((run.home / "secrets.json").read_text())
    assert len(bytes.fromhex(secrets["encryptionKey"])) == 32
    assert alive(run.pid("postgres"))
    assert alive(run.pid("redis"))
    assert run.query("SHOW fsync") == [("on",)]
    assert run.redis().config_get("appendonly") == {"appendonly": "yes"}


def test_a_second_start_finds_the_rows_and_keys_of_the_first(start):
    run = start().ready()
    run.query("CREATE TABLE kept AS SELECT 7 AS n")
    run.redis().set("kept", "7")
    secrets = (run.home / "secrets.json").read_text()
    assert run.end() == 0
    again = start().ready()
    assert again.query("SELECT n FROM kept") == [(7,)]
    assert again.redis().get("kept") == b"7"
    assert (again.home / "secrets.json").read_text() == secrets


def test_the_roles_are_what_row_level_security_needs(start):
    run = start().ready()
    rows = run.query(
        "SELECT rolname, rolsuper, rolbypassrls, rolcanlogin, rolcreaterole FROM pg_roles WHERE rolname LIKE 'ledger%'"
        " ORDER BY 1"
    )
    assert rows == [
        ("ledger_app", False, False, True, False),
        ("ledger_backup", False, True, True, False),
        ("ledger_owner", False, False, True, False),
        ("ledger_scan", False, False, False, False),
    ]
    assert run.query("SELECT pg_has_role('ledger_owner', 'ledger_scan', 'USAGE')") == [(False,)]
    assert run.query("SELECT pg_has_role('ledger_owner', 'ledger_scan', 'SET')") == [(True,)]
    assert run.query("SELECT has_schema_privilege('ledger_app', 'public', 'CREATE')") == [(False,)]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_every_process_also_during_a_long_insert(start, signum):
    run = start().ready()
    run.query("CREATE TABLE kept AS SELECT 7 AS n")
    busy = psycopg.connect(run.urls()["databaseOwnerUrl"], autocommit=True)
    busy.pgconn.send_query(b"INSERT INTO kept SELECT generate_series(1, 20000000)")
    time.sleep(0.3)
    processes = children(run.process.pid)
    assert len(processes) > 5
    assert run.end(signum) == 0
    assert not [pid for pid in processes if alive(pid)]
    assert start().ready().query("SELECT n FROM kept") == [(7,)]


@pytest.mark.parametrize("tether", ["kernel", "pipe"])
def test_a_killed_supervisor_leaves_no_process_and_no_corrupt_data(start, tether):
    run = start(LEDGER_TETHER=tether).ready()
    run.query("CREATE TABLE kept AS SELECT 7 AS n")
    processes = children(run.process.pid)
    run.process.kill()
    run.process.wait()
    again = start()  # at once: the former servers may still be on their way out
    assert again.ready().query("SELECT n FROM kept") == [(7,)]
    wait_until(lambda: not [pid for pid in processes if alive(pid)], "end of the former processes")


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_killed_server_is_started_again_with_its_data(start, name):
    run = start().ready()
    run.query("CREATE TABLE kept AS SELECT 7 AS n")
    run.redis().set("kept", "7")
    time.sleep(1.1)  # Redis syncs its file once a second
    for _ in range(3):
        former = run.pid(name)
        os.kill(former, signal.SIGKILL)
        wait_until(partial(is_new_and_works, run, name, former), "restart")
    assert run.query("SELECT n FROM kept") == [(7,)]
    assert run.redis().get("kept") == b"7"


def is_new_and_works(run: Run, name: str, former: int) -> bool:
    return run.pid(name) not in (0, former) and run.works()


def test_a_second_supervisor_in_the_same_folder_is_refused_and_told_what_to_do(start):
    run = start().ready()
    second = Run(run.home)
    assert second.process.wait(WAIT_SECONDS) == 1
    message = second.output.read_text()
    assert f"process {run.process.pid}" in message
    assert "LEDGER_HOME" in message
    assert run.home.joinpath("lock").read_text() == str(run.process.pid)


def test_two_instances_run_side_by_side(start):
    first, second = start("one"), start("two")
    assert first.ready().works()
    assert second.ready().works()
    assert first.urls() != second.urls()


@pytest.mark.parametrize("name", ["with spaces and ünïcode/home", "x" * 120 + "/home", "per%cent?#&/home"])
def test_the_folder_may_have_any_name(start, name):
    run = start(name).ready()
    assert run.works()
    assert (run.home / "postgres").is_dir()


def test_an_interrupted_first_start_does_not_spoil_the_next(start):
    run = start()
    wait_until(lambda: list(run.home.glob("postgres.new/*")), "initdb at work")
    run.process.kill()
    run.process.wait()
    assert start().ready().works()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account for PostgreSQL")
def test_below_a_closed_folder_root_keeps_the_data_in_a_temporary_folder_and_says_so(start):
    run = start("closed/home")
    run.end()
    shutil.rmtree(run.home, ignore_errors=True)
    run.home.parent.chmod(0o700)
    run = start("closed/home").ready()
    elsewhere = Path((run.home / NOTE).read_text().splitlines()[1])
    run.query("CREATE TABLE kept AS SELECT 7 AS n")
    assert (elsewhere / "postgres").is_dir()
    assert not (run.home / "postgres").exists()
    run.end()

    again = start("closed/home").ready()
    assert again.query("SELECT n FROM kept") == [(7,)]
    again.end()

    (run.home / NOTE).unlink()
    fresh = start("closed/home").ready()
    assert fresh.query("SELECT to_regclass('kept') IS NULL") == [(True,)]
