"""How invoices are found: filters and search, each by an index, or among the newest."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from billing.admin.customers import customers_called
from invoicing.enums import InvoiceStatus
from invoicing.models import Invoice
from tenants.backoffice.filters import Word, among_newest, choice_filter, day_filter
from tenants.backoffice.references import subject_named

ISSUED_FROM, ISSUED_UNTIL = "issued_from", "issued_until"


def of_status(status: str) -> Q:
    """The invoices in a state. Where it is rare, an index of the rare ones answers."""
    return Q(status=Word(status))


STATUS = choice_filter("Status", "status", InvoiceStatus.choices, of_status)
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "JPY", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "CAD", "AUD")
CURRENCY = choice_filter(
    "Currency, among the newest 20,000", "currency", [(code, code) for code in CURRENCIES],
    lambda value: among_newest(Invoice) & Q(currency=value),
)  # fmt: skip
FILTERS = (
    STATUS, CURRENCY, day_filter("Issued from", ISSUED_FROM, "issued_at", "from"),
    day_filter("Issued until", ISSUED_UNTIL, "issued_at", "until"),
)  # fmt: skip


def search_condition(tenant_id: UUID, term: str) -> Q:
    """What a text may mean; each meaning has an index."""
    subject = subject_named(term)
    if subject is not None:
        return Q(customer_id=subject.id) if subject.type == "customer" else Q(id=subject.id)
    series, _, rest = term.upper().partition("-")
    year, _, number = rest.partition("-")
    if year.isdigit() and number.isdigit() and len(year) == 4 and len(number) <= 12:
        return Q(series=series, year=int(year), number=int(number))
    return Q(customer_id__in=customers_called(tenant_id, term))
