"""What goes and what stays when finished invoices are old, who is left alone, and what a run records of itself."""

from __future__ import annotations

import datetime as dt
import hashlib

import orjson
import pytest

from billing.errors import CustomerHeld
from billing.models import Customer, Payment
from common.errors import NotFound
from common.ids import encode_id, new_id
from common.prefixes import CUSTOMER
from events.models import Event, Mail
from events.services.mail import queue_mail
from invoicing.models import InvoiceBuyer
from invoicing.models.document import DocumentRequest, InvoiceDocument
from invoicing.services.anonymising import anonymise_tenant
from tenants.enums import RetentionCause, RetentionStatus
from tenants.models import AuditEntry, ErasedObject, RetentionRun
from tenants.registries import retention_blockers
from tenants.scope import tenant_scope
from tests.invoicing.anonymised import DETAILS, clocks, erase, paid, real, run, verified
from tests.invoicing.documents import rows_of, uuid_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_old_paid_invoice_loses_its_buyer_and_keeps_amounts_dates_number_and_tax(invoices):
    before = paid(invoices, 10_000, 5, userId="ada-1")
    invoices.make(1, userId="ada-1")  # unpaid: the customer stays
    record = run(invoices.tenant)
    after = invoices.get(before)
    gone = {"userId": None, "notes": None, "metadata": {}, "updatedAt": after["updatedAt"]}
    assert after == before | gone
    with tenant_scope(invoices.tenant.id):
        buyer = InvoiceBuyer.objects.get(invoice_id=uuid_of(before))
        left = {name for name, value in vars(buyer).items() if not name.startswith("_") and value is not None}
        assert left == {"invoice_id", "tenant_id"}
        assert (record.invoices, record.customers, record.blocked) == (1, 0, 1)
        assert Customer.objects.get().name == "Ada Lovelace"
        assert Payment.objects.get().reference is None
    assert verified(invoices) == {}


def test_the_customer_goes_with_the_last_of_their_invoices_and_their_name_is_free_again(invoices):
    before = paid(invoices, userId="ada-1")
    paid(invoices, userId="ada-1")
    record = run(invoices.tenant)
    assert (record.invoices, record.customers, record.blocked) == (2, 1, 0)
    customer = invoices.api.get(f"/api/customers/{before['customerId']}").json()
    assert customer["erasedAt"] is not None
    assert {customer[name] for name in ("externalId", "name", "email", "address", "vatId", "vatStatus", "locale")} == {
        None
    }
    assert invoices.make(userId="ada-1")["customerId"] != before["customerId"]
    assert verified(invoices) == {}


def test_what_is_not_old_enough_stays(invoices, settings_of):
    settings_of(dataRetentionDays=10)
    before = paid(invoices)
    assert run(invoices.tenant, days=9).invoices == 0
    assert invoices.get(before) == before
    assert run(invoices.tenant, days=11).invoices == 1


@pytest.mark.parametrize(
    ("steps", "due"),
    [
        ([], False),
        ([("mark-uncollectible", {"reason": "gone"})], False),
        ([("mark-paid", {"amount": 1})], False),
        ([("mark-paid", {})], True),
        ([("void", {"reason": "Ada asked for it"})], True),
    ],
)
def test_only_finished_invoices_are_due(invoices, steps, due):
    invoice = invoices.status_after(*steps)
    record = run(invoices.tenant)
    assert (record.invoices, record.customers) == ((1, 1) if due else (0, 0))
    after = invoices.get(invoice)
    assert (after["userId"] is None) == due
    assert "Ada" not in str(after)
    assert verified(invoices) == {}


def test_a_draft_holds_its_customer(invoices):
    done = paid(invoices, userId="ada-1")
    draft = invoices.draft(userId="ada-1", notes="for Ada")
    record = run(invoices.tenant)
    assert (record.invoices, record.customers, record.blocked) == (1, 0, 1)
    assert invoices.get(draft)["notes"] == "for Ada"
    with pytest.raises(CustomerHeld, match="1 draft invoice"):
        erase(invoices, done["customerId"])
    assert invoices.api.delete(f"/api/invoices/{draft['id']}").status_code == 204
    assert run(invoices.tenant).customers == 1
    # What the deleted draft left in the trail and in the events went with its customer.
    with tenant_scope(invoices.tenant.id):
        assert "for Ada" not in str([(one.before, one.after) for one in AuditEntry.objects.all()])
        assert "for Ada" not in str([one.data for one in Event.objects.all()])
    assert verified(invoices) == {}


def test_every_registered_blocker_is_asked(invoices):
    paid(invoices)
    retention_blockers.register("tests", lambda *, tenant_id, customer_id: "a balance of 5 EUR")
    try:
        record = run(invoices.tenant)
        assert (record.customers, record.blocked) == (0, 1)
    finally:
        retention_blockers.unregister("tests")
    assert run(invoices.tenant).customers == 1


