"""Claims about the pages of the outbox, of dead letters and of the mail queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from common.ids import encode_id
from common.prefixes import EVENT, MAIL
from events.enums import DeliveryStatus, MailStatus
from events.models import EventDelivery, Mail
from events.registry import subscribe, unsubscribe
from tenants.enums import Role
from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope
from tests.events.backoffice_rows import _delivery, _event, _mail
from tests.tenants.backoffice.pressing import buttons_on, press, text_of

pytestmark = pytest.mark.django_db
EVENTS, DEAD, MAILS = "/admin/events/event/", "/admin/events/eventdelivery/", "/admin/events/mail/"


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:
    return browser_of(tenant)


def made(maker: Callable[..., Any], tenant: Tenant, **changes: Any) -> Any:
    with tenant_scope(tenant.id):
        row = maker(tenant, None)
        type(row).objects.filter(id=row.id).update(**changes) if changes else None
        row.refresh_from_db()
    return row


def test_an_event_shows_its_data_and_who_took_it(tenant: Tenant, browser: Client) -> None:
    delivery = made(_delivery, tenant)
    said = text_of(browser.get(f"{EVENTS}{delivery.event_id}/change/"))
    for expected in ("thing.happened", "tests.nobody", "Dead", "RuntimeError: no", "&quot;id&quot;: &quot;thing&quot;"):
        assert expected in said or expected.replace("&quot;", '"') in said, expected


def test_events_are_found_by_id_object_type_and_state(tenant: Tenant, browser: Client) -> None:
    event = made(_event, tenant)
    for query, found in (
        ({"q": encode_id(EVENT, event.id)}, True), ({"q": "evt_none"}, False), ({"type": "thing.happened"}, True),
        ({"type": "thing"}, False), ({"handed": "waiting"}, True), ({"q": "inv_01hqx3qgf2c8mhwy9s6zwmf3yh"}, False),
    ):  # fmt: skip
        assert ("thing.happened" in browser.get(EVENTS, query).content.decode().partition("result_list")[2]) is found


def test_a_dead_letter_is_replayed_with_a_reason_and_leaves_the_list(tenant: Tenant, browser: Client) -> None:
    delivery = made(_delivery, tenant)
    assert "tests.nobody" in text_of(browser.get(DEAD))
    path = f"{DEAD}{delivery.id}/do/replay/"
    assert press(browser, path, reason="").status_code == 422
    assert "One delivery is made again." in text_of(press(browser, path, reason="The shop is back"))
    with tenant_scope(tenant.id):
        delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.PENDING, 0)
    assert "tests.nobody" not in text_of(browser.get(DEAD))
    assert "tests.nobody" in text_of(browser.get(DEAD, {"status": "open"}))


def test_all_dead_letters_of_the_tenant_and_of_no_other_are_replayed(
    tenant: Tenant, other_tenant: Tenant, browser: Client
) -> None:
    for one in (tenant, tenant, other_tenant):
        made(_delivery, one)
    assert "2 deliveries are made again." in text_of(press(browser, f"{DEAD}do/replay_all/", reason="repaired"))
    with tenant_scope(other_tenant.id):
        assert EventDelivery.objects.get(tenant_id=other_tenant.id).status == DeliveryStatus.DEAD


def test_an_event_is_delivered_again_to_whoever_listens(tenant: Tenant, browser: Client) -> None:
    subscribe("tests.back_office", ["thing.happened"], lambda event: None)
    try:
        event = made(_delivery, tenant).event_id
        answer = press(browser, f"{EVENTS}{event}/do/replay/", reason="once more")
    finally:
        unsubscribe("tests.back_office")
    assert "made again." in text_of(answer)
    with tenant_scope(tenant.id):
        assert EventDelivery.objects.filter(event_id=event, subscriber="tests.back_office").count() == 1


def test_a_failed_mail_says_why_and_is_sent_again(tenant: Tenant, browser: Client) -> None:
    failed = {"status": MailStatus.FAILED, "next_attempt_at": None, "attempts": 8, "last_error": "550 no such mailbox"}
    mail = made(_mail, tenant, **failed)
    page = f"{MAILS}{mail.id}/change/"
    assert "550 no such mailbox" in text_of(browser.get(MAILS, {"status": "failed"}))
    said = text_of(browser.get(page))
    assert ("550 no such mailbox" in said, "Here it is." in said, "ada@example.com" in said) == (True, True, True)
    press(browser, page.replace("/change/", "/do/retry/"))
    with tenant_scope(tenant.id):
        mail.refresh_from_db()
    assert (mail.status, mail.attempts) == (MailStatus.QUEUED, 0)
    assert buttons_on(browser.get(page)) == set()


def test_mails_are_found_by_id_address_and_object(tenant: Tenant, browser: Client) -> None:
    mail = made(_mail, tenant)
    assert mail.object_id is not None
    for query, found in (
        (encode_id(MAIL, mail.id), True), (encode_id("inv", mail.object_id), True), ("ada@", True), ("bob@", False),
        ("mail_none", False),
    ):  # fmt: skip
        assert ("Your invoice" in text_of(browser.get(MAILS, {"q": query}))) is found, query


def test_the_html_of_a_mail_is_not_drawn_and_its_text_is_text(tenant: Tenant, browser: Client) -> None:
    mail = made(_mail, tenant, html="<img src=x onerror=alert(1)>", text="<script>alert(2)</script>")
    page = browser.get(f"{MAILS}{mail.id}/change/").content.decode()
    assert "onerror" not in page
    assert "<script>alert" not in page


def test_an_erased_mail_says_so(tenant: Tenant, browser: Client) -> None:
    gone = {"recipients": None, "subject": None, "text": None, "html": None, "status": MailStatus.FAILED}
    mail = made(_mail, tenant, **gone, next_attempt_at=None)
    answer = browser.get(f"{MAILS}{mail.id}/change/")
    assert "Erased" in text_of(answer)
    assert "/do/retry/" not in answer.content.decode()


def test_a_reader_sees_everything_and_presses_nothing(tenant: Tenant, browser_of: Callable[..., Client]) -> None:
    delivery = made(_delivery, tenant)
    reader = browser_of(tenant, role=Role.READ_ONLY)
    for page in (DEAD, f"{DEAD}{delivery.id}/change/", f"{EVENTS}{delivery.event_id}/change/"):
        answer = reader.get(page)
        assert (answer.status_code, buttons_on(answer)) == (200, set())
    with tenant_scope(tenant.id):
        assert AuditEntry.objects.filter(tenant_id=tenant.id, reason__isnull=False).count() == 0
        assert Mail.objects.filter(tenant_id=tenant.id).count() == 0
