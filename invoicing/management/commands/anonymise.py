"""`manage.py anonymise`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from common.clock import format_instant
from common.ids import InvalidId, decode_id, encode_id
from common.prefixes import CUSTOMER
from invoicing.services.anonymising import Clocks, anonymise_customer, anonymise_tenant, retention_lease
from invoicing.services.retention_report import Report, report_due
from tenants.clocks import business_now
from tenants.enums import RetentionCause
from tenants.management.base import TenantCommand, real_now
from tenants.models import RetentionRun


def _customer(text: str) -> UUID:
    """An option's value: the id of a customer."""
    try:
        return decode_id(CUSTOMER, text)
    except InvalidId as wrong:
        raise argparse.ArgumentTypeError("must be the id of a customer (cst_…)") from wrong


class Command(TenantCommand):
    """Erases personal data that are older than the tenant keeps them, or those of one customer."""

    help = (
        "Erase the personal data of finished invoices (paid, void, refunded) that are older than the tenant's "
        "dataRetentionDays, and of customers all of whose invoices are. Amounts, dates, numbers and taxes stay, and "
        "verify_numbering holds afterwards. The worker does this each day; the command does it now. With --customer: "
        "erase one customer who asked for it, with all of their invoices, whatever their age. Customers whom a blocker "
        "holds (an unpaid invoice) are left alone and named. It works in small transactions beside normal operation, "
        "and can be stopped and run again at any time. What was erased is in no later backup, but still in older ones."
    )
    examples = """
        manage.py anonymise --dry-run
        manage.py anonymise --tenant acme --json
        manage.py anonymise --tenant acme --customer cst_01hqx3qgf2c8mhwy9s6zwmf3yh
    """

    def add_options(self, parser: CommandParser) -> None:
        """How."""
        parser.add_argument("--dry-run", action="store_true", help="Only report what would be erased.")
        parser.add_argument(
            "--customer",
            type=_customer,
            metavar="ID",
            help="Erase this customer of --tenant, whatever the age of their invoices.",
        )

    def run(self, **options: Any) -> dict[str, Any]:
        """A customer belongs to one tenant, so it has to be named."""
        if options["customer"] and not options["tenant"]:
            raise CommandError("--customer needs --tenant.")
        if options["customer"] and options["dry_run"]:
            raise CommandError("--customer and --dry-run do not go together.")
        return super().run(**options)

    def handle_tenant(self, tenant_id: UUID, slug: str, **options: Any) -> dict[str, Any]:
        """One tenant's run, or report."""
        if options["dry_run"]:
            return _reported(report_due(self.context(tenant_id), at=business_now(tenant_id)))
        actor = f"command:{self.name}"
        clocks = Clocks(business=partial(business_now, tenant_id), real=real_now)
        if options["customer"]:
            run = anonymise_customer(
                tenant_id=tenant_id, customer_id=options["customer"], actor=actor, clocks=clocks
            )  # fmt: skip
            return {**_done(run), "blocked": 0}
        with retention_lease(tenant_id) as held:
            if not held:
                raise CommandError("A worker is erasing in this tenant now. Try again in a few minutes.")
            run_or_none = anonymise_tenant(
                tenant_id=tenant_id, actor=actor, cause=RetentionCause.COMMAND, clocks=clocks, go_on=held.keep
            )
        if run_or_none is None or run_or_none.finished_at is None:
            return {"ok": False, "error": "It was not finished. Run it again."}
        report = report_due(self.context(tenant_id), at=business_now(tenant_id))
        return {**_done(run_or_none), "blocked": report.blocked, "held": _held(report)}

    def describe_tenant(self, result: Mapping[str, Any]) -> str:
        """The counts in words, and who is held."""
        verb = "would be erased" if result["dryRun"] else "erased"
        rows = ", ".join(f"{kind} {count:,}" for kind, count in sorted(result["rows"].items()) if count)
        lines = [f"{result['invoices']:,} invoices and {result['customers']:,} customers {verb}."]
        if rows:
            lines[0] += f" Rows: {rows}."
        lines += [f"  held: {one['customerId']}: {'; '.join(one['reasons'])}" for one in result.get("held", [])]
        if result["blocked"] > len(result.get("held", [])):
            lines.append(f"  and {result['blocked'] - len(result['held']):,} more are held")
        return "\n".join(lines)


def _done(run: RetentionRun) -> dict[str, Any]:
    return {
        "dryRun": False,
        "invoices": run.invoices or 0,
        "customers": run.customers or 0,
        "rows": dict(run.erased or {}),
    }


def _reported(report: Report) -> dict[str, Any]:
    return {
        "dryRun": True,
        "finishedBefore": format_instant(report.before) if report.before else None,
        "invoices": report.invoices,
        "customers": report.customers,
        "rows": dict(report.rows),
        "blocked": report.blocked,
        "held": _held(report),
    }


def _held(report: Report) -> list[dict[str, Any]]:
    return [{"customerId": encode_id(CUSTOMER, one), "reasons": reasons} for one, reasons in report.held]
