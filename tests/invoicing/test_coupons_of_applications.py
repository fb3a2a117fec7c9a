"""A coupon of an application is put on invoices by its service keys; whoever issues a draft uses what stands on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from common.ids import encode_id
from common.prefixes import APPLICATION
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.services.tenants import create_application
from tests.clients import Api
from tests.conftest import AT
from tests.invoicing.documents import Invoices

ITEMS = [{"description": "Setup", "unitPrice": 1_000}]
BODY = {"userId": "user-1", "items": ITEMS, "coupons": ["SHOP"]}


@pytest.fixture
def shop(tenant: Tenant, invoices: Invoices, api_of: Callable[..., Api]) -> Api:
    """A key of the application whose coupon, SHOP, takes off ten percent."""
    with tenant_scope(tenant.id):
        application = create_application(tenant_id=tenant.id, slug="shop", name="Shop", at=AT)
    coupon = {"code": "SHOP", "name": "Shop", "type": "percentage", "percentage": "10", "duration": "forever"}
    made = invoices.api.post("/api/coupons", {**coupon, "applicationId": encode_id(APPLICATION, application.id)})
    assert made.status_code == 201, made.json()
    return api_of(tenant, application_id=application.id)


def refused(answer: Any) -> bool:
    """Whether it was refused for the coupon."""
    found: bool = answer.status_code == 422
    assert not found or (answer.json()["code"], answer.json()["details"][0]["path"]) == (
        "coupon_not_applicable", "coupons[0]",
    )  # fmt: skip
    return found


def test_keys_of_others_issue_preview_and_draft_nothing_with_it(invoices, shop):
    for path, more in (("/api/invoices/preview", {}), ("/api/invoices", {}), ("/api/invoices", {"draft": True})):
        assert refused(invoices.api.post(path, {**BODY, **more}))
        answer = shop.post(path, {**BODY, **more})
        assert (answer.status_code in (200, 201), answer.json()["discount"]) == (True, 100)


def test_keys_of_others_put_it_on_no_draft_but_change_and_finalise_one_that_has_it(invoices, shop):
    plain = invoices.draft(1_000)
    assert refused(invoices.patch(plain, {"coupons": ["SHOP"]}))
    assert shop.patch(f"/api/invoices/{plain['id']}", {"coupons": ["SHOP"]}).json()["discount"] == 100
    changed = invoices.patch(plain, {"items": [{**ITEMS[0], "unitPrice": 2_000}]})
    assert changed.json()["discount"] == 200
    assert invoices.act(plain, "finalise").json()["discount"] == 200
