"""Reports about all of the books: the trial balance, and the journal as files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html

from accounting.admin.periods import ExportForm, MomentForm, begin_of, end_of, this_year
from accounting.admin.statement import statement_path
from accounting.books import TrialRow, TrialTotal, trial_balance, trial_totals
from accounting.chart import CHART, role_of
from accounting.enums import AccountType
from accounting.exporting import read_export, trial_balance_file
from accounting.models import JournalEntry
from accounting.selectors import exponents
from common.clock import local_date
from common.files import File
from tenants.backoffice import display
from tenants.backoffice.api import Access, Asked, BackofficeReport, Panel, Table, backoffice_report, download
from tenants.backoffice.references import link_to
from tenants.backoffice.subjects import Subject

NOTHING = "Nothing has been posted yet."
SHOWN = 500
"""Rows that the page of the trial balance shows of each unit."""


@backoffice_report("trial-balance")
class TrialBalanceReport(BackofficeReport):
    """What all accounts hold, and that both sides are equal."""

    area = "accounts"
    nav_group = "Books"
    nav_icon = "balance"
    nav_order = 60
    title = "Trial balance"
    intro = "What stands on every account, on the side on which it has more. Both sides of a unit are equal."
    form = MomentForm

    def show(self, asked: Asked) -> Sequence[Panel]:
        """`trial_balance`, a table for each unit."""
        rows = trial_balance(tenant_id=asked.tenant_id, at=end_of(asked, "at"))
        if not rows:
            return [
                Table("Accounts", (), (), empty=NOTHING if asked.data["at"] is None else "Nothing stood there yet.")
            ]
        digits = exponents(tenant_id=asked.tenant_id)
        totals = {total.currency: total for total in trial_totals(rows)}
        by_unit = groupby(rows, key=lambda row: row.currency)
        return [_balanced(asked, totals[unit], list(found), digits) for unit, found in by_unit]

    @download("Export CSV")
    def csv(self, asked: Asked) -> File:
        """`trial_balance_file`."""
        return trial_balance_file(
            tenant_id=asked.tenant_id, at=end_of(asked, "at"), now=asked.at, time_zone=asked.time_zone
        )  # fmt: skip


@backoffice_report("journal-export")
class JournalExportReport(BackofficeReport):
    """The journal of a period as a file."""

    area = "accounts"
    nav_group = "Books"
    nav_icon = "file_export"
    nav_order = 90
    title = "Journal export"
    intro = (
        "At most 100,000 lines. A file for DATEV lies inside one calendar year and holds currencies only; accounts "
        "outside of the chart are items in transit."
    )
    form = ExportForm
    submit = "Download"

    def initial(self, access: Access, at: dt.datetime) -> Mapping[str, Any]:
        """This year."""
        return this_year(local_date(at, access.settings.time_zone))

    def show(self, asked: Asked) -> Sequence[Panel] | File:
        """`read_export`: the file itself once the form is sent."""
        if not asked.submitted:
            empty = not JournalEntry.objects.filter(tenant_id=asked.tenant_id).exists()
            return [Table("Journal", (), (), empty=NOTHING)] if empty else []
        form, _, chart = asked.data["wanted"].partition("-")
        return read_export(
            tenant_id=asked.tenant_id, start=begin_of(asked, "from"), end=end_of(asked, "to"), at=asked.at,
            time_zone=asked.time_zone, format=form, **({"chart": chart} if chart else {}),
        ).file()  # fmt: skip


def _balanced(asked: Asked, total: TrialTotal, rows: Sequence[TrialRow], digits: Mapping[str, int]) -> Panel:
    """The table of one unit, with both totals and whether they are equal."""
    unit, day = total.currency, asked.data["at"]
    note, shown = (f"At the end of {display.day(day)}" if day else "Now"), rows
    if len(rows) > SHOWN:
        shown = sorted(rows, key=lambda row: (role_of(row.code) is None, -row.debit - row.credit))[:SHOWN]
        note += f". The {SHOWN:,} of {len(rows):,} rows that hold most; the CSV has all"
    equal = total.debit == total.credit
    said = display.badge("balanced" if equal else "not_balanced", tone="success" if equal else "danger")
    footer = ("Total", said, _money(total.debit, unit, digits), _money(total.credit, unit, digits), "")
    return Table(
        unit, ("Account", "Type", "Debit", "Credit", ""), [_row(row, digits, day) for row in shown], footer=[footer],
        numeric=(2, 3, 4), note=note, layout="even",
    )  # fmt: skip


def _row(row: TrialRow, digits: Mapping[str, int], day: dt.date | None) -> tuple[object, ...]:
    if row.account_id is not None:
        account = link_to(Subject("account", row.account_id), row.code or "Account without a code")
        more: object = display.link(statement_path(row.account_id, until=day), "Statement")
    else:
        query = urlencode({"type": row.type, "unit": row.currency})
        found = f"{row.accounts:,} accounts without a code"
        account = display.link(f"{reverse('admin:accounting_account_changelist')}?{query}", found)
        more = ""
    role = role_of(row.code)
    named = format_html('{}<br><span class="bo-subtle">{}</span>', account, CHART[role].name) if role else account
    amounts = (_money(amount, row.currency, digits) if amount else "" for amount in (row.debit, row.credit))
    return named, AccountType(row.type).label, *amounts, more


def _money(amount: int, unit: str, digits: Mapping[str, int]) -> object:
    return display.money(amount, unit, digits=digits.get(unit))
