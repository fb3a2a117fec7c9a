"""The order of retries, with time as an argument: the standard's schedule, the end of it, and five days of failures."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.ids import new_id
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.webhooks.conftest import deliveries_of, fan_out_all, publish
from webhooks import schedule
from webhooks.enums import DeliveryCommand, DeliveryStatus
from webhooks.models import Attempt, Delivery, Subscriber
from webhooks.schedule import MAX_FAILURES, PAUSES, next_attempt, read_retry_after
from webhooks.services.claims import ABANDONED, Claim, claim, find_due, hand_back, lease_time
from webhooks.services.deliveries import retry_delivery
from webhooks.services.results import judge, record
from webhooks.services.subscribers import toggle_subscriber
from webhooks.transitions import DELIVERY

URL = "https://192.0.32.8/hooks"
NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def test_the_schedule_is_the_example_of_the_standard():
    seconds = [pause.total_seconds() for pause in PAUSES]
    assert seconds == [5, 300, 1800, 7200, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600]


@given(
    failures=st.integers(1, MAX_FAILURES - 1),
    chance=st.floats(0, 1, exclude_max=True),
    asked=st.one_of(st.none(), st.timedeltas(dt.timedelta(0), dt.timedelta(days=400))),
)
def test_a_pause_is_never_shorter_than_planned_and_never_longer_than_a_fifth_or_what_was_asked(failures, chance, asked):
    following = next_attempt(failures=failures, at=NOW, chance=chance, retry_after=asked)
    assert following is not None
    pause = following - NOW
    planned = PAUSES[failures - 1]
    patience = min(asked or dt.timedelta(0), dt.timedelta(hours=24))
    assert max(planned, patience) <= pause <= max(planned * 1.2, patience)


def test_the_tenth_failure_is_the_last():
    assert next_attempt(failures=MAX_FAILURES, at=NOW, chance=0) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0), ("120", 120), (" 7 ", 7), ("99999999999999", 86400), ("Sun, 01 Mar 2026 12:01:00 GMT", 60),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0), ("Sun, 01 Mar 2099 11:00:00 GMT", 86400), ("-5", None), ("soon", None),
        ("", None), ("1.5", None), ("٣", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(value, seconds):
    assert read_retry_after(value, at=NOW) == (None if seconds is None else dt.timedelta(seconds=seconds))


class Story:
    """One delivery and a clock."""

    def __init__(self, tenant: Tenant, subscriber: Subscriber) -> None:
        self.tenant, self.subscriber, self.now = tenant, subscriber, NOW

    def claimed(self) -> Claim:
        """Claim it now; it must be due."""
        found = find_due(now=self.now, limit=10)
        assert found == [(self.tenant.id, self.subscriber.id)], f"not due at {self.now}"
        with tenant_scope(self.tenant.id):
            _, (one,) = claim(tenant_id=self.tenant.id, rooms={self.subscriber.id: 10}, now=self.now)
        return one

    def answer(self, status: int | None, claimed: Claim | None = None, **options: Any) -> Delivery:
        """An attempt that takes no time."""
        result = judge(
            claimed or self.claimed(), at=self.now, duration_ms=0, status=status, body=b"",
            retry_after=options.get("retry_after"), error=None if status else "Connecting failed.",
            chance=options.get("chance", 0),
        )  # fmt: skip
        with tenant_scope(self.tenant.id):
            record([result], tenant_id=self.tenant.id, now=self.now)
        return self.delivery

    @property
    def delivery(self) -> Delivery:
        """As it is now."""
        (found,) = deliveries_of(self.tenant)
        return found

    def state(self) -> Subscriber:
        """The subscriber as it is now."""
        with tenant_scope(self.tenant.id):
            return Subscriber.objects.get(id=self.subscriber.id)


@pytest.fixture
def story(tenant, subscribe) -> Story:
    """A delivery that is due at noon."""
    made = Story(tenant, subscribe(URL))
    publish(tenant, "invoice.paid")
    fan_out_all(NOW)
    return made


pytestmark = pytest.mark.django_db


def test_ten_failures_in_the_order_of_the_schedule_then_it_is_dead(story):
    begun = []
    while True:
        begun.append(story.now)
        delivery = story.answer(500)
        if delivery.next_attempt_at is None:
            break
        assert find_due(now=delivery.next_attempt_at - dt.timedelta(milliseconds=1), limit=10) == []
        story.now = delivery.next_attempt_at
    assert [later - earlier for earlier, later in itertools.pairwise(begun)] == list(PAUSES)
    assert (delivery.status, delivery.attempts, delivery.failures) == ("dead", 10, 10)
    assert find_due(now=NOW + dt.timedelta(days=400), limit=10) == []
    with tenant_scope(story.tenant.id):
        again = retry_delivery(tenant_id=story.tenant.id, delivery_id=delivery.id, now=story.now)
    assert (again.status, again.attempts, again.failures, again.next_attempt_at) == ("pending", 10, 0, story.now)
    assert story.answer(500).next_attempt_at == story.now + PAUSES[0], "the schedule begins anew"
    with tenant_scope(story.tenant.id):
        assert list(Attempt.objects.order_by("number").values_list("number", flat=True)) == list(range(1, 12))


def test_retry_after_only_ever_delays(story):
    assert story.answer(503, retry_after="3600").next_attempt_at == NOW + HOUR
    story.now += HOUR
    assert story.answer(429, retry_after="1").next_attempt_at == story.now + PAUSES[1]
    story.now += PAUSES[1]
    assert story.answer(500, retry_after="86400").next_attempt_at == story.now + PAUSES[2], "only 429 and 503 may ask"


def test_a_subscriber_that_only_fails_for_five_days_is_switched_off(story):
    story.answer(500)
    assert story.state().failing_since == NOW
    for hours in (24, 72, 119):
        story.now = NOW + hours * HOUR
        with tenant_scope(story.tenant.id):
            retry_delivery(tenant_id=story.tenant.id, delivery_id=story.delivery.id, now=story.now)
        story.answer(None)
        assert (story.state().active, story.state().failing_since) == (True, NOW)
    story.now = NOW + 120 * HOUR
    with tenant_scope(story.tenant.id):
        retry_delivery(tenant_id=story.tenant.id, delivery_id=story.delivery.id, now=story.now)
    story.answer(500)
    assert (story.state().active, story.state().disabled_reason) == (False, "failing")
    waiting = story.delivery
    assert waiting.status == "failed", "what is open waits"
    assert find_due(now=story.now + 500 * HOUR, limit=10) == []
    with tenant_scope(story.tenant.id):
        toggle_subscriber(
            tenant_id=story.tenant.id, subscriber_id=story.subscriber.id, at=story.now, now=story.now
        )  # fmt: skip
    story.now = waiting.next_attempt_at
    assert story.state().failing_since is None
    assert story.answer(200).status == "succeeded"


def test_one_success_in_between_begins_the_five_days_anew(story):
    story.answer(500)
    story.now = NOW + 4 * 24 * HOUR
    story.answer(200)
    assert story.state().failing_since is None
    publish(story.tenant, "invoice.paid")
    fan_out_all(story.now)
    with tenant_scope(story.tenant.id):
        Delivery.objects.filter(status="succeeded").update(next_attempt_at=None)
    result_at = NOW + 6 * 24 * HOUR
    story.now = result_at
    claimed = story.claimed()
    with tenant_scope(story.tenant.id):
        result = judge(
            claimed, at=result_at, duration_ms=0, status=500, body=b"", retry_after=None, error=None, chance=0
        )
        record([result], tenant_id=story.tenant.id, now=result_at)
    assert (story.state().active, story.state().failing_since) == (True, result_at)


def test_a_claim_is_exclusive_until_its_lease_ends(story):
    first = story.claimed()
    assert (story.delivery.status, story.delivery.attempts) == ("delivering", 1)
    assert find_due(now=NOW + lease_time() - dt.timedelta(milliseconds=1), limit=10) == []
    story.now = NOW + lease_time()
    second = story.claimed()
    assert (second.attempt, second.token != first.token) == (2, True)
    assert story.answer(200, first).status == "delivering", "who comes late records nothing"
    assert story.answer(500, second).status == "failed"
    with tenant_scope(story.tenant.id):
        log = list(Attempt.objects.order_by("number").values_list("number", "response_status", "error", "at"))
    assert log[0] == (1, None, ABANDONED, NOW)
    assert [(number, status) for number, status, *_ in log[1:]] == [(2, 500)]
    assert story.delivery.failures == 1, "an attempt that nobody saw the end of is no failure"


def test_a_delivery_that_kills_its_workers_is_given_up_in_the_end(story):
    for _ in range(schedule.MAX_ABANDONED):
        story.claimed()
        story.now += lease_time()
    with tenant_scope(story.tenant.id):
        _, claims = claim(tenant_id=story.tenant.id, rooms={story.subscriber.id: 1}, now=story.now)
    assert claims == []
    assert (story.delivery.status, story.delivery.abandoned) == ("dead", schedule.MAX_ABANDONED)
    with tenant_scope(story.tenant.id):
        assert Attempt.objects.count() == story.delivery.attempts == schedule.MAX_ABANDONED


def test_what_is_handed_back_has_not_been_tried(story):
    claimed = story.claimed()
    with tenant_scope(story.tenant.id):
        hand_back([claimed], at=NOW)
    assert (story.delivery.status, story.delivery.attempts, story.delivery.next_attempt_at) == ("pending", 0, NOW)
    assert story.claimed().attempt == 1


def test_rooms_are_kept_and_the_longest_due_go_first(tenant, subscribe):
    one, two = subscribe(URL), subscribe(URL)
    for minute in range(5):
        publish(tenant, "invoice.paid")
        fan_out_all(NOW + dt.timedelta(minutes=minute))
    later = NOW + HOUR
    assert {subscriber for _, subscriber in find_due(now=later, limit=10)} == {one.id, two.id}
    assert len(find_due(now=later, limit=1)) == 1
    first = find_due(now=later, limit=1)[0][1]
    assert find_due(now=later, after=first, limit=5)[0][1] == ({one.id, two.id} - {first}).pop()
    with tenant_scope(tenant.id):
        _, claims = claim(tenant_id=tenant.id, rooms={one.id: 2, two.id: 1, new_id(): 5}, now=later)
        oldest = list(
            Delivery.objects.filter(subscriber_id=one.id).order_by("created_at").values_list("id", flat=True)[:2]
        )
    assert {found.id for found in claims if found.subscriber_id == one.id} == set(oldest)
    assert sum(found.subscriber_id == two.id for found in claims) == 1


def test_statuses_change_as_the_table_of_transitions_says():
    assert DELIVERY.terminal_states() == frozenset()
    for status in DeliveryStatus:
        expected = status in (DeliveryStatus.PENDING, DeliveryStatus.FAILED, DeliveryStatus.DELIVERING)
        assert (DeliveryCommand.CLAIM in DELIVERY.allowed(status)) is expected
        assert (DeliveryCommand.RETRY in DELIVERY.allowed(status)) is (status != DeliveryStatus.DELIVERING)