def test_a_run_is_one_entry_with_counts(invoices):
    paid(invoices)
    run(invoices.tenant)
    with tenant_scope(invoices.tenant.id):
        began, ended = AuditEntry.objects.filter(entity_type="retentionRun").order_by("id")
    assert (began.action, ended.action) == ("retentionRun.created", "retentionRun.finished")
    after = ended.after or {}
    assert (after["invoices"], after["customers"], after["blocked"]) == (1, 1, 0)
    assert after["erased"]["events"] == 4
    assert ended.actor_id == "tests"


def test_the_scheduled_run_takes_place_once_a_day(invoices):
    assert run(invoices.tenant, cause=RetentionCause.SCHEDULE).status == RetentionStatus.FINISHED
    paid(invoices)
    again = anonymise_tenant(
        tenant_id=invoices.tenant.id, actor="tests", cause=RetentionCause.SCHEDULE, clocks=clocks(days=4000)
    )
    assert again is None
    assert run(invoices.tenant, cause=RetentionCause.SCHEDULE, days=4001).invoices == 1


def test_a_run_that_had_to_stop_is_continued_and_counts_everything(invoices, monkeypatch):
    monkeypatch.setattr("invoicing.services.anonymising.BATCH", 2)
    for _ in range(5):
        paid(invoices)
    answers = iter([True, False])
    stopped = run(invoices.tenant, go_on=lambda: next(answers))
    with tenant_scope(invoices.tenant.id):
        assert RetentionRun.objects.get().status == RetentionStatus.RUNNING
    record = run(invoices.tenant)
    assert (record.id, record.invoices, record.customers) == (stopped.id, 5, 1)
    assert verified(invoices) == {}


def test_a_second_run_erases_nothing_more(invoices):
    paid(invoices)
    run(invoices.tenant)
    before = {name: rows_of(name, tenant=invoices.tenant) for name in ("invoicing_invoice", "events_event")}
    trail = len(rows_of("tenants_auditentry", tenant=invoices.tenant))
    record = run(invoices.tenant)
    assert (record.invoices, record.customers, record.erased) == (0, 0, {})
    assert {name: rows_of(name, tenant=invoices.tenant) for name in before} == before
    assert len(rows_of("tenants_auditentry", tenant=invoices.tenant)) == trail + 2


def test_another_tenants_invoices_are_not_touched(invoices, other_invoices):
    mine, theirs = paid(invoices), paid(other_invoices)
    run(invoices.tenant)
    assert invoices.get(mine)["userId"] is None
    assert other_invoices.get(theirs) == theirs
    with pytest.raises(NotFound):
        erase(invoices, theirs["customerId"])
    assert other_invoices.get(theirs) == theirs


def test_a_customer_who_asks_is_erased_whatever_the_age(invoices):
    invoice = paid(invoices, userId="ada-1")
    open_one = invoices.make(userId="ada-1")
    with pytest.raises(CustomerHeld, match="1 unpaid invoice"):
        erase(invoices, invoice["customerId"])
    assert invoices.get(invoice) == invoice
    invoices.act(open_one, "void", {"reason": "Ada moved away"})
    record = erase(invoices, invoice["customerId"])
    assert (record.cause, record.invoices, record.customers) == ("request", 2, 1)
    assert verified(invoices) == {}
    again = erase(invoices, invoice["customerId"])
    assert (again.invoices, again.customers) == (0, 0)


def test_a_customer_without_invoices_is_erased_on_request_only(invoices):
    made = invoices.api.post("/api/customers", {"externalId": "x", **DETAILS}).json()
    assert run(invoices.tenant).customers == 0
    assert erase(invoices, made["id"]).customers == 1
    assert invoices.api.patch(f"/api/customers/{made['id']}", {"name": "A"}).json()["code"] == "customer_erased"
    assert verified(invoices) == {}


def test_a_deleted_customer_leaves_nothing_in_events_and_trail(invoices):
    made = invoices.api.post("/api/customers", {"externalId": "x", **DETAILS}).json()
    assert invoices.api.delete(f"/api/customers/{made['id']}").status_code == 204
    erase(invoices, made["id"])
    with tenant_scope(invoices.tenant.id):
        assert "Ada" not in str([(one.before, one.after) for one in AuditEntry.objects.all()])
        assert "Ada" not in str([one.data for one in Event.objects.all()])
    assert verified(invoices) == {}


def test_traces_of_what_was_deleted_long_ago_go_by_themselves_and_young_ones_stay(invoices):
    made = invoices.api.post("/api/customers", {"externalId": "x", **DETAILS}).json()
    invoices.api.delete(f"/api/customers/{made['id']}")
    run(invoices.tenant)  # business time is far ahead; the trail's own time is real, and young
    with tenant_scope(invoices.tenant.id):
        assert not ErasedObject.objects.exists()


def test_an_unknown_customer_is_not_found(invoices):
    with pytest.raises(NotFound):
        erase(invoices, encode_id(CUSTOMER, new_id()))


