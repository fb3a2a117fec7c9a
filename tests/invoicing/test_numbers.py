"""Numbers: gapless, of the year where the tenant is, chained."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import transaction

from invoicing.errors import SeriesStarted
from invoicing.models import Invoice, NumberSeries
from invoicing.numbering import chain, genesis, number_text
from invoicing.services.numbers import ensure_series, start_series, take_number
from tenants.scope import tenant_scope
from tests.invoicing.documents import Invoices, asked

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["one statement", "step by step", "draft"])
def issue(request, invoices):
    """Issues in one of three ways and says the number."""

    def number():
        if request.param == "draft":
            return invoices.act(invoices.draft(), "finalise").json()["invoiceNumber"]
        return invoices.make(**({"dueDate": None} if request.param == "step by step" else {}))["invoiceNumber"]

    return number


def begin(invoices: Invoices, first: int, *, year: int = 2026) -> NumberSeries:
    with tenant_scope(invoices.tenant.id):
        return start_series(tenant_id=invoices.tenant.id, code="INV", year=year, first=first)


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("Pacific/Auckland", "2026-12-31T11:00:00Z"),
        ("UTC", "2027-01-01T00:00:00Z"),
        ("America/Los_Angeles", "2027-01-01T08:00:00Z"),
    ],
)
def test_the_year_ends_at_midnight_where_the_tenant_is(settings_of, time_machine, issue, zone, midnight):
    settings_of(timeZone=zone)
    instant = dt.datetime.fromisoformat(midnight)
    seen = []
    for step in (-3600_000, -1000, -1, 0, 1, 1000, 3600_000):
        time_machine.move_to(instant + dt.timedelta(milliseconds=step), tick=False)
        seen.append(issue())
    assert seen == [
        "INV-2026-0001", "INV-2026-0002", "INV-2026-0003", "INV-2027-0001", "INV-2027-0002", "INV-2027-0003",
        "INV-2027-0004",
    ]  # fmt: skip


def test_a_draft_of_last_year_gets_a_number_of_the_year_it_is_finalised_in(invoices, time_machine):
    time_machine.move_to("2026-12-31T23:59:59Z", tick=False)
    draft = invoices.draft()
    time_machine.move_to("2027-01-01T00:00:00Z", tick=False)
    assert invoices.act(draft, "finalise").json()["invoiceNumber"] == "INV-2027-0001"


def test_ten_thousand_follows_9999(invoices, time_machine, issue):
    time_machine.move_to("2026-06-01T00:00:00Z", tick=False)
    begin(invoices, 9_999)
    assert [issue() for _ in range(3)] == ["INV-2026-9999", "INV-2026-10000", "INV-2026-10001"]
    assert invoices.numbers() == ["INV-2026-9999", "INV-2026-10000", "INV-2026-10001"]


@pytest.mark.parametrize("number", [1, 9, 999, 9_999, 10_000, 123_456_789, 10**15])
def test_python_and_the_database_write_a_number_alike(invoices, number):
    begin(invoices, number)
    with tenant_scope(invoices.tenant.id):
        taken = take_number(tenant_id=invoices.tenant.id, code="INV", year=2026, content_digest=b"d" * 32)
    assert taken.text == number_text("INV", 2026, number)
    previous = genesis(invoices.tenant.id, "INV", 2026)
    assert taken.chain_hash == chain(previous, b"d" * 32, taken.text)


def test_a_series_starts_where_it_is_told(invoices, time_machine, issue):
    time_machine.move_to("2026-06-01T00:00:00Z", tick=False)
    begin(invoices, 500)
    assert begin(invoices, 42).start == 42
    assert issue() == "INV-2026-0042"


def test_a_used_series_is_not_started_anew(invoices, time_machine):
    time_machine.move_to("2026-06-01T00:00:00Z", tick=False)
    invoices.make()
    for first in (1, 2, 500):
        with pytest.raises(SeriesStarted):
            begin(invoices, first)
    assert invoices.make()["invoiceNumber"] == "INV-2026-0002"
    begin(invoices, 7, year=2027)
    time_machine.move_to("2027-06-01T00:00:00Z", tick=False)
    assert invoices.make()["invoiceNumber"] == "INV-2027-0007"


def test_tenants_number_independently(invoices, other_invoices):
    numbers = [
        one.make()["invoiceNumber"][-4:] for one in (invoices, other_invoices, invoices, invoices, other_invoices)
    ]
    assert numbers == ["0001", "0001", "0002", "0003", "0002"]


def test_a_voided_invoice_keeps_its_number_and_its_place_in_the_chain(invoices):
    first = invoices.make()
    invoices.act(first, "cancel")
    invoices.make()
    assert [number[-4:] for number in invoices.numbers()] == ["0001", "0002"]
    check_chain(invoices)


def test_every_document_carries_the_hash_of_its_predecessor(invoices):
    for amount in (0, 5, 7):
        invoices.make(amount)
        invoices.make(amount, dueDate=None)
        invoices.act(invoices.draft(amount), "finalise")
    check_chain(invoices)


def check_chain(invoices: Invoices) -> None:
    """The rows prove each other, and the counter row holds the last hash."""
    with tenant_scope(invoices.tenant.id):
        (series,) = NumberSeries.objects.all()
        head = genesis(invoices.tenant.id, "INV", series.year)
        rows = list(Invoice.objects.filter(number__isnull=False).order_by("number"))
    assert [row.number for row in rows] == list(range(series.start, series.last_number + 1))
    for row in rows:
        digest = bytes(row.content_digest or b"")
        assert row.invoice_number == number_text("INV", series.year, row.number or 0)
        head = chain(head, digest, row.invoice_number)
        assert bytes(row.chain_hash or b"") == head
    assert bytes(series.head) == head


def test_what_is_rolled_back_leaves_no_gap(invoices, issue):
    assert issue().endswith("0001")
    with transaction.atomic():
        assert issue().endswith("0002")
        transaction.set_rollback(True)
    assert issue().endswith("0002")
    check_chain(invoices)


def test_a_refused_request_takes_no_number(invoices):
    invoices.make()
    bodies: list[Any] = [asked(10**15, 10**15), asked(userId=None), {"items": []}]
    for body in bodies:
        assert invoices.post(body).status_code in (400, 422)
    assert invoices.make()["invoiceNumber"].endswith("0002")


def test_making_a_series_twice_changes_nothing(invoices):
    with tenant_scope(invoices.tenant.id):
        ensure_series(tenant_id=invoices.tenant.id, code="INV", year=2026, first=5)
        ensure_series(tenant_id=invoices.tenant.id, code="INV", year=2026, first=9)
        assert NumberSeries.objects.values_list("start", "last_number").get() == (5, 4)
