"""Claims about the sweep: what has no verdict is asked about again, later each time, whoever died on the way."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from billing.models import Customer, VatCheck, VatVerification
from billing.services.customers import create_customer, update_customer
from billing.services.vat_checks import (
    FIRST_PAUSE,
    LEASE,
    LONGEST_PAUSE,
    Outcome,
    due_verifications,
    pause_after,
    request_verification,
    verify_due,
)
from billing.tasks import verify_vat_numbers
from billing.vies import EXCHANGE_SECONDS
from tenants.context import system_context
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.billing.vat.conftest import NUMBER, OTHER_NUMBER
from tests.billing.vat.fake_vies import FakeVies, raw, refusal, verdict
from tests.conftest import AT
from tests.webhooks.sink import RawSink

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def customer(tenant: Tenant) -> Customer:
    return made(tenant)


def made(tenant: Tenant, number: str = NUMBER) -> Customer:
    with tenant_scope(tenant.id):
        return create_customer(tenant_id=tenant.id, at=AT, vat_id=number)


def ask_about(customer: Customer, now: dt.datetime) -> Outcome:
    context = system_context(customer.tenant_id, "tests")
    return verify_due(context=context, customer_id=customer.id, at=AT, now=now)


def due(customer: Customer) -> VatVerification | None:
    with tenant_scope(customer.tenant_id):
        return VatVerification.objects.filter(customer_id=customer.id).first()


def status(customer: Customer) -> str | None:
    with tenant_scope(customer.tenant_id):
        return Customer.objects.get(id=customer.id).vat_status


def is_due(customer: Customer, now: dt.datetime) -> bool:
    return (customer.tenant_id, customer.id) in due_verifications(now=now)


def test_a_new_number_is_asked_about_by_the_next_sweep(customer: Customer, vies: FakeVies) -> None:
    assert verify_vat_numbers() == 1
    assert status(customer) == "valid"
    assert verify_vat_numbers() == 0
    assert len(vies.received) == 1


def test_numbers_of_all_tenants_are_asked_about(
    customer: Customer, other_tenant: Tenant, vies: FakeVies
) -> None:  # fmt: skip
    foreign = made(other_tenant, OTHER_NUMBER)
    vies.special["40303265045"] = verdict(valid=False)
    assert verify_vat_numbers() == 2
    assert (status(customer), status(foreign)) == ("valid", "invalid")


def test_without_vies_the_sweep_asks_nobody_and_forgets_nothing(
    customer: Customer, vies: FakeVies, settings: Any
) -> None:
    settings.VIES_URL = ""
    assert verify_vat_numbers() == 0
    assert is_due(customer, NOW)


def test_the_pause_doubles_to_six_hours() -> None:
    minutes = [pause_after(attempt) / MINUTE for attempt in range(1, 12)]
    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]


@given(st.integers(1, 10**6))
def test_no_pause_is_outside_its_bounds(attempts: int) -> None:
    assert FIRST_PAUSE <= pause_after(attempts) <= LONGEST_PAUSE


def test_an_outage_is_tried_again_after_the_pause_and_not_before(customer: Customer, vies: FakeVies) -> None:
    vies.usual = refusal("MS_UNAVAILABLE")
    now = NOW
    for attempt in range(1, 5):
        assert is_due(customer, now)
        assert ask_about(customer, now) is Outcome.UNVERIFIED
        waiting, pause = due(customer), pause_after(attempt)
        assert waiting is not None
        assert (waiting.attempts, waiting.next_attempt_at, waiting.lease_token) == (attempt, now + pause, None)
        assert not is_due(customer, now + pause - dt.timedelta(milliseconds=1))
        now += pause
    assert status(customer) == "unverified"
    vies.usual = verdict(valid=True)
    assert ask_about(customer, now) is Outcome.VALID
    assert status(customer) == "valid"
    with tenant_scope(customer.tenant_id):
        assert list(VatCheck.objects.order_by("id").values_list("status", flat=True)) == ["unverified"] * 4 + ["valid"]


def test_a_valid_number_is_checked_again_after_the_days_of_the_setting(
    customer: Customer, vies: FakeVies, settings: Any
) -> None:
    settings.VIES_RECHECK_DAYS = 30
    ask_about(customer, NOW)
    later = NOW + dt.timedelta(days=30)
    assert not is_due(customer, later - MINUTE)
    assert is_due(customer, later)
    vies.usual = raw(b"", 503)
    assert ask_about(customer, later) is Outcome.OUTAGE
    assert status(customer) == "valid", "an outage takes nothing away"
    waiting = due(customer)
    assert waiting is not None
    assert (waiting.attempts, waiting.next_attempt_at) == (1, later + FIRST_PAUSE)
    vies.usual = verdict(valid=False)
    ask_about(customer, later + FIRST_PAUSE)
    assert (status(customer), due(customer)) == ("invalid", None)


def test_with_no_days_a_verdict_is_final(customer: Customer, vies: FakeVies, settings: Any) -> None:
    settings.VIES_RECHECK_DAYS = 0
    ask_about(customer, NOW)
    assert (status(customer), due(customer)) == ("valid", None)


def test_a_sweep_that_meets_an_outage_leaves_the_others_for_the_next(tenant: Tenant, vies: FakeVies) -> None:
    for _ in range(3):
        made(tenant)
    vies.usual = raw(b"", 503)
    assert verify_vat_numbers() == 1
    assert len(vies.received) == 1
    assert verify_vat_numbers() == 1, "another one is tried, the first has to wait"


def test_one_member_out_of_reach_delays_no_other(tenant: Tenant, vies: FakeVies) -> None:
    german, french = made(tenant), made(tenant, OTHER_NUMBER)
    vies.special["136695976"] = refusal("MS_UNAVAILABLE")
    assert verify_vat_numbers() == 2
    assert (status(german), status(french)) == ("unverified", "valid")


def test_a_number_whose_check_breaks_delays_no_other(
    tenant: Tenant, vies: FakeVies, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = made(tenant), made(tenant, OTHER_NUMBER)
    with tenant_scope(tenant.id):
        # An operator's trigger: whatever the reason, this one cannot be recorded.
        VatVerification.objects.filter(customer_id=first.id).update(attempts=2**31 - 1)
    assert verify_vat_numbers() == 1
    assert (status(first), status(second)) == ("unverified", "valid")
    assert "could not be verified" in caplog.text


def test_numbers_that_vanished_are_forgotten(tenant: Tenant, customer: Customer, vies: FakeVies) -> None:
    with tenant_scope(tenant.id):
        Customer.objects.update(vat_id=None, vat_status=None)
    assert verify_vat_numbers() == 1
    assert (due(customer), vies.received) == (None, [])


def test_a_new_number_does_not_wait_for_the_old_ones_pause(
    tenant: Tenant, customer: Customer, vies: FakeVies
) -> None:  # fmt: skip
    vies.usual = refusal("MS_UNAVAILABLE")
    ask_about(customer, NOW)
    assert not is_due(customer, NOW)
    with tenant_scope(tenant.id):
        update_customer(tenant_id=tenant.id, customer_id=customer.id, at=AT, changes={"vat_id": OTHER_NUMBER})
    assert is_due(customer, NOW)


def test_who_asks_for_it_does_not_wait_for_the_pause(tenant: Tenant, customer: Customer, vies: FakeVies) -> None:
    vies.usual = refusal("MS_UNAVAILABLE")
    ask_about(customer, NOW)
    with tenant_scope(tenant.id):
        assert request_verification(tenant_id=tenant.id, customer_id=customer.id, at=AT) is None
    assert is_due(customer, NOW)


def test_the_lease_is_longer_than_an_exchange() -> None:
    assert dt.timedelta(seconds=EXCHANGE_SECONDS) * 2 < LEASE


@pytest.mark.django_db(transaction=True)
def test_what_somebody_is_busy_with_is_left_alone_until_the_lease_ends(customer: Customer, vies: FakeVies) -> None:
    busy = ask_and_die(customer)
    assert busy.next_attempt_at is not None
    assert not is_due(customer, busy.next_attempt_at - MINUTE / 60)
    assert ask_about(customer, busy.next_attempt_at - MINUTE / 60) is Outcome.BUSY
    assert vies.received == []
    assert is_due(customer, busy.next_attempt_at)
    assert ask_about(customer, busy.next_attempt_at) is Outcome.VALID
    assert status(customer) == "valid"


@pytest.mark.django_db(transaction=True)
def test_a_process_killed_while_vies_is_asked_leaves_the_intent_and_the_sweep_takes_it_up(
    customer: Customer, vies: FakeVies
) -> None:
    ask_and_die(customer)
    assert (status(customer), verify_vat_numbers()) == ("unverified", 0)
    with time_machine.travel(dt.datetime.now(dt.UTC) + LEASE, tick=True):
        assert verify_vat_numbers() == 1
    assert (status(customer), len(vies.received)) == ("valid", 1)
    waiting = due(customer)
    assert waiting is not None
    assert (waiting.attempts, waiting.lease_token) == (0, None)


def ask_and_die(customer: Customer) -> VatVerification:
    """Another process asks a VIES that hangs, and is killed meanwhile; the intent that it leaves behind."""
    hanging: Callable[[Any], None] = lambda connection: connection.recv(1)  # noqa: E731
    sink = RawSink(hanging)
    asking = (
        "import django; django.setup()\n"
        "from uuid import UUID\n"
        "from billing.services.vat_checks import verify_vat_number\n"
        "from common.clock import SystemClock\n"
        "from tenants.context import system_context\n"
        "now = SystemClock().now()\n"
        f"context = system_context(UUID({str(customer.tenant_id)!r}), 'tests')\n"
        f"verify_vat_number(context=context, customer_id=UUID({str(customer.id)!r}), at=now, now=now)\n"
    )
    environment = os.environ | {
        "DATABASE_URL": django_settings.DATABASE_URL.rpartition("/")[0] + f"/{connection.settings_dict['NAME']}",
        "SECRET_KEY": django_settings.SECRET_KEY, "VIES_URL": f"http://127.0.0.1:{sink.port}/",
        "LEDGER_EGRESS_ALLOW": "127.0.0.1",
    }  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", asking], env=environment) as busy:
        while sink.connections == 0:
            assert busy.poll() is None, "it ended before it asked"
        busy.send_signal(signal.SIGKILL)
    sink.close()
    left = due(customer)
    assert left is not None
    assert left.lease_token is not None
    return left