def test_an_erased_invoice_takes_no_metadata_any_more(invoices):
    invoice = paid(invoices)
    run(invoices.tenant)
    answer = invoices.patch(invoice, {"metadata": {"name": "Ada"}})
    assert (answer.status_code, answer.json()["code"]) == (410, "document_erased")


def test_the_trail_keeps_who_when_and_what_and_loses_values_and_reasons(invoices):
    invoice = invoices.make(userId="ada-1", customer=DETAILS)
    invoices.act(invoice, "void", {"reason": "Ada asked for it"})
    with tenant_scope(invoices.tenant.id):
        before = {one.id: one for one in AuditEntry.objects.exclude(entity_type="serviceKey")}
    run(invoices.tenant)
    with tenant_scope(invoices.tenant.id):
        after = {one.id: one for one in AuditEntry.objects.filter(id__in=before)}
    for key, entry in after.items():
        old = before[key]
        kept = ("action", "entity_type", "entity_id", "actor_type", "actor_id", "trace_id", "ip_address", "created_at")
        assert all(getattr(entry, name) == getattr(old, name) for name in kept)
        assert set(entry.after or {}) == set(old.after or {})
    voided = next(one for one in after.values() if one.action == "invoice.voided")
    assert voided.reason is None
    assert (voided.after or {})["status"] == "void"
    assert (voided.after or {})["void_reason"] == "erased"
    with tenant_scope(invoices.tenant.id):
        erased = AuditEntry.objects.filter(reason="data retention", entity_type="customer").get()
    assert (erased.before or {})["name"] == "erased"


def test_an_event_keeps_its_shape_and_what_is_a_number_a_state_or_a_time(invoices):
    invoice = paid(invoices)
    with tenant_scope(invoices.tenant.id):
        before = Event.objects.filter(type="invoice.paid").get()
    run(invoices.tenant)
    with tenant_scope(invoices.tenant.id):
        after = Event.objects.get(id=before.id)
    old, new = orjson.loads(before.data), orjson.loads(after.data)
    assert list(new) == list(old)
    assert {name for name in old if old[name] != new[name]} == {"userId", "notes", "items", "metadata"}
    assert new["invoiceNumber"] == invoice["invoiceNumber"]
    assert after.dispatched_at == before.dispatched_at


def test_a_stored_answer_is_replayed_without_what_was_personal(invoices):
    body = {"userId": "ada-1", "items": [{"description": "A", "unitPrice": 0}], "notes": "for Ada"}
    first = invoices.post(body, key="k")
    other = invoices.post({**body, "userId": "eve"}, key="other")
    erase(invoices, first.json()["customerId"])
    again = invoices.post(body, key="k")
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    changed = {name for name, value in first.json().items() if again.json()[name] != value}
    assert changed == {"userId", "notes", "items"}
    assert invoices.post({**body, "userId": "eve"}, key="other").content == other.content


def test_the_document_loses_its_bytes_and_keeps_its_digest(invoices):
    invoice = paid(invoices)
    document = invoices.api.get(f"/api/invoices/{invoice['id']}/pdf")
    assert document.status_code == 200
    never_made = paid(invoices)
    assert (run(invoices.tenant).erased or {})["documents"] == 1
    with tenant_scope(invoices.tenant.id):
        row = InvoiceDocument.objects.get()
        assert not DocumentRequest.objects.exists()
    assert (row.content, bytes(row.sha256)) == (None, hashlib.sha256(document.content).digest())
    for one in (invoice, never_made):
        answer = invoices.api.get(f"/api/invoices/{one['id']}/pdf")
        assert (answer.status_code, answer.json()["code"]) == (410, "document_erased")
    assert verified(invoices) == {}


def test_mails_keep_that_they_were_sent(invoices, at):
    invoice = paid(invoices)
    with tenant_scope(invoices.tenant.id):
        queue_mail(
            tenant_id=invoices.tenant.id, to=["ada@example.org"], subject="For Ada", text="Dear Ada", at=at, now=at,
            object_type="invoice", object_id=uuid_of(invoice),
        )  # fmt: skip
    run(invoices.tenant)
    with tenant_scope(invoices.tenant.id):
        mail = Mail.objects.get()
    assert (mail.recipients, mail.subject, mail.text, mail.html, mail.last_error) == (None,) * 5
    assert mail.created_at == at
    assert verified(invoices) == {}


def test_the_moment_that_counts_is_the_last_one(invoices, settings_of):
    """Paid long after it was issued: the retention begins with the payment."""
    settings_of(dataRetentionDays=10)
    invoice = invoices.make()
    paid_at = real() - dt.timedelta(days=3)
    invoices.act(invoice, "mark-paid", {"paidAt": paid_at.isoformat()})
    assert run(invoices.tenant, days=10).invoices == 0  # issued today, though paid before
    assert run(invoices.tenant, days=11).invoices == 1
