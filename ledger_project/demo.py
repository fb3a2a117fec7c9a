"""The guided story of `bin/up --demo`: what Ledger does, through its real HTTP API, with what to look at.

A step is a function that takes the story so far, does something and checks it; `STORY` is their order. A later feature
adds its function there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from ledger_project.environment import BASE_DIR, ledger_home

TIMEOUT_SECONDS = 30
MOST_LINES = 24
# The server is on this machine, never behind the proxy that the environment may name.
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


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
    # A fresh story each time it is told to the same database.
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    invoice: dict[str, Any] = field(default_factory=dict)
    first_answer: Answer | None = None

    @property
    def order(self) -> dict[str, Any]:
        """The invoice that the story issues."""
        return {
            "userId": f"demo-{self.run}",
            "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
            "items": [
                {"description": "Difference engine, one month", "unitPrice": 12000, "quantity": 2},
                {"description": "Setup", "unitPrice": 5000},
            ],
        }

    def call(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Answer:
        """One request, printed with its answer."""
        headers = {"Authorization": f"ServiceKey {self.service_key}"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        if key is not None:
            headers["Idempotency-Key"] = key
        say(f"\n  {method} {path}" + (f"   Idempotency-Key: {key}" if key else ""))
        if data:
            say(indented(data))
        request = urllib.request.Request(self.base_url + path, data=data, headers=headers, method=method)  # noqa: S310
        try:
            with DIRECTLY.open(request, timeout=TIMEOUT_SECONDS) as response:
                answer = Answer(response.status, lower_case(response.headers), response.read())
        except urllib.error.HTTPError as problem:
            with problem:
                answer = Answer(problem.code, lower_case(problem.headers), problem.read())
        replayed = "   Idempotent-Replayed: true" if "idempotent-replayed" in answer.headers else ""
        say(f"  → {answer.status}{replayed}")
        say(indented(answer.body))
        return answer


def lower_case(headers: Message) -> dict[str, str]:
    """Headers by name, whatever case the server writes them in."""
    return {name.lower(): value for name, value in headers.items()}


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def indented(body: bytes) -> str:
    """A body as readable JSON, shortened."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        text = body.decode(errors="replace")
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"… {len(lines) - MOST_LINES} more lines"]
    return "\n".join(f"    {line}" for line in lines)


def expect(condition: bool, what: str) -> None:  # noqa: FBT001 - reads as an assertion
    """Say that `what` was seen, or stop the story."""
    if not condition:
        raise Surprise(f"This was promised, and is not so: {what}")
    say(f"  ✓ {what}")


def issue_an_invoice(story: Story) -> None:
    """A sibling service issues an invoice. Look at the number: it is the next one of its series, without a gap."""
    answer = story.call("POST", "/api/invoices", story.order, key=f"demo-{story.run}")
    expect(answer.status == 201, "201 Created")
    story.invoice, story.first_answer = answer.json(), answer
    expect(story.invoice["invoiceNumber"] is not None, f"the number {story.invoice['invoiceNumber']}")
    expect(story.invoice["subtotal"] == 29000, "the subtotal is 2 × 12000 + 5000 = 29000 minor units")


def send_it_again(story: Story) -> None:
    """The same request again, as after a lost connection. Look at the header, and that no second number was taken."""
    assert story.first_answer is not None
    answer = story.call("POST", "/api/invoices", story.order, key=f"demo-{story.run}")
    expect(answer.status == 201, "the same status")
    expect(answer.headers.get("idempotent-replayed") == "true", "Idempotent-Replayed: true")
    expect(answer.body == story.first_answer.body, "the same answer, byte for byte")


def reuse_the_key(story: Story) -> None:
    """Another request under the same key is a mistake of the caller. Look at the code of the error."""
    other = story.order | {"notes": "something else"}
    answer = story.call("POST", "/api/invoices", other, key=f"demo-{story.run}")
    expect(answer.status == 409, "409 Conflict")
    expect(answer.json()["code"] == "idempotency_conflict", "the code is idempotency_conflict")


def ask_for_its_status(story: Story) -> None:
    """The cheap question that a sibling service asks often. Look at how little it says."""
    answer = story.call("GET", f"/api/invoices/{story.invoice['id']}/status")
    expect(answer.status == 200, "200 OK")
    expect(set(answer.json()) == {"id", "status", "total", "currency", "paidAt"}, "exactly five fields")
    expect(answer.json()["status"] == "pending", "it waits for payment")


def mark_it_paid(story: Story) -> None:
    """The money came by bank transfer. Look at status, amountDue and paidAt."""
    answer = story.call(
        "POST",
        f"/api/invoices/{story.invoice['id']}/mark-paid",
        {"method": "bank_transfer", "reference": f"demo {story.run}"},
        key=f"demo-paid-{story.run}",
    )
    expect(answer.status == 200, "200 OK")
    expect(answer.json()["status"] == "paid", "the invoice is paid")
    expect(answer.json()["amountDue"] == 0, "nothing is due")


def find_it_in_the_list(story: Story) -> None:
    """Lists are filtered and paged. Look at hasMore and nextCursor."""
    answer = story.call("GET", f"/api/invoices?userId={story.order['userId']}&limit=5")
    expect(answer.status == 200, "200 OK")
    found = [invoice["id"] for invoice in answer.json()["data"]]
    expect(found == [story.invoice["id"]], "one invoice, although it was sent twice")


def verify_the_numbers(_story: Story) -> None:
    """Every document carries the hash of its predecessor. Look at the verdict: no gap, nothing altered."""
    say("\n  manage.py verify_numbering --tenant demo")
    command = [sys.executable, str(BASE_DIR / "manage.py"), "verify_numbering", "--tenant", "demo"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in (result.stdout + result.stderr).splitlines():
        say(f"    {line}")
    expect(result.returncode == 0, "every series of the tenant is whole")


STORY: tuple[Callable[[Story], None], ...] = (
    issue_an_invoice,
    send_it_again,
    reuse_the_key,
    ask_for_its_status,
    mark_it_paid,
    find_it_in_the_list,
    verify_the_numbers,
)


def main() -> int:
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
    for number, step in enumerate(STORY, start=1):
        title = step.__name__.replace("_", " ").capitalize()
        say(f"\n{number}. {title}\n   {' '.join((step.__doc__ or '').split())}")
        try:
            step(story)
        except (Surprise, OSError, ValueError, KeyError, TypeError) as problem:
            say(f"  ✗ {problem}")
            say(f"\nThe story ended at step {number} of {len(STORY)}.")
            return 1
    say(f"\nThat was the whole story, {len(STORY)} steps in {time.monotonic() - started:.1f} s. All of it was true.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
