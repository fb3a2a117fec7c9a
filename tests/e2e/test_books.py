"""The books in Chromium: money moves, what may not be is refused in words, and the reports say what came of it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from accounting.models import Account, JournalEntry
from billing.models import Customer
from common.ids import encode_id
from common.prefixes import ACCOUNT
from invoicing.requests import InvoiceRequest, ItemRequest
from invoicing.services.issuing import create_invoice
from tenants.context import system_context
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.selectors import get_settings
from tests.e2e.books import TODAY, keep_books


def test_money_moves_between_accounts_and_every_step_can_be_followed(
    signed_in: Page, company: Tenant, screenshot: Callable[..., None]
) -> None:
    keep_books(company)
    page = signed_in
    page.goto("/admin/accounting/account/")
    for code, policy in (("till", "unlimited"), ("deposits", "none")):
        page.get_by_role("link", name="New account").click()
        page.locator("input[name=code]").fill(code)
        page.locator("select[name=policy]").select_option(policy)
        page.get_by_role("button", name="New account").click()
        expect(page.get_by_text(f"{code} has been opened.")).to_be_visible()
        page.goto("/admin/accounting/account/")
    with tenant_scope(company.id):
        deposits = Account.objects.get(tenant_id=company.id, code="deposits")

    for amount, text in (("250", "Deposit of March"), ("1,000.50", "Deposit of April")):
        page.goto("/admin/accounting/account/?q=till")
        page.locator("#result_list tbody tr a").first.click()
        page.get_by_title("The amount is debited here and credited there.").click()
        page.locator("input[name=to_account]").fill(encode_id(ACCOUNT, deposits.id))
        page.locator("input[name=amount]").fill(amount)
        page.locator("input[name=description]").fill(text)
        if amount == "250":
            screenshot("account-transfer")
        page.get_by_role("button", name="Transfer").click()
        expect(page.get_by_text("The transfer has been posted.")).to_be_visible()

    page.goto(f"/admin/accounting/account/{deposits.id}/change/")
    expect(page.locator(".bo-table").first).to_contain_text("€1,250.50")
    screenshot("account")
    page.get_by_role("link", name="Close").click()
    page.locator("textarea[name=reason], input[name=reason]").fill("Not needed")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_text("The account still has a balance or active holds.")).to_be_visible()

    with tenant_scope(company.id):
        entry = JournalEntry.objects.filter(tenant_id=company.id, description="Deposit of April").get()
    page.goto(f"/admin/accounting/journalentry/{entry.id}/change/")
    screenshot("journal-entry")
    page.get_by_role("link", name="Reverse").click()
    page.locator("textarea[name=reason], input[name=reason]").fill("Wrong account")
    page.get_by_role("button", name="Reverse").click()
    expect(page.get_by_text("The entry has been reversed.")).to_be_visible()
    page.goto(f"/admin/accounting/account/{deposits.id}/change/")
    expect(page.locator(".bo-table").first).to_contain_text("€250.00")
    page.goto("/admin/accounting/transfer/")
    expect(page.locator("#result_list")).to_contain_text(re.compile("Voided"))
    screenshot("transfers")


def test_from_the_trial_balance_to_every_movement_and_to_the_files_for_the_accountant(
    signed_in: Page, company: Tenant, screenshot: Callable[..., None]
) -> None:
    served_for_a_year(company, keep_books(company))
    page = signed_in
    page.goto("/admin/")
    page.get_by_role("link", name="Trial balance").click()
    page.locator("input[name=at]").fill("2026-03-20")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("At the end of 20 Mar 2026").first).to_be_visible()
    expect(page.get_by_text("Balanced").first).to_be_visible()
    screenshot("trial-balance")
    screenshot("", phone=True)
    assert saved(page, "Export CSV", "trial_balance_2026-03-20.csv").startswith(b"code,type,accounts,currency,")

    page.get_by_role("row", name=re.compile("^receivables:EUR")).get_by_role("link", name="Statement").click()
    page.locator("input[name=from]").fill("2026-03-01")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".bo-table").first).to_contain_text("1 Mar 2026")
    screenshot("statement")
    screenshot("", phone=True)
    assert saved(page, "CSV", r"acc_\w+\.csv").count(b"\r\n") == 1 + page.locator(".bo-table tbody tr").count() - 2
    assert saved(page, "PDF", r"acc_\w+\.pdf").startswith(b"%PDF")
    page.locator("input[name=from]").fill("2026-04-01")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".errors")).to_contain_text("The period ends before it begins.")

    page.get_by_role("link", name="Receivables ageing").click()
    expect(page.get_by_role("link", name="Lovelace Engines Ltd").first).to_be_visible()
    screenshot("")
    page.get_by_role("link", name="Deferred revenue").click()
    expect(page.get_by_text("March 2026")).to_be_visible()
    screenshot("", phone=True)

    page.get_by_role("link", name="Journal export").click()
    page.locator("input[name=from]").fill("2025-12-31")
    page.locator("input[name=to]").fill("2026-03-31")
    page.locator("select[name=wanted]").select_option(label="DATEV, SKR04")
    page.get_by_role("button", name="Download").click()
    expect(page.locator(".errors")).to_contain_text("A file for DATEV lies inside one calendar year.")
    page.locator("input[name=from]").fill("2026-01-01")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    assert waiting.value.suggested_filename == "EXTF_Buchungsstapel_20260101_20260331.csv"
    assert waiting.value.path().read_bytes().startswith(b'"EXTF";700;21;')


def served_for_a_year(company: Tenant, customer: Customer) -> None:
    """An invoice whose revenue is still to be earned."""
    with tenant_scope(system_context(company.id, "billing-run")):
        create_invoice(
            tenant_id=company.id, customer=customer, settings=get_settings(tenant_id=company.id), draft=False,
            request=InvoiceRequest(
                items=[ItemRequest(description="Support for a year", unit_price=240_000)], period_start=TODAY,
                period_end=TODAY + dt.timedelta(days=365),
            ),
            at=TODAY, trace_id="",
        )  # fmt: skip


def saved(page: Page, link: str, name: str) -> bytes:
    """What a link of the toolbar downloads; its name must be this."""
    with page.expect_download() as waiting:
        page.locator(".bo-toolbar a", has_text=re.compile(rf"\b{link}\s*$")).click()
    assert re.fullmatch(name, waiting.value.suggested_filename)
    return Path(waiting.value.path()).read_bytes()
