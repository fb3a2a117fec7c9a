"""An invoice reaches its buyer by e-mail, once for each time that somebody wants it, and shows what became of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from common.clock import SystemClock
from events.models import EventDelivery, Mail
from events.services.dispatching import dispatch
from events.services.mail import queue_mail, retry_mail
from events.services.replay import Selection, replay_batch
from events.services.sending import send_due_mail
from invoicing.models import Invoice
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.clients import Api
from tests.invoicing.anonymised import erase, paid
from tests.invoicing.documents import Invoices, uuid_of

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "ada@example.com"
CUSTOMER: dict[str, dict[str, str]] = {"customer": {"name": "Ada Lovelace", "email": ADDRESS, "locale": "de"}}


def dispatched() -> None:
    """Everything that was published has reached its subscribers."""
    while dispatch(now=SystemClock().now()).attempted:
        pass


def settle() -> None:
    """Events, mails, and the events of mails."""
    dispatched()
    send_due_mail(now=SystemClock().now())
    dispatched()


def mails(tenant: Tenant) -> list[Mail]:
    with tenant_scope(tenant.id):
        return list(Mail.objects.order_by("id"))


def status_of(invoices: Invoices, invoice: dict[str, Any]) -> str:
    status: str = invoices.get(invoice)["emailStatus"]
    return status


def dead_or_waiting(tenant: Tenant) -> list[str | None]:
    with tenant_scope(tenant.id):
        return list(EventDelivery.objects.exclude(status="succeeded").values_list("last_error", flat=True))


@pytest.mark.parametrize("how", ["one statement", "step by step", "from a draft"])
def test_a_finalised_invoice_goes_to_its_buyer_with_its_document(tenant, invoices, mailoutbox, how):
    invoices.api.post("/api/customers", {"externalId": "user-1", **CUSTOMER["customer"]})
    ways: dict[str, dict[str, Any]] = {
        "one statement": {}, "step by step": {"dueDate": None}, "from a draft": {"draft": True},
    }  # fmt: skip
    extra = ways[how]
    invoice = invoices.make(10_000, **extra)
    if how == "from a draft":
        dispatched()
        assert mails(tenant) == []
        invoice = invoices.act(invoice, "finalise").json()
    assert invoice["emailStatus"] == "none"
    dispatched()
    assert status_of(invoices, invoice) == "queued"
    settle()
    assert status_of(invoices, invoice) == "sent"
    (mail,) = mailoutbox
    number = invoice["invoiceNumber"]
    assert (mail.to, mail.subject) == ([ADDRESS], f"Rechnung {number} von Example GmbH")
    assert "Guten Tag Ada Lovelace," in mail.body
    assert "100,00" in mail.body
    [(filename, content, kind)] = mail.attachments
    assert (filename, kind, content[:5]) == (f"{number}.pdf", "application/pdf", b"%PDF-")
    [(html, html_type)] = mail.alternatives
    assert (html_type, number in html) == ("text/html", True)
    assert dead_or_waiting(tenant) == []


def test_the_attachment_is_the_document_that_the_api_shows(invoices, mailoutbox):
    invoice = invoices.make(10_000, **CUSTOMER)
    settle()
    answer = invoices.api.get(f"/api/invoices/{invoice['id']}/pdf")
    assert (answer.status_code, answer.content) == (200, mailoutbox[0].attachments[0][1])


def test_without_an_address_the_invoice_says_so(tenant, invoices):
    invoice = invoices.make(10_000)
    settle()
    assert (status_of(invoices, invoice), mails(tenant)) == ("no_address", [])


def test_a_tenant_that_does_not_want_it_sends_nothing(tenant, invoices, settings_of):
    assert settings_of()["emailInvoices"] is True
    assert settings_of(emailInvoices=False)["emailInvoices"] is False
    invoice = invoices.make(10_000, **CUSTOMER)
    settle()
    assert (status_of(invoices, invoice), mails(tenant)) == ("none", [])


def test_an_address_that_no_server_would_take_fails_and_stops_nothing(tenant, invoices):
    invoice = invoices.make(10_000, customer={"email": "jürgen@example.com"})
    settle()
    assert (status_of(invoices, invoice), mails(tenant), dead_or_waiting(tenant)) == ("failed", [], [])


def test_a_replayed_event_sends_no_second_mail(tenant, invoices, mailoutbox):
    invoice = invoices.make(10_000, **CUSTOMER)
    settle()
    with tenant_scope(tenant.id):
        everything = Selection(subscriber="invoicing.mail_invoice", type="invoice.finalised", everything=True)
        changed, _ = replay_batch(everything, tenant_id=tenant.id, now=SystemClock().now())
    assert changed == 1
    settle()
    assert (len(mailoutbox), status_of(invoices, invoice)) == (1, "sent")


def test_an_invoice_that_is_void_by_then_is_not_sent(tenant, invoices):
    invoice = invoices.make(10_000, **CUSTOMER)
    invoices.act(invoice, "void", {"reason": "Wrong"})
    settle()
    assert (status_of(invoices, invoice), mails(tenant)) == ("none", [])


@pytest.mark.parametrize("given_up", [False, True])
@pytest.mark.parametrize(
    ("verb", "body", "said"),
    [
        ("void", {"reason": "Wrong"}, "wurde storniert"),
        ("mark-paid", {}, "ist bezahlt"),
        ("mark-paid", {"amount": 4_000}, "60,00"),
    ],
)
def test_a_mail_that_had_to_wait_asks_for_nothing_that_is_not_owed_any_more(
    tenant, invoices, mailoutbox, verb, body, said, given_up
):
    invoice = invoices.make(10_000, **CUSTOMER)
    dispatched()
    (mail,) = mails(tenant)
    if given_up:
        fail(tenant, mail)
    assert invoices.act(invoice, verb, body).status_code == 200
    if given_up:
        with tenant_scope(tenant.id):
            retry_mail(tenant_id=tenant.id, mail_id=mail.id, now=SystemClock().now())
    settle()
    (sent,) = mailoutbox
    [(html, _)] = sent.alternatives
    for part in (sent.body, html):
        assert said in part
        assert "Bitte zahlen Sie 100,00" not in part
    assert sent.extra_headers["Message-ID"] == mail.message_id


def test_what_was_sent_stays_on_record_as_it_was_sent(tenant, invoices, mailoutbox):
    invoice = invoices.make(10_000, **CUSTOMER)
    settle()
    (before,) = mails(tenant)
    assert invoices.act(invoice, "void", {"reason": "Wrong"}).status_code == 200
    settle()
    (after,) = mails(tenant)
    assert (after.text, after.html, len(mailoutbox)) == (before.text, before.html, 1)


def test_what_a_person_has_sent_before_is_not_sent_by_itself(tenant, invoices, mailoutbox):
    invoice = invoices.make(10_000, **CUSTOMER)
    assert invoices.act(invoice, "send").status_code == 202
    settle()
    assert len(mailoutbox) == 1


def test_each_change_of_the_mail_is_in_the_trail_under_the_name_of_the_system(tenant, invoices, mailoutbox):
    invoices.make(10_000, **CUSTOMER)
    settle()
    changes = [entry for entry in invoices.audit() if "email_status" in (entry.before or {})]
    assert [((one.before or {})["email_status"], (one.after or {})["email_status"]) for one in changes] == [
        ("none", "queued"),
        ("queued", "sent"),
    ]
    assert [(one.action, one.actor_type, one.actor_id) for one in changes] == [
        ("invoice.updated", "system", "subscriber:invoicing.mail_invoice"),
        ("invoice.updated", "system", "subscriber:invoicing.show_mail_outcome"),
    ]


def test_sending_again_is_accepted_and_sends_again(tenant, invoices, mailoutbox):
    invoice = invoices.make(10_000, **CUSTOMER)
    settle()
    answer = invoices.act(invoice, "send", key="again")
    assert (answer.status_code, answer.json()) == (202, {"success": True})
    assert status_of(invoices, invoice) == "queued"
    replayed = invoices.act(invoice, "send", key="again")
    assert (replayed.status_code, replayed.content) == (202, answer.content)
    assert replayed["Idempotent-Replayed"] == "true"
    assert invoices.act(invoice, "send", key="once more").status_code == 202
    settle()
    assert len(mailoutbox) == 3
    assert status_of(invoices, invoice) == "sent"
    assert len({mail.attachments[0][1] for mail in mailoutbox}) == 1


def test_it_can_be_sent_to_somebody_else(tenant, invoices, settings_of, mailoutbox):
    settings_of(emailInvoices=False)
    for fields in (CUSTOMER, {"userId": "nobody"}):
        invoice = invoices.make(10_000, **fields)
        assert invoices.act(invoice, "send", {"email": "accounts@example.com"}).status_code == 202
    settle()
    assert [mail.to for mail in mailoutbox] == [["accounts@example.com"]] * 2


@pytest.mark.parametrize(
    "email",
    [
        "", "nobody", "a@b", "a@example.com\nBcc: b@example.com", "a@example.com\r\nX: y", "a@example.com,b@ex.com",
        "Ada <a@example.com>", "a b@example.com", "a@exa mple.com", "\u202ea@example.com", "jürgen@example.com",
        "a\u2028@example.com", "a\x01@example.com", "a" * 65 + "@example.com", 5, ["a@example.com"], "a@-example.com",
    ],
)  # fmt: skip
def test_a_hostile_address_is_refused_by_its_name(tenant, invoices, email):
    invoice = invoices.make(10_000, **CUSTOMER)
    answer = invoices.act(invoice, "send", {"email": email})
    assert answer.status_code == 400, answer.content
    assert [detail["path"] for detail in answer.json()["details"]] == ["email"]
    assert (mails(tenant), status_of(invoices, invoice)) == ([], "none")


def test_refusals_queue_nothing(tenant, other_invoices, invoices):
    draft, nobody = invoices.draft(**CUSTOMER), invoices.make(10_000, userId="nobody")
    odd = invoices.make(10_000, userId="odd", customer={"email": "jürgen@example.com"})
    foreign = other_invoices.make(10_000, **CUSTOMER)
    refused = [
        (invoices.act(invoice, "send", body).status_code, invoices.act(invoice, "send", body).json()["code"])
        for invoice, body in [
            (draft, {}), (draft, {"email": ADDRESS}), (nobody, {}), (odd, {}), (foreign, {}), (nobody, {"to": ADDRESS}),
        ]
    ]  # fmt: skip
    assert refused == [
        (409, "invoice_not_finalised"), (409, "invoice_not_finalised"), (422, "no_email_address"),
        (422, "no_email_address"), (404, "not_found"), (400, "validation_error"),
    ]  # fmt: skip
    assert mails(tenant) == []
    assert status_of(invoices, draft) == "none"


def test_an_erased_invoice_is_gone(tenant, invoices, settings_of):
    settings_of(emailInvoices=False)
    invoice = paid(invoices, 10_000)
    erase(invoices, invoice["customerId"])
    answer = invoices.act(invoice, "send", {"email": ADDRESS})
    assert (answer.status_code, answer.json()["code"]) == (410, "document_erased")
    assert mails(tenant) == []


def test_what_was_erased_while_its_mail_waited_does_not_leave(tenant, invoices, mailoutbox):
    invoice = paid(invoices, 10_000)
    dispatched()
    assert [mail.status for mail in mails(tenant)] == ["queued"]
    erase(invoices, invoice["customerId"])
    settle()
    assert (mailoutbox, [mail.status for mail in mails(tenant)]) == ([], ["failed"])
    assert status_of(invoices, invoice) == "failed"


def test_an_invoice_that_was_erased_before_its_turn_is_not_mailed(tenant, invoices):
    invoice = paid(invoices, 10_000)
    erase(invoices, invoice["customerId"])
    settle()
    assert (status_of(invoices, invoice), mails(tenant), dead_or_waiting(tenant)) == ("none", [], [])


def fail(tenant: Tenant, mail: Mail) -> None:
    """The mail is given up and that is announced."""
    with tenant_scope(tenant.id):
        Mail.objects.filter(id=mail.id).update(attempts=8, status="queued", next_attempt_at=SystemClock().now())
    send_due_mail(now=SystemClock().now())
    dispatched()


def test_a_failure_shows_and_a_retry_shows_too(tenant, invoices, mailoutbox):
    invoice = invoices.make(10_000, **CUSTOMER)
    dispatched()
    (mail,) = mails(tenant)
    fail(tenant, mail)
    assert (status_of(invoices, invoice), mailoutbox) == ("failed", [])
    with tenant_scope(tenant.id):
        retry_mail(tenant_id=tenant.id, mail_id=mail.id, now=SystemClock().now())
    dispatched()
    assert status_of(invoices, invoice) == "queued"
    settle()
    assert (status_of(invoices, invoice), len(mailoutbox)) == ("sent", 1)


def test_an_older_mail_that_failed_does_not_hide_a_newer_one_that_was_sent(tenant, invoices, mailoutbox):
    invoice = invoices.make(10_000, **CUSTOMER)
    dispatched()
    (older,) = mails(tenant)
    later = SystemClock().now() + dt.timedelta(hours=1)
    with tenant_scope(tenant.id):
        Mail.objects.filter(id=older.id).update(next_attempt_at=later)
    invoices.act(invoice, "send", {"email": "right@example.com"})
    settle()
    assert (status_of(invoices, invoice), [mail.to for mail in mailoutbox]) == ("sent", [["right@example.com"]])
    fail(tenant, older)
    assert [mail.status for mail in mails(tenant)] == ["failed", "sent"]
    assert status_of(invoices, invoice) == "sent"


def test_mails_about_other_things_change_no_invoice(tenant, invoices, mailoutbox):
    invoice = invoices.make(10_000)
    settle()
    now = SystemClock().now()
    with tenant_scope(tenant.id):
        for kind, about in (("", None), ("statement", uuid_of(invoice))):
            queue_mail(
                tenant_id=tenant.id, to=[ADDRESS], subject="s", text="t", at=now, now=now, object_type=kind,
                object_id=about,
            )  # fmt: skip
    settle()
    assert (len(mailoutbox), status_of(invoices, invoice), dead_or_waiting(tenant)) == (2, "no_address", [])


def test_the_list_shows_the_status_too(invoices, mailoutbox):
    invoices.make(10_000, **CUSTOMER)
    settle()
    assert [one["emailStatus"] for one in invoices.listed()] == ["sent"]


def test_a_read_only_key_may_not_send(tenant, invoices, api_of):
    invoice = invoices.make(10_000, **CUSTOMER)
    reader: Api = api_of(tenant, "invoices:read")
    assert reader.post(f"/api/invoices/{invoice['id']}/send", {}).status_code == 403


def test_numbers_and_digests_are_untouched_by_mailing(tenant, invoices, mailoutbox):
    invoice = invoices.make(10_000, **CUSTOMER)
    before = invoices.row(invoice)
    settle()
    after = invoices.row(invoice)
    names = [field.attname for field in Invoice._meta.fields]
    changed = {name for name in names if getattr(before, name) != getattr(after, name)}
    assert changed == {"email_status", "updated_at"}
