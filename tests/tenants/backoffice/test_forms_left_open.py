"""Claims about forms that were opened, and what happened before they were sent: another tenant, another tab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client

from billing.models import Product
from billing.services.products import create_product, update_product
from common.clock import SystemClock
from invoicing.models import Invoice
from invoicing.services.drafts import update_invoice
from tenants.models import Application, IdempotencyKey, Tenant
from tenants.scope import tenant_scope
from tenants.selectors import get_settings
from tests.conftest import AT
from tests.tenants.backoffice.pressing import form_of, text_of
from tests.tenants.backoffice.rows import a_row
from webhooks.models import Subscriber
from webhooks.services.subscribers import update_subscriber

CREATE = "/admin/tenants/application/do/create/"


def opened(browser: Client, path: str) -> dict[str, Any]:
    """What the form at a path would send."""
    return dict(form_of(browser.get(path).content.decode()))


def choose(browser: Client, tenant: Tenant) -> None:
    assert browser.post("/admin/tenant/", {"tenant": str(tenant.pk)}).status_code == 302


def applications(tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        return Application.objects.filter(tenant_id=tenant.id).count()


def test_a_form_of_one_tenant_does_nothing_in_the_tenant_that_was_chosen_since(
    tenant: Tenant, other_tenant: Tenant, browser_of: Callable[..., Client]
) -> None:
    browser = browser_of(tenant, other_tenant)
    choose(browser, tenant)
    form = {**opened(browser, CREATE), "name": "Web shop", "slug": "shop"}
    choose(browser, other_tenant)
    refused = browser.post(CREATE, form)
    assert refused.status_code == 409
    assert "opened in another tenant" in text_of(refused)
    assert (applications(tenant), applications(other_tenant)) == (0, 0)
    again = {**form_of(refused.content.decode()), "name": "Web shop", "slug": "shop"}
    assert browser.post(CREATE, again).status_code == 302
    assert (applications(tenant), applications(other_tenant)) == (0, 1)


def test_what_a_press_said_is_not_kept_with_its_key(tenant: Tenant, browser: Client) -> None:
    """It names people, and nothing could find it when they are erased."""
    browser.post(CREATE, {**opened(browser, CREATE), "name": "Lovelace", "slug": "ada"})
    with tenant_scope(tenant.id):
        kept = list(IdempotencyKey.objects.filter(tenant_id=tenant.id).values_list("body", flat=True))
    assert kept == [""]


def test_a_stale_form_of_a_product_does_not_bring_the_old_price_back(tenant: Tenant, browser: Client) -> None:
    with tenant_scope(tenant.id):
        row = create_product(tenant_id=tenant.id, at=AT, name="Seat", type="one_time", price=900, currency="EUR")
    path = f"/admin/billing/product/{row.pk}/do/edit/"
    form = opened(browser, path)
    with tenant_scope(tenant.id):
        update_product(tenant_id=tenant.id, product_id=row.id, at=SystemClock().now(), changes={"price": 1200})
    refused = browser.post(path, {**form, "name": "Chair"})
    assert refused.status_code == 409
    assert "Somebody else has changed this" in text_of(refused)
    assert form_of(refused.content.decode())["price"] == "12.00"
    with tenant_scope(tenant.id):
        assert Product.objects.values_list("name", "price").get(id=row.id) == ("Seat", 1200)
    assert browser.post(path, {**form_of(refused.content.decode()), "name": "Chair"}).status_code == 302


def test_a_stale_form_of_a_subscriber_does_not_bring_old_events_back(tenant: Tenant, browser: Client) -> None:
    row = a_row(Subscriber, tenant)
    path = f"/admin/webhooks/subscriber/{row.pk}/do/edit/"
    form = opened(browser, path)
    with tenant_scope(tenant.id):
        now = SystemClock().now()
        update_subscriber(
            tenant_id=tenant.id, subscriber_id=row.id, at=now, now=now, changes={"events": ["invoice.paid"]}, url=None
        )
    assert browser.post(path, {**form, "name": "Other"}).status_code in (409, 422)
    with tenant_scope(tenant.id):
        assert Subscriber.objects.get(id=row.id).events == ["invoice.paid"]


def test_a_stale_form_of_metadata_does_not_remove_what_a_program_added(tenant: Tenant, browser: Client) -> None:
    row = a_row(Invoice, tenant)
    path = f"/admin/invoicing/invoice/{row.pk}/do/annotate/"
    form = opened(browser, path)
    with tenant_scope(tenant.id):
        update_invoice(
            tenant_id=tenant.id, invoice_id=row.id, changes={"metadata": {"order": "17"}},
            settings=get_settings(tenant_id=tenant.id), at=SystemClock().now(),
        )  # fmt: skip
    assert browser.post(path, {**form, "metadata": "note = late"}).status_code == 409
    with tenant_scope(tenant.id):
        assert Invoice.objects.get(id=row.id).metadata == {"order": "17"}
