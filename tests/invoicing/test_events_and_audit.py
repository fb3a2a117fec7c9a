"""What is announced about invoices, and what the trail says of who did what, from where and why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events.models import Event
from tenants.scope import tenant_scope
from tests.invoicing.documents import Invoices, asked, uuid_of

pytestmark = pytest.mark.django_db
REASON = {"reason": "Because"}


@pytest.fixture
def warm(invoices):
    """The customer exists already."""
    invoices.api.post("/api/customers", {"externalId": "user-1"})
    return invoices


@pytest.mark.parametrize(
    ("fields", "amount", "types"),
    [
        ({}, 5, ["invoice.created", "invoice.finalised"]),
        ({"dueDate": None}, 5, ["invoice.created", "invoice.finalised"]),
        ({}, 0, ["invoice.created", "invoice.finalised", "invoice.paid"]),
        ({"dueDate": None}, 0, ["invoice.created", "invoice.finalised", "invoice.paid"]),
        ({"draft": True}, 5, ["invoice.created"]),
        ({"draft": True}, 0, ["invoice.created"]),
    ],
)
def test_creating_announces(warm, fields, amount, types):
    warm.make(amount, **fields)
    assert warm.events() == types


@pytest.mark.parametrize(
    ("verb", "body", "types"),
    [
        ("mark-paid", {}, ["invoice.paid"]),
        ("mark-paid", {"amount": 1}, []),
        ("void", REASON, ["invoice.voided"]),
        ("cancel", {}, ["invoice.voided"]),
        ("mark-uncollectible", REASON, ["invoice.uncollectible"]),
    ],
)
def test_an_action_announces_what_it_did_and_nothing_else(warm, verb, body, types):
    invoice = warm.make(10_000)
    before = len(warm.events())
    assert warm.act(invoice, verb, body).status_code == 200
    assert warm.events()[before:] == types


@pytest.mark.parametrize(("amount", "types"), [(5, ["finalised"]), (0, ["finalised", "paid"])])
def test_finalising_announces(warm, amount, types):
    draft = warm.draft(amount)
    warm.act(draft, "finalise")
    assert warm.events() == ["invoice.created", *(f"invoice.{name}" for name in types)]


def test_changes_of_drafts_and_of_metadata_announce_nothing(warm):
    draft, invoice = warm.draft(), warm.make()
    before = warm.events()
    warm.patch(draft, {"notes": "x"})
    warm.patch(invoice, {"metadata": {"a": "b"}})
    warm.api.delete(f"/api/invoices/{draft['id']}")
    assert warm.events() == before


def test_refusals_announce_and_record_nothing(warm):
    draft, invoice, paid = warm.draft(), warm.make(10_000), warm.make(0)
    warm.act(invoice, "mark-paid", {"amount": 1})
    events, trail = warm.events(), len(warm.audit())
    refusals = [
        warm.act(paid, "mark-paid"), warm.act(draft, "mark-paid"), warm.act(invoice, "mark-paid", {"amount": 10_000}),
        warm.act(paid, "void", REASON), warm.act(invoice, "cancel"), warm.act(draft, "cancel"),
        warm.act(paid, "finalise"), warm.act(draft, "mark-uncollectible", REASON), warm.patch(invoice, {"notes": "x"}),
        warm.api.delete(f"/api/invoices/{invoice['id']}"), warm.post(asked(10**15, 10**15)), warm.post({}),
    ]  # fmt: skip
    assert {answer.status_code for answer in refusals} == {400, 409, 422}
    assert (warm.events(), len(warm.audit())) == (events, trail)
    assert len(warm.audit("payment")) == 1


def test_the_data_of_an_event_is_the_invoice_as_it_can_be_read(warm):
    for verb in ("mark-paid", "cancel"):
        invoice = warm.make(5, notes="Grüße", metadata={"a": "b"})
        warm.act(invoice, verb)
        with tenant_scope(warm.tenant.id):
            rows = Event.objects.filter(object_id=uuid_of(invoice)).order_by("id")
            created, finalised, last = (json.loads(row.data) for row in rows)
        assert created == finalised == {name: value for name, value in invoice.items() if name != "success"}
        assert last == warm.get(invoice)


def test_events_carry_the_trace_and_business_time(warm, time_machine):
    time_machine.move_to("2026-05-01T10:00:00.123456Z", tick=False)
    for extra in ({}, {"dueDate": None}):
        invoice = warm.api.post("/api/invoices", asked(5, **extra), x_trace_id="trace-abc").json()
        with tenant_scope(warm.tenant.id):
            for row in Event.objects.filter(object_id=uuid_of(invoice)):
                assert (row.trace_id, row.object_type) == ("trace-abc", "invoice")
                assert row.occurred_at.isoformat() == "2026-05-01T10:00:00.123000+00:00"


def actions(invoices: Invoices, invoice: dict[str, Any]) -> list[str]:
    return [entry.action for entry in invoices.audit() if entry.entity_id == uuid_of(invoice)]


def test_the_trail_names_each_act(warm):
    assert actions(warm, warm.make()) == ["invoice.created"]
    assert actions(warm, warm.make(dueDate=None)) == ["invoice.created"]
    draft = warm.draft()
    warm.patch(draft, {"currency": "USD"})
    warm.act(draft, "finalise")
    warm.patch(draft, {"metadata": {"a": "b"}})
    warm.act(draft, "mark-paid", {"amount": 1})
    warm.act(draft, "mark-uncollectible", REASON)
    warm.act(draft, "mark-paid")
    assert actions(warm, draft) == [
        "invoice.created", "invoice.updated", "invoice.finalised", "invoice.updated", "invoice.updated",
        "invoice.uncollectible", "invoice.paid",
    ]  # fmt: skip
    void = warm.make()
    warm.act(void, "cancel")
    assert actions(warm, void) == ["invoice.created", "invoice.voided"]
    deleted = warm.draft()
    warm.api.delete(f"/api/invoices/{deleted['id']}")
    assert actions(warm, deleted) == ["invoice.created", "invoice.deleted"]


@pytest.mark.parametrize("extra", [{}, {"dueDate": None}])
def test_the_trail_says_who_from_where_and_under_which_trace(warm, extra):
    warm.api.post("/api/invoices", asked(5, **extra), x_trace_id="trace-abc")
    (entry,) = warm.audit()
    assert (entry.actor_type, entry.trace_id, entry.ip_address) == ("service", "trace-abc", "127.0.0.1")
    assert entry.actor_id.startswith("key_")
    assert (entry.reason, entry.outcome, entry.before) == (None, "succeeded", None)
    assert entry.after is not None
    assert (entry.after["total"], entry.after["number"], entry.after["status"]) == (5, 1, "pending")


def test_the_trail_says_why_and_what_changed(warm):
    invoice = warm.make(5)
    warm.act(invoice, "void", {"reason": "Wrong buyer"})
    entry = warm.audit()[-1]
    assert (entry.action, entry.reason) == ("invoice.voided", "Wrong buyer")
    assert entry.before == {"status": "pending", "voided_at": None, "void_reason": None}
    assert entry.after is not None
    assert set(entry.after) == {"status", "voided_at", "void_reason"}
    other = warm.make(5)
    warm.act(other, "mark-uncollectible", {"reason": "Insolvent"})
    assert (warm.audit()[-1].reason, warm.audit()[-1].after) == ("Insolvent", {"status": "uncollectible"})


def test_a_payment_is_in_the_trail_with_its_allocation(warm):
    warm.act(warm.make(5), "mark-paid")
    assert [entry.action for entry in warm.audit("payment")] == ["payment.created"]
    assert [entry.action for entry in warm.audit("paymentAllocation")] == ["paymentAllocation.created"]


def test_the_trail_of_an_invoice_can_be_read_over_the_api(warm):
    invoice = warm.make()
    listed = warm.api.get(f"/api/audit?entityType=invoice&entityId={invoice['id']}")
    assert listed.status_code == 200, listed.content
    assert [entry["action"] for entry in listed.json()["data"]] == ["invoice.created"]
