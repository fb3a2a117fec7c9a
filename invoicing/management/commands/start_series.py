"""`start_series`: let a number series begin at a given number."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from invoicing.numbering import INVOICE_SERIES, number_text
from invoicing.services.numbers import start_series
from tenants.management.base import OperatorCommand, positive, resolve_tenant
from tenants.scope import tenant_scope


def _year(text: str) -> int:
    """An option's value: a year that a series can have."""
    if text.isascii() and text.isdigit() and 2000 <= int(text) <= 2199:
        return int(text)
    raise ArgumentTypeError("must be a year from 2000 to 2199")


class Command(OperatorCommand):
    """Before the first document of a year, choose its number."""

    help = (
        "Let a tenant's invoice numbers of a year begin at a given number, as a company does that moves to Ledger in "
        "the middle of a year. Refused once a number of that year has been given."
    )
    examples = """
        manage.py start_series --tenant demo --year 2026 --first 4712
    """

    def add_options(self, parser: CommandParser) -> None:
        """Which series, and where it starts."""
        parser.add_argument("--tenant", required=True, help="Slug or id (tnt_…) of the tenant.")
        parser.add_argument("--year", required=True, type=_year, help="The year of the series, 2000 to 2199.")
        parser.add_argument("--first", required=True, type=positive, help="The first number to be given.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Start it."""
        tenant = resolve_tenant(options["tenant"])
        with tenant_scope(self.context(tenant.id)):
            series = start_series(
                tenant_id=tenant.id, code=INVOICE_SERIES, year=options["year"], first=options["first"]
            )
        return {"tenant": tenant.slug, "first": number_text(series.code, series.year, series.start)}

    def describe(self, result: Mapping[str, Any]) -> str:
        """One sentence."""
        return f"The first invoice of {result['tenant']} will be {result['first']}."
