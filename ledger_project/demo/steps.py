"""What happens in the story. A step does something and checks it; its name is its title, its docstring its text.

A later feature adds its function to `STORY`.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from ledger_project.demo.sink import Callback
from ledger_project.demo.story import Story, Surprise, expect, indented, manage, say, wait_for
from ledger_project.environment import BASE_DIR, ledger_home


def subscribe_to_callbacks(story: Story) -> None:
    """Another system wants to know what happens to invoices. Look at the secret: it is shown this once, and signs."""
    answer = story.call(
        "POST",
        "/api/webhooks/subscribers",
        {"name": f"Demo {story.run}", "url": story.sink.url, "events": ["invoice.finalised", "invoice.paid"]},
        key=f"demo-subscriber-{story.run}",
    )
    if answer.status == 422:
        raise Surprise(
            "The subscriber of the story listens on this machine, which may be called only while HOST is this machine "
            "alone. Start with LEDGER_EGRESS_ALLOW=127.0.0.1 to allow it, for development."
        )
    expect(answer.status == 201, "201 Created")
    story.subscriber = answer.json()
    expect(story.subscriber["secret"].startswith("whsec_"), "a secret of Standard Webhooks")


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


def read_the_document(story: Story) -> None:
    """The invoice as a PDF. Look at the file, and at ETag: the bytes are made once and never change again."""
    path = f"/api/invoices/{story.invoice['id']}/pdf"
    answer = story.call("GET", path)
    expect(answer.status == 200, "200 OK")
    expect(answer.body.startswith(b"%PDF"), "a PDF")
    folder = ledger_home() / "demo"
    folder.mkdir(mode=0o700, exist_ok=True)
    story.document = folder / f"{story.invoice['invoiceNumber']}.pdf"
    story.document.write_bytes(answer.body)
    say(f"\n  {story.document}")
    expect(story.document.stat().st_size == len(answer.body), "written to the file above: open it")
    etag = answer.headers["etag"]
    again = story.call("GET", path, headers={"If-None-Match": etag})
    expect(again.status == 304, "304 Not Modified: the same bytes")
    expect(story.call("GET", path, quiet=True).body == answer.body, f"byte for byte, ETag {etag}")


def see_the_email_leave(story: Story) -> None:
    """A finalised invoice goes to its buyer, the PDF attached. Look at emailStatus; here mail is printed to the log."""
    invoice_path = f"/api/invoices/{story.invoice['id']}"

    def sent() -> dict[str, object] | None:
        invoice: dict[str, object] = story.call("GET", invoice_path, quiet=True).json()
        return invoice if invoice["emailStatus"] not in ("none", "queued") else None

    invoice = wait_for(sent, "the mail has left")
    expect(invoice["emailStatus"] == "sent", "emailStatus is sent")
    if os.environ.get("EMAIL_BACKEND"):
        say("    It went to the mail server that EMAIL_BACKEND and EMAIL_HOST name.")
        return
    log = ledger_home() / "log" / "ledger.log"
    number = story.invoice["invoiceNumber"]

    def printed() -> list[str] | None:
        lines = log.read_text(errors="replace").splitlines()
        found = [index for index, line in enumerate(lines) if "Subject:" in line and number in line]
        return lines[found[-1] :] if found else None

    lines = wait_for(printed, f"the mail in {log}")
    say("")
    for line in lines:
        if any(word in line for word in ("Subject: ", "To: ", f"{number}.pdf")):
            say(f"    {line}")
    expect(any(f"{number}.pdf" in line for line in lines), f"{number}.pdf is attached; the whole mail is in {log}")


def receive_the_callback(story: Story) -> None:
    """The other system is told. Look at the three headers of Standard Webhooks, which any library verifies."""
    callback = _receive(story, "invoice.finalised")
    expect(callback.is_genuine(story.subscriber["secret"]), "the signature is genuine")
    forged = callback.body.replace(b"29000", b"29001")
    expect(not callback.is_genuine(story.subscriber["secret"], body=forged), "with one digit changed it is not")


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


def receive_the_second_callback(story: Story) -> None:
    """The other system learns of the payment, too. Look at webhook-id: each event has its own, on every attempt."""
    callback = _receive(story, "invoice.paid")
    expect(callback.is_genuine(story.subscriber["secret"]), "the signature is genuine")
    first = story.sink.find("invoice.finalised", story.invoice["id"])
    expect(first is not None and first.headers["webhook-id"] != callback.headers["webhook-id"], "another webhook-id")
    deliveries = story.call("GET", f"/api/webhooks/subscribers/{story.subscriber['id']}/deliveries", quiet=True).json()
    expect(len(deliveries["data"]) == 2, "two deliveries, each of them kept with its attempts")
    toggled = story.call("POST", f"/api/webhooks/subscribers/{story.subscriber['id']}/toggle", {}, quiet=True).json()
    expect(toggled["active"] is False, "the subscriber is switched off: nobody listens here after the story")


def find_it_in_the_list(story: Story) -> None:
    """Lists are filtered and paged. Look at hasMore and nextCursor."""
    answer = story.call("GET", f"/api/invoices?userId={story.order['userId']}&limit=5")
    expect(answer.status == 200, "200 OK")
    found = [invoice["id"] for invoice in answer.json()["data"]]
    expect(found == [story.invoice["id"]], "one invoice, although it was sent twice")


def ask_who_did_what(story: Story) -> None:
    """Triggers in the database record every change. Look at actor and changes: nobody can leave something out."""
    answer = story.call("GET", f"/api/audit?entityId={story.invoice['id']}&limit=10", quiet=True)
    expect(answer.status == 200, "200 OK")
    entries = answer.json()["data"]
    say("")
    seen = []
    for entry in reversed(entries):
        status, actor = entry["changes"].get("status", {}).get("to"), entry["actor"]
        seen += [status] if status else []
        say(f"    {entry['createdAt']}  {entry['action']:<16} {status or '':<8} {actor['type']} {actor['id']}")
    expect(seen == ["pending", "paid"], "issued as pending, then paid")


def verify_everything(_story: Story) -> None:
    """Nothing has to be believed. Look at the verdicts: numbers without a gap, documents unaltered, no event stuck."""
    for command in sorted(path.stem for path in BASE_DIR.glob("*/management/commands/verify_*.py")):
        expect(manage(command, "--tenant", "demo") == 0, f"{command} finds nothing wrong")


def open_the_pages(story: Story) -> None:
    """What is left is to look around. The administrator's password stands in credentials.json."""
    pages = {"/admin/": "the back office", "/api/docs": "the API, to try out", "/api/openapi": "the same for programs"}
    for path, what in pages.items():
        expect(story.visit(path).status == 200, f"{story.base_url}{path}   {what}")
    say(f"    {ledger_home() / 'credentials.json'}   e-mail and password for the back office")
    say(f"    {story.document}   the invoice")


STORY: tuple[Callable[[Story], None], ...] = (
    subscribe_to_callbacks,
    issue_an_invoice,
    send_it_again,
    reuse_the_key,
    read_the_document,
    see_the_email_leave,
    receive_the_callback,
    ask_for_its_status,
    mark_it_paid,
    receive_the_second_callback,
    find_it_in_the_list,
    ask_who_did_what,
    verify_everything,
    open_the_pages,
)


def _receive(story: Story, event: str) -> Callback:
    """The callback of our invoice's event, shown."""
    callback = wait_for(lambda: story.sink.find(event, story.invoice["id"]), f"the callback {event}")
    say("\n  POST /callbacks")
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature", "x-webhook-event"):
        say(f"    {name}: {callback.headers.get(name)}")
    say(indented(callback.body))
    return callback
