"""An event commits with what it tells about, or not at all."""

import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from common.ids import new_id
from events import wakeup
from events.errors import PublishedOutsideScope
from events.models import Event
from events.publishing import publish, publish_all
from tenants.context import Actor, ActorType, Context
from tenants.models import TenantSettings
from tenants.scope import tenant_scope
from tests.events.conftest import an_event

pytestmark = pytest.mark.django_db


def test_a_published_event_is_stored_as_given(scope):
    text = '{"total":1200,  "name": "Zoë"}'
    event = an_event(data=text)
    event_id = publish(event, tenant_id=scope.id, trace_id="trace-1")
    stored = Event.objects.get(id=event_id)
    assert (stored.type, stored.object_type, stored.object_id) == (event.type, "invoice", event.object_id)
    assert stored.data == text
    assert stored.occurred_at == event.occurred_at
    assert (stored.trace_id, stored.version, stored.dispatched_at) == ("trace-1", 1, None)


def test_data_given_as_a_mapping_becomes_json(scope):
    event_id = publish(an_event(data={"a": [1, None, "é"]}), tenant_id=scope.id)
    assert json.loads(Event.objects.get(id=event_id).data) == {"a": [1, None, "é"]}


def test_without_a_trace_the_one_of_the_scope_is_taken(tenant):
    context = Context(tenant_id=tenant.id, actor=Actor(ActorType.SYSTEM, "tests"), trace_id="trace-of-scope")
    with tenant_scope(context):
        assert Event.objects.get(id=publish(an_event(), tenant_id=tenant.id)).trace_id == "trace-of-scope"


def test_several_events_take_one_statement_and_keep_their_order(scope, django_assert_num_queries):
    types = [f"invoice.step_{number}" for number in range(50)]
    with django_assert_num_queries(1):
        ids = publish_all([an_event(event_type) for event_type in types], tenant_id=scope.id)
    assert list(Event.objects.order_by("id").values_list("id", "type")) == list(zip(ids, types, strict=True))


def test_publishing_nothing_does_nothing(scope, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert publish_all([], tenant_id=scope.id) == []


@pytest.mark.django_db(transaction=True)
def test_publishing_outside_a_transaction_is_refused(tenant):
    with pytest.raises(PublishedOutsideScope, match="tenant_scope"):
        publish(an_event(), tenant_id=tenant.id)


def test_publishing_in_a_transaction_without_a_tenant_is_refused(tenant):
    with pytest.raises(PublishedOutsideScope, match="not that of the tenant"), transaction.atomic():
        publish(an_event(), tenant_id=tenant.id)


def test_publishing_for_another_tenant_is_refused(tenant, other_tenant):
    with pytest.raises(PublishedOutsideScope, match=str(other_tenant.id)), tenant_scope(tenant.id):
        publish(an_event(), tenant_id=other_tenant.id)
    with tenant_scope(other_tenant.id):
        assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_rollback_publishes_nothing_and_wakes_nobody(tenant, monkeypatch):
    nudges = []
    monkeypatch.setattr(wakeup, "nudge", lambda: nudges.append(1))
    with tenant_scope(tenant.id):
        TenantSettings.objects.update(tax_rate=100)
        publish(an_event(), tenant_id=tenant.id)
        transaction.set_rollback(True)
    with tenant_scope(tenant.id):
        assert not Event.objects.exists()
        assert TenantSettings.objects.get().tax_rate == 0
    assert not nudges


@pytest.mark.django_db(transaction=True)
def test_nobody_sees_an_event_before_its_commit_and_the_dispatcher_is_woken_after(tenant, monkeypatch):
    seen = []

    def look():
        try:
            with tenant_scope(tenant.id):
                return Event.objects.count()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(wakeup, "nudge", lambda: seen.append(pool.submit(look).result()))
        with tenant_scope(tenant.id):
            publish(an_event(), tenant_id=tenant.id)
            assert pool.submit(look).result() == 0
            assert seen == []
        assert seen == [1]


def test_raw_sql_gives_eight_columns_and_the_database_the_rest(scope):
    """The contract with hot paths, which write the outbox from a statement of their own."""
    event_id, at = new_id(), dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_event (id, tenant_id, type, object_type, object_id, data, occurred_at, trace_id) "
            "VALUES (%s, %s, 'invoice.created', 'invoice', %s, '{}', %s, 't')",
            [event_id, scope.id, new_id(), at],
        )
    stored = Event.objects.get(id=event_id)
    assert (stored.version, stored.dispatched_at) == (1, None)
