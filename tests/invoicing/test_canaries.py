"""Canaries: words planted in every field that a caller may fill are found in no table and no log after erasing.

A real instance, with its web server, worker, mail and log. The search reads every column of every table from the
catalogue of the database, as the role that sees all tenants, so that a table which somebody adds cannot be forgotten.
"""

from __future__ import annotations

import http.client
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pypdfium2
import pytest

from tests.chaos.test_killed_while_issuing import manage
from tests.events.smtp_sink import SmtpSink
from tests.ledger_project.instances import Instance, free_port, wait_until
from tests.webhooks.sink import Sink

pytestmark = [pytest.mark.serial, pytest.mark.timeout(400)]

# Where each word is planted. Those of items are not here: they stay on the document, and say what was sold.
CANARIES = {
    "userId": "canaryuserid", "name": "canaryname", "former name": "canaryformer", "e-mail": "canarymail@example.org",
    "line1": "canaryline", "city": "canarycity", "region": "canaryregion", "postal code": "canarypost",
    "VAT id": "DE999888776", "other tax number": "98-7651234", "certificate": "canarycertificate",
    "reason of an exemption": "canaryexempt", "notes": "canarynotes", "metadata of the invoice": "canaryinvoicedata",
    "metadata of the customer": "canarycustomerdata", "reference of the payment": "canaryreference",
    "reason of a void invoice": "canaryreason", "notes of a deleted draft": "canarydraft",
    "deleted customer": "canarydeleted", "user of an idempotent request": "canarykeyed",
    "metadata of an account": "canaryaccount", "code of an account": "canarycode",
    "reason of a suspension": "canarysuspended", "description of a transfer": "canarytransfer",
    "metadata of a transfer": "canarytransferdata", "reason of a void transfer": "canaryvoided",
    "description of an entry": "canaryentry", "metadata of an entry": "canaryentrydata",
    "reason of a reversal": "canaryreversal", "metadata of a hold": "canaryhold", "transfer of a batch": "canarybatch",
    "metadata of a grant": "canarygrant", "metadata of a used grant": "canaryusedgrant",
    "reason of a credit": "canarycredit", "reason of a revocation": "canaryrevoked",
    "address of a mail sent by hand": "canarysendto@example.org", "answer of a subscriber": "canaryanswer",
    "name in a register": "canaryregistered", "address in a register": "canaryseat",
}  # fmt: skip
# Planted where it is refused: it must reach no log on the way.
REFUSED = "canaryrefused"
WORD = {key: value.partition("@")[0] for key, value in CANARIES.items()}


@pytest.fixture
def receiver() -> Iterator[Sink]:
    """Two subscribers of callbacks, which repeat what they are sent; one of them always fails."""
    made = Sink()
    yield made
    made.close()


@pytest.fixture
def mails() -> Iterator[SmtpSink]:
    """A mail server that keeps what it is sent."""
    with SmtpSink() as sink:
        yield sink


@pytest.fixture
def instance(tmp_path: Path, mails: SmtpSink, receiver: Sink) -> Iterator[Instance]:
    """A whole Ledger of its own."""
    started = Instance(
        tmp_path / "home",
        PORT=str(free_port()),
        WORKER_PORT=str(free_port()),
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=str(mails.port),
        LEDGER_EGRESS_ALLOW="127.0.0.1",
        VIES_URL=receiver.url("/vies"),
    ).serving()
    yield started
    started.end()


