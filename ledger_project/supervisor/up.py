"""The story of `bin/up`: services, roles, migrations, first tenant, then web, worker and beat until asked to stop."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import socket
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import psycopg

from ledger_project.database import (
    DatabaseNotPrepared,
    PrivilegedConnection,
    prepare_database,
    refuse_privileged_connection,
)
from ledger_project.environment import BASE_DIR, ledger_home
from ledger_project.supervisor.home import NOTE, Home, HomeInUse, write_private
from ledger_project.supervisor.log import SharedLog
from ledger_project.supervisor.loop import Failed, Stopping, Supervisor
from ledger_project.supervisor.process import Output, Program
from ledger_project.supervisor.services import APP_ROLE, OWNER_ROLE, PostgreSQL, Redis

DESCRIPTION = """
Run everything on this machine: PostgreSQL and Redis (embedded, unless configured), migrations, the web server, a worker
and beat. The first start creates the tenant "demo", an administrator and a service key, and shows them once; they are
also in LEDGER_HOME/credentials.json. Ctrl-C stops everything in order.

LEDGER_HOME (.ledger) holds data, logs and pid files; PORT (5002) and HOST (127.0.0.1) are where the web server listens.
The worker answers probes and scrapers on WORKER_PORT (PORT + 4462). Change LEDGER_HOME and PORT to run a second
instance. With DATABASE_URL and DATABASE_OWNER_URL, or REDIS_URL, set, those servers are used instead of the embedded
ones.
"""
# Static files come from the packages; nothing was collected into a folder.
QUIET_WARNINGS = "ignore:No directory at:UserWarning"
# Our own server is never behind the proxy that the environment may name.
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
COUNTING = ("web", "worker")
STOP_ORDER = (("web", "beat", "worker"), ("redis",), ("postgres",))


@dataclass(frozen=True)
class Options:
    """What `bin/up` was asked for."""

    demo: bool = False
    exit: bool = False
    services_only: bool = False
    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `bin/up` and `manage.py up`."""
    parser.add_argument("--demo", action="store_true", help="Play a guided story through the HTTP API after the start.")
    parser.add_argument("--exit", action="store_true", help="Stop after the start (after the story, with --demo).")
    parser.add_argument(
        "--services-only", action="store_true", help="Run PostgreSQL and Redis only, roles and database created."
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="Once all runs, print one JSON object on stdout (addresses, files, process ids), and all else on stderr.",
    )


def up(options: Options) -> int:
    """Run until asked to stop; the exit status: 0, or 1 when something did not work (with --demo: the story too)."""
    try:
        home = Home(ledger_home())
    except HomeInUse as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    log = SharedLog(home.log, sys.stderr if options.json else sys.stdout)
    if home.data != home.path:
        log.line("up", f"Warning: the data is in {home.data}. {home.path / NOTE} says why")
    supervisor = Supervisor(home, log)
    try:
        status = Instance(home, supervisor, log).run(options)
        if not options.exit:
            supervisor.watch()
    except Stopping:
        status = 0
    except (Failed, DatabaseNotPrepared, PrivilegedConnection, psycopg.OperationalError) as problem:
        log.say(f"\n{problem}")
        status = 1
    finally:
        supervisor.stop(*STOP_ORDER)
        home.close()
    log.say("Stopped.")
    return status


