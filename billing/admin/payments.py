"""The page of payments. Nothing can be changed here: money is recorded at the invoice that it pays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from billing.enums import PaymentMethodKind, PaymentStatus
from billing.models import Payment
from common.prefixes import PAYMENT
from tenants.backoffice import display
from tenants.backoffice.access import Access, access_of
from tenants.backoffice.api import BackofficeAdmin, Panel, Table, backoffice_page, column
from tenants.backoffice.filters import among_newest, choice_filter
from tenants.backoffice.references import link_to, path_of, subject_named
from tenants.backoffice.subjects import Subject
from tenants.backoffice.timelines import panels_of

SHOWN = 20


STATUS = choice_filter(
    "Status, among the newest 20,000", "status", PaymentStatus.choices,
    lambda value: among_newest(Payment) & Q(status=value),
)  # fmt: skip
METHOD = choice_filter(
    "Method, among the newest 20,000", "method", PaymentMethodKind.choices,
    lambda value: among_newest(Payment) & Q(method=value),
)  # fmt: skip


@backoffice_page(Payment)
class PaymentPage(BackofficeAdmin):
    """Money that came in."""

    area = "payments"
    nav_group = "Billing"
    nav_icon = "payments"
    nav_order = 40
    sortable_by = ()
    optional = ("note", "failure")
    list_display = ("how_much", "payer", "state", "how", "note", "moved")
    list_filter = (STATUS, METHOD)
    list_filter_submit = True
    list_select_related = ("customer",)
    search_fields = ("id",)
    search_help_text = "Id of a payment or customer, or reference"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "how_much", "own_id", "payer", "state", "returned",
                    "how", "through", "note", "failure", "moved",
                    "recorded",
                )
            },
        ),
    )  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By id, customer, reference."""
        term = search_term.strip()
        if not term:
            return queryset, False
        subject = subject_named(term)
        if subject is None:
            return queryset.filter(among_newest(Payment), reference__icontains=term), False
        if subject.type == "customer":
            return queryset.filter(customer_id=subject.id), False
        return queryset.filter(id=subject.id), False

    def name_of(self, row: Payment) -> str:
        """How much."""
        return display.money_text(row.amount, row.currency)

    def panels(self, request: HttpRequest, row: Payment) -> Sequence[Panel]:
        """The invoices it pays, which invoicing knows."""
        return panels_of(access_of(request), Subject("payment", row.id))

    @column("Amount")
    def how_much(self, row: Payment) -> Any:
        """As money."""
        return display.money(row.amount, row.currency)

    @column("Id")
    def own_id(self, row: Payment) -> Any:
        """As the API shows it."""
        return display.type_id(PAYMENT, row.id)

    @column("Customer")
    def payer(self, row: Payment) -> Any:
        """Who paid."""
        return link_to(Subject("customer", row.customer_id), str(row.customer))

    @column("Status")
    def state(self, row: Payment) -> Any:
        """As a badge."""
        return display.badge(row.status, "Unknown" if row.outcome_unknown else None)

    @column("Refunded")
    def returned(self, row: Payment) -> Any:
        """How much went back."""
        return display.money(row.amount_refunded, row.currency)

    @column("Method")
    def how(self, row: Payment) -> Any:
        """How the money came."""
        return PaymentMethodKind(row.method).label.capitalize()

    @column("Provider")
    def through(self, row: Payment) -> Any:
        """Through whom."""
        return f"{row.provider} {row.provider_ref or ''}".strip()

    @column("Reference")
    def note(self, row: Payment) -> Any:
        """Such as the number on a bank statement."""
        return row.reference or display.EMPTY

    @column("Failure")
    def failure(self, row: Payment) -> Any:
        """Why it failed."""
        return " ".join(part for part in (row.failure_code, row.failure_message) if part) or display.EMPTY

    @column("Paid")
    def moved(self, row: Payment) -> Any:
        """When the money moved."""
        return display.instant(row.paid_at)

    @column("Recorded")
    def recorded(self, row: Payment) -> Any:
        """When it was written down."""
        return display.instant(row.created_at)


def payments_of(access: Access, subject: Subject) -> list[Subject]:
    """The newest payments of a customer, for the timeline."""
    if not access.may("payments:read"):
        return []
    rows = Payment.objects.filter(tenant_id=access.tenant_id, customer_id=subject.id).order_by("-id")
    return [Subject("payment", one) for one in rows.values_list("id", flat=True)[:SHOWN]]


def payments_panel(access: Access, subject: Subject) -> list[Panel]:
    """The newest payments of a customer as a table."""
    if not access.may("payments:read"):
        return []
    rows = Payment.objects.filter(tenant_id=access.tenant_id, customer_id=subject.id).order_by("-id")[:SHOWN]
    lines = [
        (
            display.link(path_of(Subject("payment", row.id)), display.instant(row.paid_at or row.created_at)),
            display.badge(row.status), PaymentMethodKind(row.method).label.capitalize(), row.reference or display.EMPTY,
            display.money(row.amount, row.currency),
        )
        for row in rows
    ]  # fmt: skip
    return [Table("Payments", ("Paid", "Status", "Method", "Reference", "Amount"), lines, numeric=(4,))]
