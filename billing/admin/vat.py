"""What the page of a customer shows of the checks of a VAT number."""

from __future__ import annotations

from typing import Any

from billing.enums import VatSource
from billing.models import Customer, VatCheck
from billing.selectors import vat_checks
from tenants.backoffice import display
from tenants.backoffice.access import Access
from tenants.backoffice.api import Panel, Table

SHOWN = 10
_SOURCES = {VatSource.CHECKSUM: "Check digits", VatSource.VIES: "VIES"}


def has_number(row: Customer) -> bool:
    """Whether there is a number to check."""
    return row.erased_at is None and bool(row.vat_id)


def checks_panel(access: Access, row: Customer) -> list[Panel]:
    """The newest checks as a table; nothing for a customer whose number nobody ever judged."""
    found = vat_checks(tenant_id=access.tenant_id, customer_id=row.id)[:SHOWN]
    lines = [
        (
            display.instant(check.checked_at), check.number or display.EMPTY, display.badge(check.status),
            _SOURCES[VatSource(check.source)], _proof(check), _about(check),
        )
        for check in found
    ]  # fmt: skip
    if not lines:
        return []
    return [Table("Checks of the VAT number", ("Checked", "Number", "Result", "By", "Identifier", "Says"), lines)]


def _proof(check: VatCheck) -> Any:
    return display.code(check.request_identifier) if check.request_identifier else display.EMPTY


def _about(check: VatCheck) -> Any:
    """To whom it belongs, or why there is no verdict."""
    if check.error:
        return check.error.replace("_", " ")
    return ", ".join(part for part in (check.name, check.address) if part) or display.EMPTY
