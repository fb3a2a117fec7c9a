"""The back office in Chromium: a day's work from signing in to a paid invoice, and every page as people see it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from playwright.sync_api import Page, expect

from invoicing.models import Invoice
from invoicing.services.verifying import verify_numbering
from tenants.models import Tenant, User
from tenants.scope import tenant_scope
from tests.e2e.books import keep_books
from tests.e2e.conftest import EMAIL, PASSWORD

Take = Callable[..., None]


def code_of(secret: str) -> str:
    """What an authenticator app shows now."""
    return str(format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time())))))


def test_from_signing_in_with_a_second_factor_to_a_paid_invoice(
    page: Page, clerk: User, company: Tenant, settings: Any, screenshot: Take
) -> None:
    keep_books(company)
    settings.REQUIRE_MFA = True
    page.goto("/admin/")
    screenshot("sign-in")
    page.get_by_label("Email").or_(page.get_by_label("E-mail")).fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name=re.compile("sign in", re.IGNORECASE)).click()
    secret = page.locator("code.bo-code").inner_text()
    page.locator("input[name=code]").fill(code_of(secret))
    page.locator("form[data-once] button[type=submit]").click()
    expect(page.locator("#codes")).not_to_be_empty()
    page.get_by_text("Go to the back office").click()
    page.get_by_role("button", name="Nordlicht Software GmbH").click()
    screenshot("overview")

    page.get_by_role("link", name="Invoices", exact=True).first.click()
    page.get_by_role("link", name="New draft").click()
    page.locator("input[name=customer]").fill("user-4711")
    page.locator("select[name=rows-0-product]").select_option(label="Business plan")
    page.get_by_role("button", name="Add a row").click()
    page.locator("input[name=rows-1-description]").fill("Migration of the archive, on site")
    page.locator("input[name=rows-1-quantity]").fill("3")
    page.locator("input[name=rows-1-unit_price]").fill("1,280.50")
    page.locator("textarea[name=notes]").fill("Your order of 18 March. Thank you.")
    screenshot("draft-form")
    page.get_by_role("button", name="New draft").click()
    expect(page.get_by_text("The draft has been created.")).to_be_visible()
    expect(page.locator(".bo-table").first).to_contain_text("€3,841.50")

    page.get_by_role("link", name="Edit draft").click()
    page.locator("input[name=rows-1-unit_price]").fill("12.345")
    page.get_by_role("button", name="Edit draft").click()
    expect(page.get_by_text("EUR has 2 decimal places.")).to_be_visible()
    page.locator("input[name=rows-1-unit_price]").fill("1200")
    page.get_by_role("button", name="Edit draft").click()
    expect(page.get_by_text("The draft has been changed.")).to_be_visible()
    expect(page.locator(".bo-table").first).to_contain_text("€4,099.00")

    page.get_by_role("link", name="Finalise").click()
    page.get_by_role("button", name="Finalise").click()
    expect(page.get_by_text(re.compile(r"INV-2026-\d+ has been issued\."))).to_be_visible()
    picture = page.locator("img.bo-picture").first
    picture.scroll_into_view_if_needed()
    assert picture.evaluate("image => image.naturalWidth") > 600

    page.get_by_role("link", name="Mark paid").click()
    page.locator("input[name=reference]").fill("Statement 2026-03/017")
    page.locator("input[name=amount]").fill("5000")
    page.get_by_role("button", name="Mark paid").click()
    expect(page.get_by_text("At most €4,099.00 is due.")).to_be_visible()
    screenshot("mark-paid")
    page.locator("input[name=amount]").fill("4,099.00")
    page.get_by_role("button", name="Mark paid").click()
    expect(page.get_by_text("€4,099.00 recorded. The invoice is paid.")).to_be_visible()
    screenshot("invoice")
    screenshot("invoice-phone", phone=True)
    page.locator(".bo-panel").first.evaluate("panel => panel.scrollIntoView()")
    screenshot("invoice-lines")
    timeline = page.locator(".bo-timeline")
    for said in ("invoice.created", "invoice.finalised", "invoice.paid", "payment.created"):
        expect(timeline).to_contain_text(said)
    timeline.scroll_into_view_if_needed()
    screenshot("invoice-timeline")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the PDF").click()
    assert re.fullmatch(r".*INV-2026-\d+.*\.pdf", waiting.value.suggested_filename)
    assert waiting.value.path().read_bytes().startswith(b"%PDF")
    with tenant_scope(company.id):
        assert Invoice.objects.filter(tenant_id=company.id, status="paid", total=409_900).count() == 1
        assert verify_numbering(tenant_id=company.id).ok


def test_a_reason_is_asked_for_where_it_matters(signed_in: Page, company: Tenant, screenshot: Take) -> None:
    keep_books(company)
    page = signed_in
    page.goto("/admin/invoicing/invoice/?status=pending")
    page.locator("#result_list tbody tr th a, #result_list tbody tr td a").first.click()
    page.get_by_role("link", name="Void").click()
    page.locator("textarea[name=reason]").fill("Ordered by mistake")
    screenshot("void")
    page.locator("textarea[name=reason]").fill(" ")
    page.get_by_role("button", name="Void").click()
    expect(page.get_by_text("This field is required.")).to_be_visible()
    page.locator("textarea[name=reason]").fill("Ordered by mistake")
    page.get_by_role("button", name="Void").click()
    expect(page.get_by_text(re.compile(r"INV-2026-\d+ is void\."))).to_be_visible()
    expect(page.get_by_role("link", name="Mark paid")).to_have_count(0)


LISTS = (
    ("invoices", "/admin/invoicing/invoice/"), ("customers", "/admin/billing/customer/"),
    ("products", "/admin/billing/product/"), ("payments", "/admin/billing/payment/"),
    ("subscribers", "/admin/webhooks/subscriber/"), ("deliveries", "/admin/webhooks/delivery/"),
    ("mail-queue", "/admin/events/mail/"), ("events", "/admin/events/event/"),
    ("dead-letters", "/admin/events/eventdelivery/"), ("settings", "/admin/tenants/tenantsettings/"),
    ("service-keys", "/admin/tenants/servicekey/"), ("members", "/admin/tenants/membership/"),
    ("audit", "/admin/tenants/auditentry/"),
)  # fmt: skip
OBJECTS = ("events",)


def test_every_list_and_its_first_object_as_people_see_them(signed_in: Page, company: Tenant, screenshot: Take) -> None:
    customer = keep_books(company)
    page = signed_in
    for name, path in LISTS:
        page.goto(path)
        screenshot(name)
        rows = page.locator("#result_list tbody tr a")
        if rows.count():
            rows.first.click()
            screenshot(f"{name}-object" if name in OBJECTS else "")
    page.goto("/admin/invoicing/invoice/?status=past_due&issued_from=2026-01-01")
    screenshot("invoices-filtered")
    page.goto("/admin/invoicing/invoice/")
    screenshot("invoices-phone", phone=True)
    page.goto(f"/admin/billing/customer/{customer.id}/change/")
    page.locator(".bo-panel").first.evaluate("panel => panel.scrollIntoView()")
    screenshot("customer")
    page.goto("/admin/webhooks/subscriber/")
    page.get_by_role("link", name="Shop").click()
    screenshot("subscriber")
    page.goto("/admin/webhooks/delivery/")
    page.locator("#result_list tbody tr", has_text="Shop").first.locator("a").first.click()
    screenshot("delivery")
