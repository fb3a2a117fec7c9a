"""How the story is told: requests with their answers, claims that must hold, one step after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any, TypeVar

from ledger_project.demo.sink import Sink
from ledger_project.environment import BASE_DIR, ledger_home

TIMEOUT_SECONDS = 30
PATIENCE_SECONDS = 30
MOST_LINES = 24
LONGEST_LINE = 160
# The server is on this machine, never behind the proxy that the environment may name.
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
T = TypeVar("T")


class Surprise(Exception):
    """An answer was not what the story promises."""


@dataclass(frozen=True)
class Answer:
    """What came back; the names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass
class Story:
    """What the steps share: how to call the API, and what earlier steps made."""

    base_url: str
    service_key: str
    sink: Sink = field(default_factory=Sink)
    # A fresh story each time it is told to the same database.
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    invoice: dict[str, Any] = field(default_factory=dict)
    first_answer: Answer | None = None
    subscriber: dict[str, Any] = field(default_factory=dict)
    document: Path | None = None

    @property
    def order(self) -> dict[str, Any]:
        """The invoice that the story issues."""
        return {
            "userId": f"demo-{self.run}",
            "customer": {
                "name": "Ada Lovelace",
                "email": "ada@example.com",
                "address": {
                    "line1": "12 St James's Square",
                    "city": "London",
                    "postalCode": "SW1Y 4JH",
                    "country": "GB",
                },
            },
            "items": [
                {"description": "Difference engine, one month", "unitPrice": 12000, "quantity": 2},
                {"description": "Setup", "unitPrice": 5000},
            ],
        }

    def call(
        self, method: str, path: str, body: object = None, *, key: str | None = None, quiet: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """One request, printed with its answer unless `quiet`."""
        sent = {"Authorization": f"ServiceKey {self.service_key}"} | (headers or {})
        data = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        if key is not None:
            sent["Idempotency-Key"] = key
        answer = _exchange(urllib.request.Request(self.base_url + path, data=data, headers=sent, method=method))  # noqa: S310
        if not quiet:
            shown = {"Idempotency-Key": key} if key else headers or {}
            say(f"\n  {method} {path}" + "".join(f"   {name}: {value}" for name, value in shown.items()))
            if data:
                say(indented(data))
            replayed = "   Idempotent-Replayed: true" if "idempotent-replayed" in answer.headers else ""
            say(f"  → {answer.status}{replayed}")
            say(indented(answer.body, media_type=answer.headers.get("content-type", "")))
        return answer

    def visit(self, path: str) -> Answer:
        """A page as a browser gets it that has not signed in."""
        return _exchange(urllib.request.Request(self.base_url + path))  # noqa: S310


def _exchange(request: urllib.request.Request) -> Answer:
    try:
        with DIRECTLY.open(request, timeout=TIMEOUT_SECONDS) as response:
            return Answer(response.status, lower_case(response.headers), response.read())
    except urllib.error.HTTPError as problem:
        with problem:
            return Answer(problem.code, lower_case(problem.headers), problem.read())


def lower_case(headers: Message) -> dict[str, str]:
    """Headers by name, whatever case the server writes them in."""
    return {name.lower(): value for name, value in headers.items()}


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def indented(body: bytes, *, media_type: str = "application/json") -> str:
    """A body as readable JSON, shortened; of what is no text, how much it is."""
    if media_type.startswith("application/pdf"):
        return f"    {body[:8].decode(errors='replace').strip()} … {len(body):,} bytes"
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        text = body.decode(errors="replace")
    lines = [line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + " …" for line in text.splitlines()]
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"… {len(lines) - MOST_LINES} more lines"]
    return "\n".join(f"    {line}" for line in lines)


def expect(condition: bool, what: str) -> None:  # noqa: FBT001 - reads as an assertion
    """Say that `what` was seen, or stop the story."""
    if not condition:
        raise Surprise(f"This was promised, and is not so: {what}")
    say(f"  ✓ {what}")


def wait_for(look: Callable[[], T | None], what: str) -> T:
    """What `look` finds; asks again until it does, or stops the story after half a minute."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise Surprise(f"This was promised, and did not come within {PATIENCE_SECONDS} s: {what}")
        time.sleep(0.05)
    return found


def manage(*arguments: str) -> int:
    """Run a command of operators and print what it says; its exit status."""
    say(f"\n  manage.py {' '.join(arguments)}")
    command = [sys.executable, str(BASE_DIR / "manage.py"), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in (result.stdout + result.stderr).splitlines():
        say(f"    {line}")
    return result.returncode


def tell(steps: Sequence[Callable[[Story], None]]) -> int:
    """Tell the story; 0 when all of it was true."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger_project.settings")
    path = ledger_home() / "credentials.json"
    try:
        credentials = json.loads(path.read_text())
    except (OSError, ValueError) as problem:
        say(
            f"The story needs the service key in {path}, which cannot be read ({type(problem).__name__}). Only the "
            "first start of an instance writes that file; LEDGER_HOME names another folder."
        )
        return 1
    story = Story(base_url=credentials["baseUrl"], service_key=credentials["serviceKey"])
    started = time.monotonic()
    with ExitStack() as opened:
        opened.callback(story.sink.close)
        for number, step in enumerate(steps, start=1):
            title = step.__name__.replace("_", " ").capitalize()
            say(f"\n{number}. {title}\n   {' '.join((step.__doc__ or '').split())}")
            try:
                step(story)
            except (Surprise, OSError, ValueError, KeyError, TypeError) as problem:
                say(f"  ✗ {problem}")
                say(f"\nThe story ended at step {number} of {len(steps)}.")
                return 1
    say(f"\nThat was the whole story, {len(steps)} steps in {time.monotonic() - started:.1f} s. All of it was true.")
    return 0
