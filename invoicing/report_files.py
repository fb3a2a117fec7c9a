"""Receivables and deferred revenue as CSV, for the API and the back office: decimals, and months as `2026-03`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from accounting.amounts import decimal_text
from billing.selectors import customer_names
from common.clock import local_date
from common.currencies import EXPONENTS
from common.files import CSV_UTF_8, File, csv_bytes, inert
from common.ids import encode_id
from common.prefixes import CUSTOMER
from invoicing.ageing import Age, deferred_revenue, receivables_ageing

AGEING_COLUMNS: Final = (
    "customerId", "customer", "currency", "invoices", "current", "days1To30", "days31To60", "days61To90", "over90",
    "total",
)  # fmt: skip
DEFERRED_COLUMNS: Final = ("month", "currency", "amount")


def ageing_file(*, tenant_id: UUID, at: dt.datetime, time_zone: str, named: bool) -> File:
    """One row per customer and currency on the day of `at`, without the totals, which a sum over a column would double.

    `named` says what customers are called besides, for those who may read that.
    """
    ages = [age for age in receivables_ageing(tenant_id=tenant_id, at=at, time_zone=time_zone) if age.customer_id]
    names = customer_names(tenant_id=tenant_id, customer_ids={_id(age) for age in ages}) if named else {}
    content = csv_bytes(AGEING_COLUMNS, (_age_row(age, names) for age in ages))
    return File(content, CSV_UTF_8, f"receivables_ageing_{local_date(at, time_zone):%Y-%m-%d}.csv")


def deferred_file(*, tenant_id: UUID, at: dt.datetime, time_zone: str) -> File:
    """One row per month and currency, as it stands now, on the day of `at`."""
    rows = deferred_revenue(tenant_id=tenant_id)
    content = csv_bytes(
        DEFERRED_COLUMNS, ([f"{row.month:%Y-%m}", row.currency, _decimal(row.amount, row.currency)] for row in rows)
    )
    return File(content, CSV_UTF_8, f"deferred_revenue_{local_date(at, time_zone):%Y-%m-%d}.csv")


def _age_row(age: Age, names: Mapping[UUID, str]) -> list[object]:
    amounts = [_decimal(amount, age.currency) for amount in (*age.buckets, age.total)]
    return [encode_id(CUSTOMER, _id(age)), inert(names.get(_id(age))), age.currency, age.invoices, *amounts]


def _id(age: Age) -> UUID:
    assert age.customer_id is not None
    return age.customer_id


def _decimal(amount: int, currency: str) -> str:
    return decimal_text(amount, EXPONENTS.get(currency, 0))
