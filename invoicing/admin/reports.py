"""Reports about what billing has posted: who owes what for how long, and what is still to be earned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final
from uuid import UUID

from django.utils.html import format_html

from billing.selectors import customer_names
from common.clock import local_date
from common.files import File
from invoicing.ageing import Age, deferred_revenue, deferred_totals, receivables_ageing
from invoicing.report_files import ageing_file, deferred_file
from tenants.backoffice import display
from tenants.backoffice.api import Asked, BackofficeReport, Panel, Table, backoffice_report, download
from tenants.backoffice.references import link_to
from tenants.backoffice.subjects import Subject

SHOWN: Final = 500
"""How many customers a page shows of each currency."""
AGEING: Final = (
    "Customer", "Invoices", "Not due", "1–30 days", "31–60 days", "61–90 days", "Over 90 days", "Total",
)  # fmt: skip


@backoffice_report("receivables-ageing")
class AgeingReport(BackofficeReport):
    """What customers owe, by the days since it was due."""

    area = "accounts"
    nav_group = "Books"
    nav_icon = "hourglass_bottom"
    nav_order = 70
    title = "Receivables ageing"
    intro = (
        "What is due of open invoices today, by the days since the due date. The totals are what stands on the "
        "receivables accounts."
    )

    def show(self, asked: Asked) -> Sequence[Panel]:
        """`receivables_ageing`, a table for each currency; who owes most comes first."""
        ages = receivables_ageing(tenant_id=asked.tenant_id, at=asked.at, time_zone=asked.time_zone)
        if not ages:
            return [Table("Receivables", (), (), empty="Nothing is owed.")]
        by_currency = [(unit, list(found)) for unit, found in groupby(ages, key=lambda age: age.currency)]
        shown = {
            unit: sorted((age for age in found if age.customer_id), key=lambda age: -age.total)[:SHOWN]
            for unit, found in by_currency
        }
        names = _names(asked, (age for found in shown.values() for age in found))
        return [_aged(unit, shown[unit], found, names) for unit, found in by_currency]

    @download("Export CSV")
    def csv(self, asked: Asked) -> File:
        """`ageing_file`: all customers."""
        named = asked.access.may("customers:read")
        return ageing_file(tenant_id=asked.tenant_id, at=asked.at, time_zone=asked.time_zone, named=named)


@backoffice_report("deferred-revenue")
class DeferredRevenueReport(BackofficeReport):
    """What is invoiced and not earned yet."""

    area = "accounts"
    nav_group = "Books"
    nav_icon = "event_upcoming"
    nav_order = 80
    title = "Deferred revenue"
    intro = (
        "What is invoiced and will be earned later, by the month in which it will, net of tax. The totals are "
        "what stands on the deferred revenue accounts. A month that has ended is earned within the hour."
    )

    def show(self, asked: Asked) -> Sequence[Panel]:
        """`deferred_revenue`, a table for each currency."""
        rows = deferred_revenue(tenant_id=asked.tenant_id)
        if not rows:
            return [Table("Months", (), (), empty="Nothing is deferred.")]
        ended = _today(asked).replace(day=1)
        return [
            Table(
                unit, ("Month", "Amount"),
                [
                    (_month(row.month, ended=row.month < ended), display.money(row.amount, unit))
                    for row in rows
                    if row.currency == unit
                ],
                footer=[("Total", display.money(total, unit))], numeric=(1,), layout="narrow",
            )
            for unit, total in deferred_totals(rows).items()
        ]  # fmt: skip

    @download("Export CSV")
    def csv(self, asked: Asked) -> File:
        """`deferred_file`."""
        return deferred_file(tenant_id=asked.tenant_id, at=asked.at, time_zone=asked.time_zone)


def _aged(unit: str, shown: Sequence[Age], found: Sequence[Age], names: dict[UUID, str]) -> Panel:
    customers = len(found) - 1  # one of the rows is the total
    rows = [(_debtor(age, names), *_figures(age)) for age in shown]
    footer = [("Total", *_figures(age)) for age in found if age.customer_id is None]
    note = f"The {SHOWN:,} of {customers:,} customers who owe most; the CSV has all" if customers > len(shown) else ""
    return Table(unit, AGEING, rows, footer=footer, numeric=range(1, len(AGEING)), note=note, layout="even")


def _debtor(age: Age, names: dict[UUID, str]) -> object:
    assert age.customer_id is not None
    return link_to(Subject("customer", age.customer_id), names.get(age.customer_id))


def _figures(age: Age) -> list[object]:
    money = [display.money(amount, age.currency) if amount else "" for amount in (*age.buckets, age.total)]
    return [f"{age.invoices:,}", *money]


def _names(asked: Asked, ages: Iterable[Age]) -> dict[UUID, str]:
    """What customers are called, to those who may see them."""
    if not asked.access.may("customers:read"):
        return {}
    return customer_names(tenant_id=asked.tenant_id, customer_ids={age.customer_id for age in ages if age.customer_id})


def _today(asked: Asked) -> dt.date:
    return local_date(asked.at, asked.time_zone)


def _month(month: dt.date, *, ended: bool) -> object:
    return format_html('{} <span class="bo-subtle">{}</span>', f"{month:%B %Y}", "ended") if ended else f"{month:%B %Y}"
