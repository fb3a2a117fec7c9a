"""Statements as files, for the API and the back office: how much one holds, in whose style, under which name."""

from __future__ import annotations

import datetime as dt
from typing import Final
from uuid import UUID

from accounting.documents.statement_csv import statement_csv
from accounting.documents.statement_pdf import Style, statement_pdf
from accounting.errors import StatementTooLong
from accounting.models import Account
from accounting.selectors import exponent_of
from accounting.statements import Period, Statement, statement_of
from common.errors import InvalidRequest, Problem
from common.files import CSV, CSV_UTF_8, PDF, File
from common.ids import encode_id
from common.prefixes import ACCOUNT
from tenants.models import TenantSettings
from tenants.selectors import get_tenant

FILE_LIMITS: Final = {CSV: 10_000, PDF: 1_000}
"""Movements that a file holds."""


def period_between(start: dt.datetime | None, end: dt.datetime | None) -> Period:
    """The period, which may be empty. Raises `InvalidRequest` for one that ends before it begins."""
    if start and end and end < start:
        raise InvalidRequest([Problem("to", "too_small", "The period ends before it begins.")])
    return Period(start, end)


def whole_statement(*, tenant_id: UUID, account_id: UUID, period: Period, form: str) -> Statement:
    """All movements of the period for a file of the type `form`. Raises `StatementTooLong`, `NotFound`."""
    statement = statement_of(tenant_id=tenant_id, account_id=account_id, period=period, limit=FILE_LIMITS[form])
    if statement.next is not None:
        raise StatementTooLong()
    return statement


def style_of(account: Account, *, settings: TenantSettings) -> Style:
    """The tenant's name, language, zone and colour, and the decimals of the account's unit."""
    return Style(
        name=settings.legal_name or get_tenant(tenant_id=account.tenant_id).name, locale=settings.locale,
        time_zone=settings.time_zone, color=settings.brand_color,
        exponent=exponent_of(tenant_id=account.tenant_id, code=account.currency),
    )  # fmt: skip


def statement_file(statement: Statement, *, form: str, style: Style, at: dt.datetime) -> File:
    """The statement as it was at the instant `at`. Asks nobody; typesetting takes a while."""
    name = encode_id(ACCOUNT, statement.account.id)
    if form == CSV:
        return File(statement_csv(statement, exponent=style.exponent), CSV_UTF_8, f"{name}.csv")
    return File(statement_pdf(statement, style=style, at=at).content, PDF, f"{name}.pdf")