class Instance:
    """What `bin/up` does, step by step, in one home."""

    def __init__(self, home: Home, supervisor: Supervisor, log: SharedLog) -> None:
        """Reads HOST, PORT and WORKER_PORT."""
        self._home = home
        self._supervisor = supervisor
        self._log = log
        self._host = os.environ.get("HOST") or "127.0.0.1"
        self._port = _port("PORT", os.environ.get("PORT") or "5002")
        self._worker_port = _port("WORKER_PORT", os.environ.get("WORKER_PORT") or str(self._port + 4462))
        self._base_url = os.environ.get("BASE_URL") or f"http://localhost:{self._port}"

    def run(self, options: Options) -> int:
        """Start what `options` ask for; the status of the story, or 0."""
        if not options.services_only:
            self._require_free_port("PORT", self._port)
            self._require_free_port("WORKER_PORT", self._worker_port)
        self._home.secrets()
        self._start_services()
        if options.services_only:
            if options.json:
                _print_json(self._running(web=False))
            else:
                self._log.say(f"PostgreSQL and Redis are ready. Their URLs: {self._home.path / 'services.json'}")
            return 0
        self._run_python("migrate", "manage.py", "migrate", "--no-input")
        self._run_python("first_start", "manage.py", "first_start", output=Output.PLAIN)
        self._refresh_credentials()
        self._start_processes()
        if options.json:
            _print_json(self._running(web=True))
        else:
            self._log.say(self._welcome())
        return self._play_demo() if options.demo else 0

    def _require_free_port(self, name: str, port: int) -> None:
        # Granian shares its port between workers, so a second instance would be let in beside the first.
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self._host, port))
                probe.listen()
            except OSError as problem:
                raise Failed(
                    f"Port {port} on {self._host} cannot be used ({problem.strerror}). Choose another one, for "
                    f"example: {name}={port + 1} bin/up"
                ) from problem

    def _start_services(self) -> None:
        urls: dict[str, str] = {}
        app_url, owner_url = os.environ.get("DATABASE_URL"), os.environ.get("DATABASE_OWNER_URL")
        if bool(app_url) != bool(owner_url):
            raise Failed(
                "Set DATABASE_URL (the application role) and DATABASE_OWNER_URL (the role that migrates) together, or "
                "neither of them for the embedded PostgreSQL."
            )
        superuser_url = None
        if not app_url or not owner_url:
            postgres = PostgreSQL(self._home)
            postgres.start(self._supervisor)
            app_url, owner_url = postgres.url(APP_ROLE), postgres.url(OWNER_ROLE)
            superuser_url = postgres.url("postgres", "postgres")
            urls |= {"databaseUrl": app_url, "databaseOwnerUrl": owner_url}
        if not os.environ.get("REDIS_URL"):
            redis = Redis(self._home)
            redis.start(self._supervisor)
            urls["redisUrl"] = redis.url()
        prepare_database(owner_url, app_url, superuser_url=superuser_url, notice=self._log.say)
        refuse_privileged_connection(app_url)
        write_private(self._home.path / "services.json", urls)

    def _start_processes(self) -> None:
        for name in COUNTING:
            for old in (metrics := self._metrics_folder(name)).glob("*.db"):
                old.unlink()
            metrics.mkdir(parents=True, exist_ok=True)
        worker = "-m celery --quiet -A ledger_project worker --without-gossip --without-mingle"
        beat = "-m celery --quiet -A ledger_project beat --schedule"
        self._supervisor.keep(self._program("web", *web_arguments(self._host, self._port)))
        self._supervisor.keep(self._program("worker", *worker.split()))
        self._supervisor.keep(self._program("beat", *beat.split(), str(self._home.path / "beat-schedule")))
        self._supervisor.wait_until(self._web_is_ready, what="The web server")
        self._supervisor.wait_until(self._worker_is_ready, what="The worker")

    def _web_is_ready(self) -> bool:
        return _answers(f"http://{self._near()}:{self._port}/readyz")

    def _worker_is_ready(self) -> bool:
        return _answers(f"http://{self._near()}:{self._worker_port}/healthz")

    def _own_machine(self) -> str:
        """What may be called besides the public internet: where only this machine reaches us, this machine."""
        return "127.0.0.0/8,::1,localhost" if self._host in ("127.0.0.1", "::1", "localhost") else ""

    def _near(self) -> str:
        """The address under which this machine reaches its own servers."""
        near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 - not bound here
        return f"[{near}]" if ":" in near else near

    def _refresh_credentials(self) -> None:
        """The file names the address of this start: PORT may have changed since the first one."""
        path = self._home.path / "credentials.json"
        if not path.exists():
            return
        credentials = json.loads(path.read_text())
        if credentials.get("baseUrl") != self._base_url:
            write_private(path, credentials | {"baseUrl": self._base_url})

    def _running(self, *, web: bool) -> dict[str, object]:
        """What `--json` prints: where things are, but no secret."""
        names = ("postgres", "redis", *(("web", "worker", "beat") if web else ()))
        pids = {name: pid for name in names if (pid := self._supervisor.pid(name))}
        files = {
            "home": str(self._home.path),
            "services": str(self._home.path / "services.json"),
            "log": str(self._home.log / "ledger.log"),
        }
        if not web:
            return {**files, "pids": {"up": os.getpid(), **pids}}
        return {
            "baseUrl": self._base_url,
            "admin": f"{self._base_url}/admin/",
            "docs": f"{self._base_url}/api/docs",
            "openapi": f"{self._base_url}/api/openapi",
            "liveness": f"{self._base_url}/healthz",
            "readiness": f"{self._base_url}/readyz",
            "metrics": f"{self._base_url}/metrics",
            "workerLiveness": f"http://{self._near()}:{self._worker_port}/healthz",
            "workerMetrics": f"http://{self._near()}:{self._worker_port}/metrics",
            "credentials": str(self._home.path / "credentials.json"),
            **files,
            "pids": {"up": os.getpid(), **pids},
        }

    def _welcome(self) -> str:
        credentials = shlex.quote(str(self._home.path / "credentials.json"))
        invoice = (
            '{"userId": "user-1", "customer": {"name": "Ada Lovelace"}, '
            '"items": [{"description": "Consulting", "unitPrice": 12000, "quantity": 2}]}'
        )
        directly = " --noproxy '*'" if urllib.request.getproxies().get("http") else ""
        key = f'$(sed -n \'s/.*"serviceKey": "\\([^"]*\\)".*/\\1/p\' {credentials})'
        return f"""
Ledger is running at {self._base_url}
  Back office        {self._base_url}/admin/ (adminEmail and adminPassword of the credentials)
  API documentation  {self._base_url}/api/docs
  Health             {self._base_url}/healthz  {self._base_url}/readyz
  Metrics            {self._base_url}/metrics
  Worker             http://{self._near()}:{self._worker_port}/healthz  http://{self._near()}:{self._worker_port}/metrics
  Credentials        {self._home.path / "credentials.json"}
  Log                {self._home.log / "ledger.log"}

Issue an invoice (sent again with the same Idempotency-Key, it answers the same):

curl -sS{directly} {self._base_url}/api/invoices \\
  -H "Authorization: ServiceKey {key}" \\
  -H 'Content-Type: application/json' -H 'Idempotency-Key: first-invoice' \\
  -d '{invoice}'

Ctrl-C stops everything.
"""

    def _play_demo(self) -> int:
        story = self._program("demo", "-m", "ledger_project.demo", output=Output.PLAIN)
        return 1 if self._supervisor.run_once(story) else 0

    def _run_python(self, name: str, *arguments: str, output: Output = Output.NAMED) -> None:
        code = self._supervisor.run_once(self._program(name, *arguments, output=output))
        if code != 0:
            raise Failed(f"{name} failed with status {code}; the reason stands above.")

    def _metrics_folder(self, name: str) -> Path:
        return self._home.path / "metrics" / name

    def _program(self, name: str, *arguments: str, output: Output = Output.NAMED) -> Program:
        return Program(
            name=name,
            argv=(sys.executable, *arguments),
            folder=BASE_DIR,
            output=output,
            environment=os.environ
            | {
                "LEDGER_HOME": str(self._home.path),
                "LEDGER_TETHERED": "1",
                "PORT": str(self._port),
                "WORKER_PORT": str(self._worker_port),
                "DJANGO_SETTINGS_MODULE": "ledger_project.settings",
                "PYTHONUNBUFFERED": "1",
                "PYTHONWARNINGS": QUIET_WARNINGS,
                "LEDGER_EGRESS_ALLOW": os.environ.get("LEDGER_EGRESS_ALLOW", self._own_machine()),
            }
            # The processes of each count together through files.
            | ({"PROMETHEUS_MULTIPROC_DIR": str(self._metrics_folder(name))} if name in COUNTING else {}),
        )


