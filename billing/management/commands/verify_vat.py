"""`verify_vat`: check digits and VIES for a tenant's customers whose VAT numbers are unverified, or for one of them."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from billing.services.vat_checks import Outcome, unverified_customers, verify_vat_number
from common.ids import InvalidId, decode_id
from common.prefixes import CUSTOMER
from tenants.clocks import business_now
from tenants.management.base import TenantCommand, real_now


class Command(TenantCommand):
    """Asks now, whatever the sweep has planned."""

    help = (
        "Verify the VAT numbers of customers: by check digits, then by VIES. Without --customer every number of a "
        "member of the European Union that is unverified, also those from before numbers were checked. What VIES does "
        "not answer stays as it was and is asked about again by the sweep; an outage of VIES ends the work for the "
        "tenant. Exit status 1 when a number that was asked about has no verdict."
    )
    examples = """
        manage.py verify_vat --tenant demo
        manage.py verify_vat --tenant demo --customer cst_01hqx3qgf2c8mhwy9s6zwmf3yh --json
    """

    def add_options(self, parser: CommandParser) -> None:
        """Which one."""
        parser.add_argument("--customer", type=customer, help="Id (cst_…) of one customer; needs --tenant.")

    def run(self, **options: Any) -> dict[str, Any]:
        """A customer belongs to one tenant."""
        if options["customer"] is not None and not options["tenant"]:
            raise CommandError("--customer needs --tenant.")
        return super().run(**options)

    def handle_tenant(self, tenant_id: UUID, slug: str, **options: Any) -> dict[str, Any]:
        """One tenant."""
        named: UUID | None = options["customer"]
        outcomes: Counter[Outcome] = Counter()
        for number, customer_id in enumerate([named] if named else unverified_customers(tenant_id=tenant_id), start=1):
            outcome = verify_vat_number(
                context=self.context(tenant_id), customer_id=customer_id, at=business_now(tenant_id, customer_id),
                now=real_now(),
            )  # fmt: skip
            outcomes[outcome] += 1
            if number % 25 == 0:
                self.progress(f"{slug}: {number:,} numbers checked")
            if outcome is Outcome.OUTAGE:
                break
        valid, invalid = outcomes[Outcome.VALID], outcomes[Outcome.INVALID]
        without = outcomes.total() - valid - invalid
        return {
            "ok": without == 0, "valid": valid, "invalid": invalid, "unverified": without,
            "outage": outcomes[Outcome.OUTAGE] > 0,
        }  # fmt: skip

    def describe_tenant(self, result: Mapping[str, Any]) -> str:
        """How many of each."""
        said = f"VAT: {result['valid']:,} valid, {result['invalid']:,} invalid, {result['unverified']:,} unverified"
        return f"{said}. VIES does not answer" if result["outage"] else said


def customer(text: str) -> UUID:
    """An option's value: the id of a customer."""
    try:
        return decode_id(CUSTOMER, text)
    except InvalidId as wrong:
        raise argparse.ArgumentTypeError(f"{text!r} is not the id of a customer (cst_…)") from wrong
