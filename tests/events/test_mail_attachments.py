"""Files of a mail are fetched when it leaves: what cannot be made is tried again, what was erased never leaves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from common.ids import new_id
from events.attachments import (
    Attachment,
    AttachmentErased,
    AttachmentRef,
    fetch_attachment,
    register_attachment,
    unregister_attachment,
)
from events.models import Mail
from events.services.mail import queue_mail
from events.services.sending import send_due_mail
from tenants.context import Context, system_context
from tenants.models import Tenant
from tenants.scope import current_tenant_id, tenant_scope
from tests.events.conftest import NOW

pytestmark = pytest.mark.django_db(transaction=True)
KIND = "tests.document"


@pytest.fixture
def provide() -> Iterator[Callable[..., None]]:
    """Registers what provides the files of a test."""
    yield lambda provider: register_attachment(KIND, provider)
    unregister_attachment(KIND)


def queue(tenant: Tenant, *ids: UUID) -> Mail:
    with tenant_scope(tenant.id):
        return queue_mail(
            tenant_id=tenant.id, to=["ada@example.com"], subject="s", text="t", html="<p>t</p>", at=NOW, now=NOW,
            attachments=[AttachmentRef(KIND, one) for one in ids],
        )  # fmt: skip


def the_mail(tenant: Tenant) -> Mail:
    with tenant_scope(tenant.id):
        return Mail.objects.get()


def test_a_file_arrives_with_its_name_type_and_bytes(tenant, provide, mailoutbox):
    asked: list[tuple[Any, ...]] = []

    def make(*, context: Context, object_id: UUID, now: dt.datetime) -> Attachment:
        asked.append((context.tenant_id, object_id, now >= NOW, connection.in_atomic_block))
        with tenant_scope(context):
            assert current_tenant_id() == tenant.id
        return Attachment("INV-2026-0001.pdf", "application/pdf", b"%PDF-\x00\xff")

    provide(make)
    ids = [new_id(), new_id()]
    queue(tenant, *ids)
    assert send_due_mail(now=NOW) == 1
    assert asked == [(tenant.id, one, True, False) for one in ids]
    assert mailoutbox[0].attachments == [("INV-2026-0001.pdf", b"%PDF-\x00\xff", "application/pdf")] * 2
    assert the_mail(tenant).status == "sent"


def test_a_file_that_cannot_be_made_is_an_attempt_that_failed(tenant, provide, mailoutbox):
    working: list[bool] = []

    def make(*, context: Context, object_id: UUID, now: dt.datetime) -> Attachment:
        if not working:
            raise OSError("no font")
        return Attachment("a.pdf", "application/pdf", b"%PDF")

    provide(make)
    queue(tenant, new_id())
    send_due_mail(now=NOW)
    mail = the_mail(tenant)
    assert (mail.status, mail.attempts) == ("queued", 1)
    assert mail.last_error == "Attachment tests.document: OSError: no font"
    working.append(True)
    assert mail.next_attempt_at is not None
    send_due_mail(now=mail.next_attempt_at)
    assert (the_mail(tenant).status, len(mailoutbox)) == ("sent", 1)


def test_a_file_that_was_erased_fails_the_mail_for_good(tenant, provide, mailoutbox):
    def make(*, context: Context, object_id: UUID, now: dt.datetime) -> Attachment:
        raise AttachmentErased

    provide(make)
    queue(tenant, new_id())
    send_due_mail(now=NOW)
    assert (the_mail(tenant).status, the_mail(tenant).attempts, mailoutbox) == ("failed", 1, [])
    assert "erased" in (the_mail(tenant).last_error or "")


def test_a_kind_that_nobody_provides_yet_is_tried_again(tenant, mailoutbox):
    queue(tenant, new_id())
    send_due_mail(now=NOW)
    assert (the_mail(tenant).status, mailoutbox) == ("queued", [])
    with pytest.raises(LookupError, match=KIND):
        fetch_attachment(AttachmentRef(KIND, new_id()), context=system_context(tenant.id, "tests"), now=NOW)


def test_a_kind_has_one_provider(provide):
    def one(*, context: Context, object_id: UUID, now: dt.datetime) -> Attachment:
        raise AttachmentErased

    def other(*, context: Context, object_id: UUID, now: dt.datetime) -> Attachment:
        raise AttachmentErased

    provide(one)
    provide(one)
    with pytest.raises(ValueError, match="twice"):
        provide(other)
