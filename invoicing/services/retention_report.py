"""What the next run of the retention would do, and whether the former ones have left something behind."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from invoicing.retention_selectors import customers_due, cutoff_of, invoices_due, traces_of
from tenants.context import Context
from tenants.registries import reasons_to_keep
from tenants.scope import tenant_scope
from tenants.services.erasure import count_traces, remaining_traces, take_time

PAGE: Final = 500
MAX_NAMED: Final = 100


@dataclass(slots=True)
class Report:
    """What is due at a moment. Of the customers who are held, the first hundred are named with the reasons."""

    before: dt.datetime | None = None
    invoices: int = 0
    customers: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    blocked: int = 0
    held: list[tuple[UUID, list[str]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`remaining` counts rows that should be empty, by kind; `due` what the next run will erase."""

    remaining: dict[str, int]
    due: Report

    @property
    def ok(self) -> bool:
        """Whether nothing is left of what was erased."""
        return not any(self.remaining.values())


def report_due(context: Context, *, at: dt.datetime) -> Report:
    """Look through the tenant page by page, each in a transaction of its own. `at` is business time."""
    tenant_id, report = context.tenant_id, Report()
    with tenant_scope(context):
        report.before = cutoff_of(tenant_id, at)
    if report.before is None:
        return report
    last: tuple[dt.datetime, UUID] | None = None
    while True:
        with tenant_scope(context):
            take_time()
            page = invoices_due(tenant_id=tenant_id, before=report.before, limit=PAGE, after=last)
            ids = traces_of(invoice_ids=[invoice_id for _, invoice_id in page])
            report.rows.update(count_traces(tenant_id=tenant_id, ids=ids))
        report.invoices += len(page)
        if len(page) < PAGE:
            break
        last = page[-1]
    _report_customers(context, report, report.before)
    return report


def _report_customers(context: Context, report: Report, before: dt.datetime) -> None:
    tenant_id, after = context.tenant_id, None
    while True:
        with tenant_scope(context):
            take_time()
            page = customers_due(tenant_id=tenant_id, before=before, limit=PAGE, after=after)
            reasons = {one: reasons_to_keep(tenant_id=tenant_id, customer_id=one) for one in page}
            free = [one for one in page if not reasons[one]]
            report.rows.update(count_traces(tenant_id=tenant_id, ids=free))
        held = [(one, why) for one, why in reasons.items() if why]
        report.customers += len(free)
        report.blocked += len(held)
        report.held += held[: MAX_NAMED - len(report.held)]
        if len(page) < PAGE:
            return
        after = page[-1]


def verify_erasure(context: Context, *, at: dt.datetime, now: dt.datetime) -> Verdict:
    """What is left of erased objects, and what is due. `at` is business time, `now` real time."""
    with tenant_scope(context):
        remaining = remaining_traces(tenant_id=context.tenant_id, now=now)
    return Verdict(dict(remaining), report_due(context, at=at))
