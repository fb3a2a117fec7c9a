"""What `bin/test` runs: checks and tests on a PostgreSQL and a Redis of its own, each step with its duration.

All steps run even when one fails. Services live in `.test/<process id>`, which is removed in the end; what a killed run
left there is removed by the next one. Nothing of the caller's configuration reaches the tests.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ledger_project.environment import BASE_DIR
from ledger_project.supervisor.home import NOTE
from ledger_project.supervisor.tether import tied

PYTHON = sys.executable
TEST_FOLDER = BASE_DIR / ".test"
USAGE = """bin/test                 every check and test but the long ones; all of them run even when one fails
bin/test --full          the long ones too
bin/test --random …      with examples that nobody has tried before, instead of the same ones on every machine
bin/test -k name …       pytest only, with these arguments, on a PostgreSQL and a Redis of its own
bin/test --operations N  the ledger beside its models, with N operations of each kind instead of 5,000"""
KEPT_VARIABLES = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TERM", "SSL_CERT_FILE", "HYPOTHESIS_PROFILE",
    "LEDGER_OPERATIONS", "LEDGER_SEED", "LEDGER_RANDOM",
)  # fmt: skip
SERVICES_WAIT_SECONDS = 90
CORES = 2
SKIPPED_FILE = "skipped"
FAILED_FILE = "failed"
RUN_AGAIN = 5
NAMED = 3
BESIDE_MODELS = ("tests/accounting/test_property_ledger.py", "tests/accounting/test_grants_property.py")


@dataclass(frozen=True)
class Step:
    """One line of the summary."""

    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How a step ended."""

    name: str
    passed: bool
    seconds: float


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def start(
    argv: tuple[str, ...], environment: Mapping[str, str], *, signum: int, output: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """A child that ends with us, however we end. With `output`, which takes what it prints, Ctrl-C passes it by."""
    return subprocess.Popen(
        argv,
        cwd=BASE_DIR,
        env=dict(environment),
        preexec_fn=tied(signum),
        stdout=output,
        stderr=output,
        start_new_session=output is not None,
    )


def remove_dead_runs() -> None:
    """Delete the folders of runs that were killed; those of runs that still go on are locked."""
    TEST_FOLDER.mkdir(exist_ok=True)
    for folder in TEST_FOLDER.iterdir():
        if not folder.is_dir():
            folder.unlink()
            continue
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_home(folder)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)


def remove_home(folder: Path) -> None:
    """Delete an instance, and what it keeps in the temporary directory."""
    try:
        shutil.rmtree((folder / NOTE).read_text().splitlines()[1], ignore_errors=True)
    except (OSError, IndexError):
        pass
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def services(environment: Mapping[str, str]) -> Iterator[None]:
    """PostgreSQL and Redis for as long as the block runs."""
    home = Path(environment["LEDGER_HOME"])
    output = home.with_suffix(".log")
    with output.open("wb") as file:
        argv = (PYTHON, "-m", "ledger_project.supervisor", "--services-only")
        supervisor = start(argv, environment, signum=signal.SIGTERM, output=file)
    try:
        deadline = time.monotonic() + SERVICES_WAIT_SECONDS
        while not (home / "services.json").exists():
            if supervisor.poll() is not None or time.monotonic() > deadline:
                say(output.read_text())
                raise SystemExit("PostgreSQL and Redis for the tests did not start; the reason stands above.")
            time.sleep(0.05)
        yield
    finally:
        supervisor.terminate()
        supervisor.wait()
        remove_home(home)
        output.unlink(missing_ok=True)


def check_steps() -> list[Step]:
    """Everything but pytest."""
    manage = (PYTHON, "manage.py")
    return [
        Step("mypy", (PYTHON, "-m", "mypy", ".")),
        Step("ruff check", (PYTHON, "-m", "ruff", "check", ".")),
        Step("ruff format", (PYTHON, "-m", "ruff", "format", "--check", "--quiet", ".")),
        Step("import contracts", (PYTHON, "-c", "from importlinter.cli import lint_imports_command as run; run()")),
        Step("missing migrations", (*manage, "makemigrations", "--check", "--dry-run")),
        Step("openapi.yaml", (*manage, "write_openapi", "--check")),
    ]


def pytest_steps(*, full: bool) -> list[Step]:
    """The parallel pool, then what needs the machine for itself."""
    pytest = (PYTHON, "-m", "pytest", "-q")
    not_long = "" if full else " and not long"
    return [
        Step("pytest, parallel", (*pytest, "-n", "2", "--dist", "worksteal", "-m", "not serial" + not_long)),
        Step("pytest, serial", (*pytest, "-m", "serial" + not_long)),
    ]


