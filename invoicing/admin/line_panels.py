"""What an invoice consists of, on its page: lines with totals, coupons, taxes, and how it was computed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.html import format_html, format_html_join

from billing.admin.amounts import fine_money
from common.clock import parse_instant
from common.currencies import EXPONENTS
from common.errors import DomainError
from invoicing.content import plain, usage_total
from invoicing.enums import InvoiceStatus, ItemType
from invoicing.explanations import explanation_text
from invoicing.models import Invoice, InvoiceItem
from invoicing.selectors import counting_prices
from invoicing.services.explaining import explain_invoice
from tenants.backoffice import display
from tenants.backoffice.api import Access, Block, Panel, Table
from tenants.backoffice.references import link_to
from tenants.backoffice.subjects import Subject
from tenants.clocks import business_now


def day_of(value: dt.datetime | None) -> str:
    """The day of an instant where the tenant is."""
    return display.EMPTY if value is None else display.day(timezone.localtime(value).date())


def unit_price_text(price: Decimal, currency: str) -> str:
    """A price per unit, which may be finer than a minor unit: `€0.0045`."""
    if price == int(price):
        return display.money_text(int(price), currency)
    return f"{plain(price.scaleb(-EXPONENTS.get(currency, 0)))} {currency}"


def percent(rate: Any) -> str:
    """Basis points, which may be a decimal string, as people say them: `19 %`."""
    return f"{plain(Decimal(rate) / 100)} %"


def lines_panel(row: Invoice, items: Sequence[InvoiceItem]) -> Panel:
    """The lines, net of tax, and the totals below them. What coupons took has a column where they took something."""
    money, currency = display.money, row.currency
    counting = counting_prices(tenant_id=row.tenant_id, items=items)
    discounted = any(item.discount for item in items)
    lines = [
        (
            _described(item, currency, counting), plain(item.quantity), _unit_price(item, currency),
            _taxes(item), *([money(-item.discount, currency) if item.discount else ""] if discounted else []),
            money(item.total, currency),
        )
        for item in items
    ]  # fmt: skip
    columns = (
        "Description", "Quantity", "Unit price", "Tax", *(["Discount"] if discounted else []), "Amount, net",
    )  # fmt: skip
    before = [""] * (len(columns) - 2)
    footer = [(*before, name, money(amount, currency)) for name, amount in _totals(row)]
    return Table(
        "Lines", columns, lines, footer=footer, numeric=range(1, len(columns)), empty="There are no lines yet."
    )  # fmt: skip


def coupons_panel(row: Invoice) -> list[Panel]:
    """What each coupon took, in their order."""
    rows = [
        (one["name"], display.code(one["code"]), display.money(-one["amount"], row.currency)) for one in row.coupons
    ]
    note = "Of prices that contain their tax, with it"
    return [Table("Coupons", ("Coupon", "Code", "Amount"), rows, numeric=(2,), note=note)] if rows else []


def tax_panel(row: Invoice) -> list[Panel]:
    """The tax table, one row per rate, with the wording that stands on the document."""
    noted = any(tax["note"] for tax in row.tax_breakdown)
    rows = [
        (
            tax["label"], percent(tax["rate"]), str(tax["category"]).replace("_", " "),
            display.money(tax["taxable"], row.currency), display.money(tax["tax"], row.currency),
            *([tax["note"] or ""] if noted else []),
        )
        for tax in row.tax_breakdown
    ]  # fmt: skip
    columns = ("Tax", "Rate", "Category", "Taxable", "Tax amount", *(["Wording"] if noted else []))
    return [Table("Taxes", columns, rows, numeric=(1, 3, 4))] if rows else []


def explanation_panel(access: Access, row: Invoice) -> Panel:
    """Each step from the lines to the total, to be opened; of a draft what finalising it now would come to."""
    try:
        explained = explain_invoice(row, settings=access.settings, at=business_now(access.tenant_id))
        text = explanation_text(explained)
    except DomainError as refused:
        text = f"It could not be issued now. {refused.message}"
    shown = format_html('<details><summary>Show each step</summary><pre class="bo-json">{}</pre></details>', text)
    return Block("How this was computed", shown)


def _totals(row: Invoice) -> Iterator[tuple[str, int]]:
    yield "Subtotal", row.subtotal
    if row.discount:
        yield "Discount", -row.discount
    yield "Tax", row.tax
    yield "Total", row.total
    for name, amount in (
        ("Paid", row.amount_paid),
        ("Refunded", row.amount_refunded),
        ("Credited", row.amount_credited),
    ):
        if amount:
            yield name, amount
    if row.status not in (InvoiceStatus.DRAFT, InvoiceStatus.VOID) and (row.amount_paid or row.amount_due):
        yield "Open", row.amount_due


def _described(item: InvoiceItem, currency: str, counting: Collection[UUID]) -> Any:
    """The description, and below it whatever else there is to say."""
    below = [
        ItemType(item.type).label.replace("_", " ").capitalize() if item.type != ItemType.ONE_TIME else "",
        _period(item),
        _asked(item, currency, counting),
        _exchange(item.exchange) if item.exchange else "",
        link_to(Subject("price", item.price_id), "Price") if item.price_id is not None else "",
    ]
    said = format_html_join(" · ", "{}", ((one,) for one in below if one))
    return format_html('{}<br><span class="bo-subtle">{}</span>', item.description, said) if said else item.description


def _period(item: InvoiceItem) -> str:
    if item.period_start is None or item.period_end is None:
        return ""
    return f"{day_of(item.period_start)} – {day_of(item.period_end - dt.timedelta(microseconds=1))}"


def _asked(item: InvoiceItem, currency: str, counting: Collection[UUID]) -> str:
    """What the price was asked for, unless the quantity says it."""
    if not item.usage:
        return ""
    whole = usage_total(item.usage)
    if item.price_id in counting or len(item.usage) > 1:
        money = fine_money(plain(whole), item.exchange["currency"] if item.exchange else currency)
        return f"{len(item.usage):,} transactions of {money}" if len(item.usage) > 1 else f"1 transaction of {money}"
    return "" if whole == item.quantity else f"Asked for {plain(whole)}"


def _exchange(exchange: Mapping[str, Any]) -> str:
    amount = fine_money(exchange["amount"], exchange["currency"])
    on = exchange["date"]
    day = dt.date.fromisoformat(on) if len(on) == len("2026-11-01") else timezone.localtime(parse_instant(on)).date()
    source = f" ({exchange['source']})" if exchange["source"] else ""
    return f"{amount} at {plain(Decimal(exchange['rate']))}, rate of {display.day(day)}{source}"


def _unit_price(item: InvoiceItem, currency: str) -> Any:
    shown = unit_price_text(item.unit_price, currency)
    if not (item.inclusive and item.tax_rate):
        return shown
    return format_html('{}<br><span class="bo-subtle">incl. tax</span>', shown)


def _taxes(item: InvoiceItem) -> Any:
    """The rate; of several each with its name."""
    if len(item.taxes) < 2:
        return percent(item.tax_rate)
    return format_html_join("", "{} {}<br>", ((tax["label"], percent(tax["rate"])) for tax in item.taxes))