def web_arguments(host: str, port: int) -> tuple[str, ...]:
    """What Python is given to serve the application. The benchmarks start the same."""
    # Writers are bounded by WEB_WRITERS; threads are more, so that transfers find company while others commit (granian
    # warns above this number). Connections beyond the back-pressure wait in the kernel's backlog, not in our memory.
    threads = os.environ.get("WEB_THREADS") or min(8, 2 * (os.cpu_count() or 1) + 1)
    return tuple(
        (
            f"-m granian --interface wsgi --http 1 --no-ws --host {host} --port {port} "
            f"--workers {os.environ.get('WEB_WORKERS') or 2} --blocking-threads {threads} "
            "--backlog 1024 --backpressure 256 --respawn-failed-workers --workers-kill-timeout 8 --log-level warning "
            "ledger_project.wsgi:application"
        ).split()
    )


def _print_json(value: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _answers(url: str) -> bool:
    """Whether a probe is answered with 200."""
    try:
        with DIRECTLY.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _port(name: str, text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Failed(f"{name} must be a number from 1 to 65535, not {text!r}.")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """`python -m ledger_project.supervisor`: the same as `manage.py up`, without loading Django."""
    parser = argparse.ArgumentParser(
        prog="up", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    given = parser.parse_args(arguments)
    return up(Options(**vars(given)))
