"""Claims about what the page of an invoice says of its e-mail and of its document."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from events.enums import MailStatus
from events.models import Mail
from invoicing.enums import EmailStatus
from invoicing.models import Invoice
from tenants.enums import Role
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.invoicing.documents import Invoices, uuid_of
from tests.tenants.backoffice.pressing import press, text_of

pytestmark = pytest.mark.django_db
LIST = "/admin/invoicing/invoice/"


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:
    return browser_of(tenant)


def test_why_the_last_mail_failed_stands_at_the_invoice(invoices: Invoices, browser: Client) -> None:
    invoice = invoices.make(10_000, customer={"email": "ada@example.com"})
    page = f"{LIST}{uuid_of(invoice)}/change/"
    press(browser, page.replace("/change/", "/do/send/"))
    with tenant_scope(invoices.tenant.id):
        failed = {
            "status": MailStatus.FAILED,
            "next_attempt_at": None,
            "attempts": 8,
            "last_error": "550 no mailbox\nx",
        }
        Mail.objects.filter(object_id=uuid_of(invoice)).update(**failed)
        Invoice.objects.filter(id=uuid_of(invoice)).update(email_status=EmailStatus.FAILED)
    said = text_of(browser.get(page))
    assert "E-mail Failed 550 no mailbox" in said
    assert "E-mail to ada@example.com failed" in said
    assert "Failed" in text_of(browser.get(LIST))


def test_a_draft_is_previewed_as_it_would_look_today_and_has_no_file(invoices: Invoices, browser: Client) -> None:
    draft = invoices.draft(10_000)
    answer = browser.get(f"{LIST}{uuid_of(draft)}/change/")
    assert "As it would look today" in text_of(answer)
    assert b'src="data:image/png;base64,' in answer.content
    assert "Download the PDF" not in text_of(answer)


def test_who_may_not_read_the_audit_trail_sees_the_rest_of_the_timeline(
    invoices: Invoices, browser_of: Callable[..., Client]
) -> None:
    invoice = invoices.make(10_000)
    page = f"{LIST}{uuid_of(invoice)}/change/"
    for role, audit in ((Role.ADMIN, True), (Role.MEMBER, False)):
        said = text_of(browser_of(invoices.tenant, role=role).get(page))
        assert ("Audit invoice.created" in said) is audit
        assert "Event invoice.finalised" in said
