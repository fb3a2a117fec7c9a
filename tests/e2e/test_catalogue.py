"""The catalogue made by hand: what a coupon counts for is searched for, however many prices there are."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from billing.models import Coupon
from billing.services.prices import create_price
from billing.services.products import create_product
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.conftest import AT


def test_a_coupon_for_one_price_of_many_is_made_by_searching_for_it(
    signed_in: Page, company: Tenant, screenshot: Callable[..., None]
) -> None:
    with tenant_scope(company.id):
        for number in range(40):
            product = create_product(tenant_id=company.id, at=AT, name=f"Module {number}", type="recurring")
            price = create_price(
                tenant_id=company.id, at=AT, product_id=product.id,
                terms={"currency": "EUR", "model": "per_unit", "unitAmount": 100 + number},
            )  # fmt: skip
            if number == 17:
                wanted = price.id
    page = signed_in
    page.goto("/admin/billing/coupon/")
    page.get_by_role("link", name="New coupon").click()
    page.get_by_label("Code").fill("MODULE17")
    page.get_by_label("Name").fill("Module 17, a tenth off")
    page.get_by_label("Percent").fill("10")
    prices = page.locator("#id_prices + .select2")
    prices.get_by_role("searchbox").fill("Module 17")
    page.get_by_role("option", name="Module 17").click()
    screenshot("coupon-new")
    page.get_by_role("button", name="New coupon").click()
    expect(page.get_by_text("MODULE17").first).to_be_visible()
    with tenant_scope(company.id):
        [coupon] = Coupon.objects.filter(tenant_id=company.id, code="MODULE17")
        assert [one.price_id for one in coupon.targets.all()] == [wanted]