def run_together(steps: list[Step], environment: Mapping[str, str], folder: Path) -> list[Outcome]:
    """Run `steps`, as many at a time as there are cores here; each prints its output when it is done and has failed."""
    waiting, outcomes = list(steps), []
    running: list[tuple[Step, subprocess.Popen[bytes], Path, float]] = []
    while waiting or running:
        while waiting and len(running) < CORES:
            step = waiting.pop(0)
            output = folder / f"{step.name.replace(' ', '-')}.log"
            with output.open("wb") as file:
                child = start(step.argv, environment, signum=signal.SIGKILL, output=file)
            running.append((step, child, output, time.monotonic()))
        time.sleep(0.05)
        for entry in [entry for entry in running if entry[1].poll() is not None]:
            running.remove(entry)
            step, child, output, started = entry
            seconds = time.monotonic() - started
            passed = child.returncode == 0
            say(f"=== {step.name}: {'passed' if passed else 'FAILED'} ({seconds:.1f} s)")
            if not passed:
                say(output.read_text(errors="replace").rstrip())
            outcomes.append(Outcome(step.name, passed, seconds))
    return outcomes


def run_alone(step: Step, environment: Mapping[str, str]) -> Outcome:
    """Run one step that prints as it goes. A pytest that selected no test has passed."""
    say(f"\n=== {step.name}")
    started = time.monotonic()
    code = start(step.argv, environment, signum=signal.SIGKILL).wait()
    return Outcome(step.name, code in (0, 5), time.monotonic() - started)


def run_again(environment: Mapping[str, str]) -> Outcome | None:
    """What failed in the last step, once more and by itself, or None when too much did for that.

    It tells whoever reads the summary whether a test fails always or only beside others. The step has failed all the
    same: a test that kills, waits or races and fails once has shown something.
    """
    file = Path(environment["LEDGER_TESTS_NOTES"]) / FAILED_FILE
    failed = file.read_text().splitlines() if file.exists() else []
    if not 0 < len(failed) <= RUN_AGAIN:
        return None
    argv = (PYTHON, "-m", "pytest", "-q", *failed)
    return run_alone(Step(f"once more: {', '.join(failed)}", argv), environment)


def left_out(file: Path) -> list[str]:
    """What the tests wrote down as skipped (`tests/conftest.py`): each reason, and which tests it concerns."""
    if not file.exists():
        return []
    reasons: dict[str, list[str]] = {}
    for line in file.read_text().splitlines():
        test, reason = line.split("\t", 1)
        reasons.setdefault(reason, []).append(test)
    return [
        f"{len(tests):5} × {reason}: {', '.join(tests[:NAMED])}{' …' if len(tests) > NAMED else ''}"
        for reason, tests in sorted(reasons.items())
    ]


def main() -> int:
    """Run what the arguments ask for; the exit status."""
    parser = argparse.ArgumentParser(prog="bin/test", add_help=False, allow_abbrev=False)
    parser.add_argument("--help", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--operations", type=int)
    options, for_pytest = parser.parse_known_args()
    if options.help:
        say(USAGE)
        return 0
    # An interrupt ends the steps, which share our terminal; the services end in order with the block below.
    signal.signal(signal.SIGTERM, lambda _signum, _frame: sys.exit(143))
    remove_dead_runs()
    home = TEST_FOLDER / str(os.getpid())
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ} | {
        "LEDGER_HOME": str(home),
        "DJANGO_SETTINGS_MODULE": "ledger_project.settings",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LEDGER_TESTS_NOTES": str(home),
    }
    if options.random:
        environment["LEDGER_RANDOM"] = "1"
    else:
        # Generated requests are drawn from sets of strings too: in another order they are other requests.
        environment["PYTHONHASHSEED"] = "0"
    if options.operations:
        environment["LEDGER_OPERATIONS"] = str(options.operations)
        for_pytest = [*BESIDE_MODELS, "--durations=0", *for_pytest]
    with services(environment):
        if for_pytest:
            return start((PYTHON, "-m", "pytest", *for_pytest), environment, signum=signal.SIGKILL).wait()
        started = time.monotonic()
        outcomes = run_together(check_steps(), environment, home)
        for step in pytest_steps(full=options.full):
            outcome = run_alone(step, environment)
            outcomes.append(outcome)
            if options.full and not outcome.passed and (again := run_again(environment)) is not None:
                outcomes.append(again)
        say(f"\n=== Summary ({time.monotonic() - started:.0f} s)")
        for outcome in outcomes:
            say(f"{'passed' if outcome.passed else 'FAILED'}  {outcome.seconds:7.1f} s  {outcome.name}")
        if skipped := left_out(home / SKIPPED_FILE):
            say("\n=== Left out\n" + "\n".join(skipped))
        return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
