"""What the database itself guarantees about events, deliveries and mails."""

import random
from uuid import UUID

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from common.ids import new_id
from events.models import Event, EventDelivery, Mail
from events.publishing import publish
from events.services.mail import queue_mail
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.events.conftest import NOW, an_event

pytestmark = pytest.mark.django_db
CONTENT = {str(field.column) for field in Event._meta.concrete_fields} - {"dispatched_at"}


@pytest.mark.parametrize("column", sorted(CONTENT))
def test_no_column_of_an_event_can_be_changed(scope, column):
    publish(an_event(), tenant_id=scope.id)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE events_event SET {column} = {column}")


def test_only_the_time_of_dispatch_can_be_set(scope):
    event_id = publish(an_event(), tenant_id=scope.id)
    assert Event.objects.filter(id=event_id).update(dispatched_at=NOW) == 1


def test_an_event_cannot_be_deleted(scope):
    publish(an_event(), tenant_id=scope.id)
    with pytest.raises(DatabaseError, match="never changed or deleted"), transaction.atomic():
        Event.objects.all()._raw_delete("default")


def _fill(tenant: Tenant) -> UUID:
    with tenant_scope(tenant.id):
        event_id = publish(an_event(), tenant_id=tenant.id)
        EventDelivery.objects.create(
            tenant_id=tenant.id, event_id=event_id, subscriber="tests.copy", next_attempt_at=NOW, created_at=NOW
        )
        queue_mail(tenant_id=tenant.id, to=["a@example.com"], subject="s", text="t", at=NOW, now=NOW)
    return event_id


@pytest.mark.parametrize("model", [Event, EventDelivery, Mail])
def test_rows_are_seen_in_their_tenants_scope_only(tenant, other_tenant, model):
    _fill(tenant)
    assert not model.objects.exists()
    with tenant_scope(other_tenant.id):
        assert not model.objects.exists()
        assert model.objects.filter(tenant_id=tenant.id).update(tenant_id=other_tenant.id) == 0
    with tenant_scope(tenant.id):
        assert model.objects.count() == 1


def test_a_delivery_cannot_point_to_another_tenants_event(tenant, other_tenant):
    event_id = _fill(tenant)
    with pytest.raises(IntegrityError, match="delivery_event"), tenant_scope(other_tenant.id):
        EventDelivery.objects.create(
            tenant_id=other_tenant.id, event_id=event_id, subscriber="tests.x", next_attempt_at=NOW, created_at=NOW
        )


def test_one_delivery_per_event_and_subscriber(scope):
    event_id = _fill(scope)
    with pytest.raises(IntegrityError, match="delivery_once_per_subscriber"), transaction.atomic():
        EventDelivery.objects.create(
            tenant_id=scope.id, event_id=event_id, subscriber="tests.copy", next_attempt_at=NOW, created_at=NOW
        )


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"status": "lost"}, "violates check constraint"),
        ({"status": "dead"}, "delivery_open_has_next_attempt"),
        ({"next_attempt_at": None}, "delivery_open_has_next_attempt"),
        ({"status": "delivering"}, "delivery_lease_while_delivering"),
        ({"lease_token": new_id()}, "delivery_lease_while_delivering"),
        ({"attempts": -1}, "delivery_attempts_counted"),
    ],
)
def test_a_delivery_cannot_contradict_itself(scope, changes, constraint):
    _fill(scope)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        EventDelivery.objects.update(**changes)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"status": "sent", "next_attempt_at": None}, "mail_sent_has_time"),
        ({"sent_at": NOW}, "mail_sent_has_time"),
        ({"status": "failed"}, "mail_open_has_next_attempt"),
        ({"status": "sending"}, "mail_lease_while_sending"),
    ],
)
def test_a_mail_cannot_contradict_itself(scope, changes, constraint):
    _fill(scope)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Mail.objects.update(**changes)


def test_functions_across_tenants_return_ids_and_numbers_only(tenant, other_tenant):
    mine, theirs = _fill(tenant), _fill(other_tenant)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, ids FROM events_due(10)")
        assert dict(cursor.fetchall()) == {tenant.id: [mine], other_tenant.id: [theirs]}
        cursor.execute("SELECT count(*) FROM events_deliveries_due(%s, 10)", [NOW])
        assert cursor.fetchone() == (2,)
        cursor.execute("SELECT count(*) FROM events_mail_due_by_tenant(%s, 4, 10)", [NOW])
        assert cursor.fetchone() == (2,)
        cursor.execute("SELECT * FROM events_backlog()")
        assert cursor.fetchone() == (2, min(mine, theirs), 2, 0, 2, 0)


def test_kilobytes_of_data_stay_in_the_row(scope):
    text = '{"x":"' + "".join(random.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=7000)) + '"}'
    with connection.cursor() as cursor:
        # Larger events of other tests, although rolled back, have left their pages there.
        cursor.execute("SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'events_event'")
        (before,) = cursor.fetchone()
        publish(an_event(data=text), tenant_id=scope.id)
        cursor.execute(
            "SELECT pg_column_size(e.data), pg_relation_size(c.reltoastrelid) "
            "FROM events_event e, pg_class c WHERE c.relname = 'events_event'"
        )
        assert cursor.fetchone() == (len(text) + 4, before)
