"""The statement of an account: every movement of a period with the balance after it, and as a file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from accounting.admin.periods import PeriodForm, begin_of, end_of
from accounting.admin.showing import account_link, accounts_by_id, amount_of, kind_text
from accounting.api.statement_pages import cursor_after, path_with, place_asked
from accounting.enums import Side
from accounting.models import Account
from accounting.statement_files import period_between, statement_file, style_of, whole_statement
from accounting.statements import Movement, Period, statement_of
from common.files import CSV, PDF, File
from tenants.backoffice import display
from tenants.backoffice.api import Asked, BackofficeReport, Panel, Table, backoffice_report, download
from tenants.backoffice.references import path_of
from tenants.backoffice.reports import CURSOR
from tenants.backoffice.subjects import Subject

SHOWN = 50
"""Movements on a page."""
COLUMNS = ("Posted", "Text", "Counter account", "Debit", "Credit", "Balance")


@backoffice_report("statement")
class StatementReport(BackofficeReport):
    """What moved an account."""

    area = "accounts"
    nav_icon = "receipt_long"
    title = "Statement"
    of = Account
    form = PeriodForm

    def show(self, asked: Asked) -> Sequence[Panel]:
        """`statement_of`, a page of it."""
        account = asked.object
        page = statement_of(
            tenant_id=asked.tenant_id, account_id=account.id, period=_period(asked), limit=SHOWN,
            after=place_asked(asked.request),
        )  # fmt: skip
        rows = movement_rows(account, page.movements)
        cursor = cursor_after(page, asked.request)
        below = [("Older movements", path_with(asked.request, cursor))] if cursor else []
        if CURSOR in asked.request.GET:
            below.insert(0, ("Newest movements", _first_page(asked.request)))
        ends = [
            ("Opening", _day(asked.data["from"], "The beginning"), amount_of(account, page.opening)),
            ("Closing", _day(asked.data["to"], "Now"), amount_of(account, page.closing)),
        ]
        return [
            Table("Balances", ("Balance", "Day", "Amount"), ends, numeric=(2,), layout="narrow"),
            Table(
                "Movements", COLUMNS, rows, numeric=(3, 4, 5), note="Newest first", below=below,
                empty="Nothing was posted in this period." if asked.submitted else "Nothing has been posted.",
            ),
        ]  # fmt: skip

    @download("CSV", help="All movements of the period, at most 10,000")
    def csv(self, asked: Asked) -> File:
        """The same as the API's."""
        return _file(asked, CSV)

    @download("PDF", icon="picture_as_pdf", help="All movements of the period, at most 1,000")
    def pdf(self, asked: Asked) -> File:
        """The same as the API's."""
        return _file(asked, PDF)


def statement_path(account_id: UUID, *, until: dt.date | None = None) -> str:
    """The address of the statement of an account, through a day."""
    path = reverse("admin:report_account_statement", args=[account_id])
    return f"{path}?{urlencode({'from': '', 'to': until.isoformat()})}" if until else path


def movement_rows(account: Account, movements: Sequence[Movement]) -> list[tuple[object, ...]]:
    """Rows of `COLUMNS`; the counter accounts cost one query."""
    known = accounts_by_id(account.tenant_id, (one for line in movements for one in line.counter_accounts))
    return [
        (
            display.link(path_of(Subject("journalEntry", line.entry_id)), display.instant(line.created_at)),
            line.description or format_html('<span class="bo-subtle">{}</span>', kind_text(line.kind)),
            format_html_join(", ", "{}", ((account_link(known.get(one), one),) for one in line.counter_accounts)),
            amount_of(account, line.amount) if line.side == Side.DEBIT else "",
            amount_of(account, line.amount) if line.side == Side.CREDIT else "",
            amount_of(account, line.running),
        )
        for line in movements
    ]


def _day(day: dt.date | None, none: str) -> str:
    return display.day(day) if day else none


def _period(asked: Asked) -> Period:
    return period_between(begin_of(asked, "from"), end_of(asked, "to"))


def _file(asked: Asked, form: str) -> File:
    period = _period(asked)
    statement = whole_statement(tenant_id=asked.tenant_id, account_id=asked.object.id, period=period, form=form)
    style = style_of(statement.account, settings=asked.access.settings)
    return statement_file(statement, form=form, style=style, at=asked.at)


def _first_page(request: HttpRequest) -> str:
    query = request.GET.copy()
    query.pop(CURSOR)
    return f"{request.path}?{query.urlencode()}" if query else request.path
