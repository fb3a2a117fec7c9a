"""Revenue is earned over the service period: how it is split, when it is posted, and what a void makes of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given

from common.clock import start_of_day
from invoicing.basis import Terms, plain_basis
from invoicing.composition import compose
from invoicing.models import Recognition
from invoicing.recognition import LONGEST, Month, deferred, schedule
from invoicing.requests import InvoiceRequest, ItemRequest
from invoicing.services.recognising import recognise_revenue, tenants_with_recognition
from invoicing.sql_recognition import STEPS
from invoicing.transitions import RECOGNITION
from tenants.scope import tenant_scope
from tests.conftest import AT
from tests.invoicing.books import balances, booked, entries
from tests.invoicing.documents import Invoices, uuid_of
from tests.invoicing.strategies import INSTANTS, TERMS, invoice_requests

ISSUED = dt.datetime(2026, 1, 1, 9, tzinfo=dt.UTC)
BERLIN = "Europe/Berlin"
UUID_0 = UUID(int=0)


def midnight(year: int, month: int, day: int, zone: str = BERLIN) -> dt.datetime:
    return start_of_day(dt.date(year, month, day), zone)


def months_of(
    *items: ItemRequest, issued_at: dt.datetime = ISSUED, zone: str = BERLIN, **fields: Any
) -> list[Month]:  # fmt: skip
    terms = Terms("EUR", 1900, "VAT", 14, zone, 1)
    request = InvoiceRequest(items=list(items), **fields)
    content = compose(request, customer_id=UUID_0, currency="EUR", basis=plain_basis(terms), issued_at=issued_at)
    return schedule(content, issued_at=issued_at, time_zone=zone)


def told(months: list[Month]) -> dict[str, int]:
    return {f"{one.month:%Y-%m}": one.amount for one in months}


def test_a_year_is_split_by_the_days_of_its_months():
    plan = ItemRequest("Plan", 36_500, period_start=midnight(2026, 1, 1), period_end=midnight(2027, 1, 1))
    days = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert [one.amount for one in months_of(plan)] == [100 * one for one in days]


def test_the_clocks_do_not_change_what_a_day_weighs():
    # The last days of March and October have 23 and 25 hours in Berlin.
    plan = ItemRequest("Plan", 6_100, period_start=midnight(2026, 3, 1), period_end=midnight(2026, 5, 1))
    assert told(months_of(plan)) == {"2026-03": 3_100, "2026-04": 3_000}


def test_a_period_across_months_is_cut_at_the_tenants_midnight():
    start, end = dt.datetime(2026, 1, 31, 23, tzinfo=dt.UTC), dt.datetime(2026, 2, 28, 23, tzinfo=dt.UTC)
    plan = ItemRequest("Plan", 2_800, period_start=start, period_end=end)
    assert told(months_of(plan)) == {"2026-02": 2_800}
    # In London it begins an hour before February.
    assert told(months_of(plan, zone="Europe/London")) == {"2026-01": 4, "2026-02": 2_796}


def test_an_item_without_a_period_has_that_of_the_invoice_and_its_own_comes_first():
    own = ItemRequest("Own", 100, period_start=midnight(2026, 5, 1), period_end=midnight(2026, 6, 1))
    plain = ItemRequest("Plain", 1_000)
    fields: dict[str, Any] = {"period_start": midnight(2026, 1, 1), "period_end": midnight(2026, 2, 1)}
    assert told(months_of(own, plain, **fields)) == {"2026-01": 1_000, "2026-05": 100}
    assert told(months_of(own, plain)) == {"2026-05": 100}


def test_two_items_of_a_month_are_one_amount():
    plan = ItemRequest("Plan", 100, period_start=midnight(2026, 5, 1), period_end=midnight(2026, 6, 1))
    assert told(months_of(plan, plan)) == {"2026-05": 200}


def test_what_is_deferred_is_net_of_the_discount():
    plan = ItemRequest("Plan", 1_000, period_start=midnight(2026, 5, 1), period_end=midnight(2026, 6, 1))
    terms = Terms("EUR", 1900, "VAT", 14, BERLIN, 1)
    content = compose(
        InvoiceRequest(items=[plan]), customer_id=UUID_0, currency="EUR", basis=plain_basis(terms), issued_at=ISSUED
    )
    discounted = replace(content, items=[replace(content.items[0], discount=300)])
    assert told(schedule(discounted, issued_at=ISSUED, time_zone=BERLIN)) == {"2026-05": 700}


def test_what_has_been_served_when_it_is_invoiced_is_earned():
    end = midnight(2026, 2, 1)
    plan = ItemRequest("Plan", 100, period_start=midnight(2026, 1, 1), period_end=end)
    assert months_of(plan, issued_at=end) == []
    assert told(months_of(plan, issued_at=end - dt.timedelta(milliseconds=1))) == {"2026-01": 100}


def test_a_month_is_due_when_it_has_ended_and_never_before_the_issue_date():
    plan = ItemRequest("Plan", 5_900, period_start=midnight(2026, 1, 1), period_end=midnight(2026, 3, 1))
    issued = midnight(2026, 2, 10)
    january, february = months_of(plan, issued_at=issued)
    assert january.effective_at == issued
    assert february.effective_at == midnight(2026, 3, 1) - dt.timedelta(milliseconds=1)
    assert february.effective_at.astimezone(ZoneInfo(BERLIN)).date() == dt.date(2026, 2, 28)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (midnight(2026, 3, 1), midnight(2026, 3, 1)),
        (midnight(2026, 3, 2), midnight(2026, 3, 1)),
        (midnight(2026, 1, 1), midnight(2026, 1, 1) + LONGEST + dt.timedelta(days=1)),
        (dt.datetime(9950, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, 23, 59, tzinfo=dt.UTC)),
        (midnight(2026, 3, 1), None),
        (None, midnight(2026, 3, 1)),
    ],
)
def test_what_is_no_period_of_service_is_earned_at_once(start, end):
    assert months_of(ItemRequest("Plan", 100, period_start=start, period_end=end)) == []


def test_the_hour_that_the_clocks_repeat_is_a_period_too():
    start, end = dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC), dt.datetime(2026, 10, 25, 1, 10, tzinfo=dt.UTC)
    assert told(months_of(ItemRequest("Call", 100, period_start=start, period_end=end))) == {"2026-10": 100}


@given(request=invoice_requests(), terms=TERMS, issued_at=INSTANTS)
def test_the_months_of_an_invoice_sum_to_the_net_amounts_of_what_is_not_served_yet(request, terms, issued_at):
    content = compose(request, customer_id=UUID_0, currency="EUR", basis=plain_basis(terms), issued_at=issued_at)
    months = schedule(content, issued_at=issued_at, time_zone=terms.time_zone)
    expected = 0
    for item in content.items:
        own = (item.period_start, item.period_end)
        start, end = own if None not in own else (content.period_start, content.period_end)
        if start and end and start < end and end > issued_at and end - start <= LONGEST:
            expected += item.total
    assert deferred(months) == expected
    assert [one.month for one in months] == sorted({one.month for one in months})
    assert all(one.amount > 0 and one.month.day == 1 and one.effective_at >= issued_at for one in months)


pytest_db = pytest.mark.django_db
PERIOD = {"periodStart": "2026-01-01T00:00:00Z", "periodEnd": "2026-04-01T00:00:00Z"}  # 31, 28 and 31 days


@pytest.fixture
def served(invoices, settings_of, time_machine):
    """90.00 net for January to March, issued on 5 January; the zone is UTC."""
    settings_of(taxRate=1000, timeZone="UTC")
    time_machine.move_to("2026-01-05T10:00:00Z", tick=False)
    return invoices.make(9_000, **PERIOD)


def sweep(invoices: Invoices, year: int, month: int, day: int, hour: int = 0) -> int:
    at = dt.datetime(year, month, day, hour, tzinfo=dt.UTC)
    return recognise_revenue(tenant_id=invoices.tenant.id, at=at)


@pytest_db
def test_what_is_still_to_be_served_is_owed_and_taxed_but_not_earned(invoices, served):
    assert balances(invoices.tenant) == {
        "receivables:EUR": 9_900, "deferred_revenue:EUR": 9_000, "tax_payable:EUR": 900,
    }  # fmt: skip


@pytest_db
def test_month_by_month_it_is_earned_once(invoices, served):
    assert sweep(invoices, 2026, 1, 31, 23) == 0
    assert [sweep(invoices, 2026, 2, 1) for _ in range(3)] == [1, 0, 0]
    assert balances(invoices.tenant)["revenue:EUR"] == 3_100
    assert booked(invoices.tenant)[-1] == (
        "revenue.recognised", [("deferred_revenue:EUR", "debit", 3_100), ("revenue:EUR", "credit", 3_100)]
    )  # fmt: skip
    assert entries(invoices.tenant)[-1].created_at == dt.datetime(2026, 1, 31, 23, 59, 59, 999000, tzinfo=dt.UTC)
    # A sweep that comes late catches up.
    assert sweep(invoices, 2026, 9, 1) == 2
    assert balances(invoices.tenant) == {"receivables:EUR": 9_900, "revenue:EUR": 9_000, "tax_payable:EUR": 900}


@pytest_db
def test_a_void_reverses_what_was_recognised_and_cancels_the_rest(invoices, served, time_machine):
    sweep(invoices, 2026, 2, 1)
    time_machine.move_to("2026-02-10T10:00:00Z", tick=False)
    assert invoices.act(served, "void", {"reason": "x"}).status_code == 200
    assert balances(invoices.tenant) == {}
    assert sweep(invoices, 2027, 1, 1) == 0
    with tenant_scope(invoices.tenant.id):
        assert [row.status for row in Recognition.objects.order_by("month")] == ["reversed", "cancelled", "cancelled"]
    # What was reported for January stays as it was reported.
    assert balances(invoices.tenant, before=dt.datetime(2026, 2, 1, tzinfo=dt.UTC))["revenue:EUR"] == 3_100


@pytest_db
def test_a_write_off_changes_nothing_about_the_schedule(invoices, served):
    invoices.act(served, "mark-uncollectible", {"reason": "x"})
    assert sweep(invoices, 2027, 1, 1) == 3


@pytest_db
def test_a_draft_has_a_schedule_from_its_issue_date_on(invoices, settings_of, time_machine):
    settings_of(timeZone="UTC")
    time_machine.move_to("2026-01-05T10:00:00Z", tick=False)
    draft = invoices.draft(9_000, **PERIOD)
    with tenant_scope(invoices.tenant.id):
        assert Recognition.objects.count() == 0
    time_machine.move_to("2026-02-05T10:00:00Z", tick=False)
    invoices.act(draft, "finalise")
    with tenant_scope(invoices.tenant.id):
        rows = Recognition.objects.order_by("month")
        assert [(one.month.month, one.amount, one.effective_at.day) for one in rows] == [
            (1, 3_100, 5), (2, 2_800, 28), (3, 3_100, 31)
        ]  # fmt: skip


@pytest_db
def test_the_sweep_finds_the_tenants_that_have_something_due_and_nothing_of_others(invoices, served, other_invoices):
    at = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
    assert tenants_with_recognition(at=at) == [invoices.tenant.id]
    assert recognise_revenue(tenant_id=other_invoices.tenant.id, at=at) == 0
    sweep(invoices, 2026, 2, 1)
    assert tenants_with_recognition(at=at) == []


@pytest_db
def test_the_database_refuses_what_the_journal_does_not_say(invoices, served):
    for change in ("status = 'recognised'", "status = 'cancelled', amount = 1", "month = '2030-01-01'"):
        with tenant_scope(invoices.tenant.id), pytest.raises(IntegrityError), transaction.atomic():
            connection.cursor().execute(f"UPDATE invoicing_recognition SET {change}")
    entry = entries(invoices.tenant)[0]
    with tenant_scope(invoices.tenant.id):
        row = Recognition.objects.order_by("month").first()
        assert row is not None
        for status in ("recognised", "reversed"):
            with pytest.raises(IntegrityError), transaction.atomic():
                Recognition.objects.filter(id=row.id).update(status=status, entry_id=entry.id)
        with pytest.raises(IntegrityError), transaction.atomic():
            row.delete()
        with pytest.raises(IntegrityError), transaction.atomic():
            Recognition.objects.create(
                tenant_id=invoices.tenant.id, invoice_id=uuid_of(served), month=dt.date(2030, 1, 1), currency="EUR",
                amount=1, effective_at=AT, status="cancelled",
            )  # fmt: skip


def test_the_database_knows_the_same_steps():
    assert set(STEPS) == {(str(before), str(after)) for (before, _), after in RECOGNITION.transitions.items()}