class Caller:
    """A sibling service of the tenant `demo`."""

    def __init__(self, instance: Instance) -> None:
        self.port = instance.port
        credentials = json.loads((instance.home / "credentials.json").read_text())
        self.headers = {
            "Authorization": f"ServiceKey {credentials['serviceKey']}", "Content-Type": "application/json",
        }  # fmt: skip

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        """One request; status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def must(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """One request that must succeed."""
        status, content = self.call(method, path, body, **headers)
        assert 200 <= status < 300, content
        return dict(json.loads(content)) if content else {}


def plant(caller: Caller, receiver: Sink) -> list[str]:
    """Fill every field; the ids of the customers that this made."""
    word = CANARIES["answer of a subscriber"].encode()
    receiver.answers["/"] = lambda received: (200, {}, word + received.body)
    receiver.answers["/failing"] = lambda received: (500, {}, word + received.body)
    registered = {"name": CANARIES["name in a register"], "address": CANARIES["address in a register"]}
    receiver.answers["/vies"] = lambda received: (200, {}, json.dumps({"valid": True, **registered}).encode())
    for path in ("/", "/failing"):
        caller.must("POST", "/api/webhooks/subscribers", {"name": "Books", "url": receiver.url(path)})
    address = {
        "line1": CANARIES["line1"], "city": CANARIES["city"], "region": CANARIES["region"],
        "postalCode": CANARIES["postal code"], "country": "DE",
    }  # fmt: skip
    customer = caller.must(
        "POST",
        "/api/customers",
        {
            "externalId": CANARIES["userId"], "name": CANARIES["former name"], "email": CANARIES["e-mail"],
            "address": address, "vatId": CANARIES["VAT id"], "locale": "de",
            "taxIds": [{"type": "us_ein", "value": CANARIES["other tax number"]}],
            # Not where the customer is, so that the invoices below have something to pay.
            "taxExemption": {
                "certificate": CANARIES["certificate"], "reason": CANARIES["reason of an exemption"], "country": "US",
            },
            "metadata": {"who": CANARIES["metadata of the customer"]},
        },
    )  # fmt: skip
    caller.must("PATCH", f"/api/customers/{customer['id']}", {"name": CANARIES["name"]})
    caller.must("POST", f"/api/customers/{customer['id']}/verify-vat")
    issued = {
        "userId": CANARIES["userId"], "items": [{"description": "Consulting", "unitPrice": 100}],
        "notes": CANARIES["notes"], "metadata": {"who": CANARIES["metadata of the invoice"]},
    }  # fmt: skip
    invoice = caller.must("POST", "/api/invoices", issued)
    caller.must("GET", f"/api/customers?email={CANARIES['e-mail']}")
    caller.must("GET", f"/api/invoices?userId={CANARIES['userId']}")
    status, document = caller.call("GET", f"/api/invoices/{invoice['id']}/pdf")
    assert status == 200
    assert CANARIES["name"] in text_of_pdf(document)
    caller.must(
        "POST", f"/api/invoices/{invoice['id']}/send", {"email": CANARIES["address of a mail sent by hand"]}
    )  # fmt: skip
    paid = {"reference": CANARIES["reference of the payment"]}
    caller.must("POST", f"/api/invoices/{invoice['id']}/mark-paid", paid)
    void = caller.must("POST", "/api/invoices", issued)
    reason = {"reason": CANARIES["reason of a void invoice"]}
    caller.must("POST", f"/api/invoices/{void['id']}/void", reason)
    draft = caller.must("POST", "/api/invoices", issued | {"draft": True})
    caller.must("PATCH", f"/api/invoices/{draft['id']}", {"notes": CANARIES["notes of a deleted draft"]})
    caller.must("PATCH", f"/api/invoices/{draft['id']}", {"items": issued["items"]})
    caller.must("DELETE", f"/api/invoices/{draft['id']}")
    deleted = caller.must("POST", "/api/customers", {"name": CANARIES["deleted customer"]})
    caller.must("DELETE", f"/api/customers/{deleted['id']}")
    free = {"userId": CANARIES["user of an idempotent request"], "items": [{"description": "Free", "unitPrice": 0}]}
    keyed = caller.must("POST", "/api/invoices", free, Idempotency_Key="order-1")
    plant_in_the_books(caller, customer["id"])
    plant_with_credit(caller, customer["id"])
    return [customer["id"], deleted["id"], keyed["customerId"], refuse(caller, invoice["id"])]


def plant_in_the_books(caller: Caller, customer_id: str) -> None:
    """Words about an account of the customer, and all that can be done with it; it is empty again in the end."""
    source = caller.must("POST", "/api/accounts", {"currency": "EUR", "overdraft": {"policy": "unlimited"}})["id"]
    account = caller.must(
        "POST",
        "/api/accounts",
        {
            "currency": "EUR", "ownerType": "customer", "ownerId": customer_id, "code": CANARIES["code of an account"],
            "metadata": {"who": CANARIES["metadata of an account"]},
        },
    )["id"]  # fmt: skip
    reason = {"reason": CANARIES["reason of a suspension"]}
    for verb in ("suspend", "activate"):
        caller.must("POST", f"/api/accounts/{account}/{verb}", reason)
    move = {"fromAccountId": source, "toAccountId": account, "amount": 5, "currency": "EUR"}
    transfer = caller.must(
        "POST",
        "/api/transfers",
        move
        | {
            "description": CANARIES["description of a transfer"],
            "metadata": {"who": CANARIES["metadata of a transfer"]},
            "idempotencyKey": "transfer-1",
        },
    )
    hold = {"accountId": account, "amount": 5, "currency": "EUR", "metadata": {"who": CANARIES["metadata of a hold"]}}
    held = caller.must("POST", "/api/holds", hold)
    caller.must("POST", f"/api/holds/{held['id']}/release")
    reason = {"reason": CANARIES["reason of a void transfer"]}
    caller.must("POST", f"/api/transfers/{transfer['id']}/void", reason)
    lines = [{"accountId": one, "side": side, "amount": 5} for one, side in ((source, "debit"), (account, "credit"))]
    entry = caller.must(
        "POST",
        "/api/entries",
        {
            "lines": lines, "description": CANARIES["description of an entry"],
            "metadata": {"who": CANARIES["metadata of an entry"]},
        },
    )  # fmt: skip
    caller.must("POST", f"/api/entries/{entry['id']}/reverse", {"reason": CANARIES["reason of a reversal"]})
    text = {"description": CANARIES["transfer of a batch"], "idempotencyKey": "batch-1"}
    back = move | {"fromAccountId": account, "toAccountId": source}
    caller.must("POST", "/api/transfers/batch", {"transfers": [move | text, back]})


def plant_with_credit(caller: Caller, customer_id: str) -> None:
    """Words about credit that pays for invoices, comes back and is taken away; none of it is left in the end."""
    given = {"customerId": customer_id, "amount": 30, "currency": "EUR"}
    used = given | {"metadata": {"who": CANARIES["metadata of a used grant"]}}
    caller.must("POST", "/api/grants", used, Idempotency_Key="grant-1")
    reason = {"amount": 20, "currency": "EUR", "reason": CANARIES["reason of a credit"]}
    caller.must("POST", f"/api/customers/{customer_id}/credit", reason, Idempotency_Key="credit-1")
    work = [{"description": "Work", "unitPrice": 50}]
    asked = {"customerId": customer_id, "currency": "EUR", "items": work, "skipTax": True}
    paid = caller.must("POST", "/api/invoices", asked, Idempotency_Key="credited-1")
    assert (paid["status"], paid["amountPaid"]) == ("paid", 50)
    unused = given | {"metadata": {"who": CANARIES["metadata of a grant"]}}
    grant = caller.must("POST", "/api/grants", unused)
    void = caller.must("POST", "/api/invoices", asked)
    assert void["amountPaid"] == 30
    reason = {"reason": CANARIES["reason of a void invoice"]}
    caller.must("POST", f"/api/invoices/{void['id']}/void", reason)
    reason = {"reason": CANARIES["reason of a revocation"]}
    assert caller.must("POST", f"/api/grants/{grant['id']}/revoke", reason)["status"] == "revoked"


def refuse(caller: Caller, invoice_id: str) -> str:
    """Requests that are refused by the view, by a constraint and by the database; the customer they were about."""
    taken = caller.must("POST", "/api/customers", {"externalId": f"{REFUSED}-1"})
    for body in (
        {"externalId": f"{REFUSED}-1"}, {"email": REFUSED}, {REFUSED: 1}, {"name": REFUSED * 100},
        {"name": f"{REFUSED}\0"}, {"name": REFUSED, "metadata": {REFUSED: 5}},
    ):  # fmt: skip
        status, _ = caller.call("POST", "/api/customers", body)
        assert 400 <= status < 500
    for path in (f"/api/invoices/{REFUSED}", f"/api/{REFUSED}", f"/api/customers?{REFUSED}=1"):
        assert 400 <= caller.call("GET", path)[0] < 500
    assert caller.call("POST", f"/api/invoices/{invoice_id}/void", {"reason": REFUSED})[0] == 409
    return str(taken["id"])


def text_of_pdf(content: bytes) -> str:
    """What a reader sees on the pages, and the properties of the document."""
    document = pypdfium2.PdfDocument(io.BytesIO(content))
    pages = [document[number].get_textpage().get_text_range() for number in range(len(document))]
    return re.sub(r"\s+", " ", " ".join(pages) + str(document.get_metadata_dict()))


def texts(instance: Instance) -> Iterator[tuple[str, str]]:
    """Every value of every column of every table as text; bytes also as they read, and PDFs as their pages read."""
    url = instance.urls()["databaseOwnerUrl"].replace("ledger_owner", "ledger_backup")
    with psycopg.connect(url) as connection:
        columns = connection.execute(
            "SELECT c.oid::regclass::text, a.attname, a.atttypid::regtype::text FROM pg_class c "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
            "WHERE c.relkind IN ('r', 'm', 'p') AND c.relnamespace = 'public'::regnamespace"
        ).fetchall()
        assert len(columns) > 200, "the role that reads everything does not"
        for table, column, kind in columns:
            values = connection.execute(f'SELECT "{column}" FROM {table} WHERE "{column}" IS NOT NULL').fetchall()
            for (value,) in values:
                where = f"{table}.{column}"
                if kind == "bytea":
                    raw = bytes(value)
                    yield where, raw.decode(errors="replace")
                    if raw.startswith(b"%PDF"):
                        yield where, text_of_pdf(raw)
                else:
                    yield where, json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def found_in_tables(instance: Instance, words: Mapping[str, str]) -> dict[str, set[str]]:
    """For each canary the columns that hold it, in any spelling of case."""
    found: dict[str, set[str]] = {}
    for where, text in texts(instance):
        lower = text.lower()
        for name, word in words.items():
            if word.lower() in lower:
                found.setdefault(name, set()).add(where)
    return found


def found_in_files(instance: Instance, words: Mapping[str, str]) -> set[tuple[str, str]]:
    """Canaries in what the processes wrote, beside the data of the servers themselves."""
    files = [instance.output, *(path for path in instance.home.rglob("*") if path.is_file())]
    logs = [path for path in files if not {"postgres", "redis"} & set(path.relative_to(path.anchor).parts)]
    assert any(path.name == "ledger.log" for path in logs)
    return {
        (path.name, name)
        for path in logs
        for name, word in words.items()
        if word.lower().encode() in path.read_bytes().lower()
    }


def found_in_redis(instance: Instance, words: Mapping[str, str]) -> set[str]:
    """Canaries in keys and values of Redis, whatever their type."""
    client = instance.redis()
    content = b" ".join(key + b" " + (client.dump(key) or b"") for key in client.scan_iter())
    return {name for name, word in words.items() if word.lower().encode() in content.lower()}


def settled(instance: Instance) -> bool:
    """Whether every event, mail and callback has been tried."""
    open_work = (
        "SELECT (SELECT count(*) FROM events_event WHERE dispatched_at IS NULL) + "
        "(SELECT count(*) FROM events_eventdelivery WHERE status IN ('pending', 'delivering')) + "
        "(SELECT count(*) FROM events_mail WHERE attempts = 0) + "
        "(SELECT count(*) FROM webhooks_delivery WHERE attempts = 0 OR status = 'delivering')"
    )
    with psycopg.connect(instance.urls()["databaseOwnerUrl"].replace("ledger_owner", "ledger_backup")) as connection:
        return connection.execute(open_work).fetchall() == [(0,)]


def test_after_erasing_no_canary_is_in_any_table_or_log(
    instance: Instance, receiver: Sink, mails: SmtpSink
) -> None:  # fmt: skip
    caller = Caller(instance)
    customers = plant(caller, receiver)
    wait_until(lambda: settled(instance), "everything has been tried")
    # An attempt is counted when it begins.
    wait_until(lambda: mails.received, "a mail, without which the test proves nothing about mails")
    planted = found_in_tables(instance, WORD)
    assert set(planted) == set(WORD), "a canary was planted nowhere: the test proves nothing about it"
    places = set().union(*planted.values())
    assert {
        "invoicing_invoicedocument.content", "tenants_idempotencykey.body", "events_event.data", "events_mail.text",
        "tenants_auditentry.before", "tenants_auditentry.reason", "webhooks_message.body",
        "webhooks_attempt.response_body",
    } <= places  # fmt: skip

    for customer in customers:
        done = manage(instance, "anonymise", "--tenant", "demo", "--customer", customer)
        assert done.returncode == 0, done.stdout + done.stderr

    assert found_in_tables(instance, {**WORD, "refused": REFUSED}) == {}
    assert found_in_files(instance, {**WORD, "refused": REFUSED}) == set()
    assert found_in_redis(instance, {**WORD, "refused": REFUSED}) == set()
    for command in ("verify_erasure", "verify_numbering"):
        verdict = manage(instance, command)
        assert verdict.returncode == 0, verdict.stdout
