"""A mail that was given up can be sent once more, by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from common.errors import NotFound
from common.ids import new_id
from events.errors import MailErased, MailNotFailed
from events.models import Event, Mail
from events.services.mail import queue_mail, retry_mail
from events.services.sending import send_due_mail
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.events.conftest import NOW

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOW + dt.timedelta(hours=1)


@pytest.fixture
def failed(tenant: Tenant) -> Mail:
    """A mail that was given up after eight attempts."""
    with tenant_scope(tenant.id):
        mail = queue_mail(tenant_id=tenant.id, to=["a@example.com"], subject="s", text="t", at=NOW, now=NOW)
        Mail.objects.update(status="failed", attempts=8, next_attempt_at=None, last_error="Refused")
    return mail


def retry(tenant: Tenant, mail: Mail, **changes: Any) -> Mail:
    with tenant_scope(tenant.id):
        return retry_mail(**{"tenant_id": tenant.id, "mail_id": mail.id, "now": LATER, **changes})


def test_it_is_sent_with_the_same_message_id(tenant, failed, mailoutbox):
    again = retry(tenant, failed)
    assert (again.status, again.attempts, again.next_attempt_at) == ("queued", 0, LATER)
    assert send_due_mail(now=NOW) == 0
    assert send_due_mail(now=LATER) == 1
    assert mailoutbox[0].extra_headers["Message-ID"] == failed.message_id
    with tenant_scope(tenant.id):
        assert list(Event.objects.order_by("id").values_list("type", flat=True)) == ["mail.queued", "mail.sent"]


@pytest.mark.parametrize("status", ["queued", "sent"])
def test_only_a_failed_one(tenant, failed, status):
    with tenant_scope(tenant.id):
        Mail.objects.update(
            status=status,
            next_attempt_at=NOW if status == "queued" else None,
            sent_at=NOW if status == "sent" else None,
        )
    with pytest.raises(MailNotFailed):
        retry(tenant, failed)


def test_not_what_was_erased(tenant, failed):
    with tenant_scope(tenant.id):
        Mail.objects.update(recipients=None, reply_to=None, subject=None, text=None, html=None)
    with pytest.raises(MailErased):
        retry(tenant, failed)
    with tenant_scope(tenant.id):
        assert Mail.objects.get().status == "failed"


def test_not_that_of_another_tenant(tenant, other_tenant, failed):
    with pytest.raises(NotFound):
        retry(other_tenant, failed)
    with pytest.raises(NotFound):
        retry(tenant, failed, mail_id=new_id())
