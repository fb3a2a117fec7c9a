"""The page of customers, with everything that happened to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing.admin.customer_taxes import exemption_of, tax_numbers_of
from billing.admin.forms import (
    CustomerForm,
    NewCustomerForm,
    customer_arguments,
    customer_changes,
    customer_values,
)
from billing.admin.payments import payments_panel
from billing.admin.vat import checks_panel, has_number
from billing.models import Customer
from billing.services.customers import create_customer, delete_customer, update_customer
from billing.services.vat_checks import Outcome as VerificationOutcome
from billing.services.vat_checks import request_verification
from common.prefixes import CUSTOMER
from tenants.backoffice import display
from tenants.backoffice.access import access_of
from tenants.backoffice.api import BackofficeAdmin, Panel, Press, action_button, backoffice_page, column
from tenants.backoffice.buttons import Outcome
from tenants.backoffice.fields import country_choices
from tenants.backoffice.filters import among_newest
from tenants.backoffice.references import subject_named
from tenants.backoffice.subjects import Subject
from tenants.backoffice.timelines import panels_of, timeline_of

MANY = 200
ERASED = "Erased"
_COUNTRIES = dict(country_choices())
_BREAK = SafeString("<br>")


def is_kept(row: Customer) -> bool:
    """Whether the customer may still change."""
    return row.erased_at is None


@backoffice_page(Customer)
class CustomerPage(BackofficeAdmin):
    """Whom the tenant bills."""

    area = "customers"
    nav_group = "Billing"
    nav_icon = "groups"
    nav_order = 20
    show_audit = False
    optional = ("named", "email_address", "language", "postal", "vat", "numbers", "pairs")
    sortable_by = ()
    list_display = ("who", "named", "money", "country", "since", "state")
    search_fields = ("id",)
    search_help_text = "Id, your id, e-mail address, or name"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "named", "state", "own_id", "email_address", "money", "language", "postal", "vat", "numbers",
                    "exempt", "since", "pairs",
                )
            },
        ),
    )  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By id, external id, e-mail address, name."""
        term = search_term.strip()
        if not term:
            return queryset, False
        subject = subject_named(term)
        if subject is not None:
            return queryset.filter(id=subject.id), False
        return queryset.filter(id__in=customers_called(access_of(request).tenant_id, term)), False

    def panels(self, request: HttpRequest, row: Customer) -> Sequence[Panel]:
        """Invoices, payments, checks of the VAT number, and the history of all of it."""
        access = access_of(request)
        subject = Subject("customer", row.id)
        return [
            *panels_of(access, subject), *payments_panel(access, subject), *checks_panel(access, row),
            timeline_of(access, subject),
        ]  # fmt: skip

    @action_button("New customer", "customers:write", on="list", fields=NewCustomerForm, tone="primary", icon="add")
    def create(self, press: Press) -> Outcome:
        """`create_customer`."""
        made = create_customer(
            tenant_id=press.tenant_id, at=press.at, trace_id=press.context.trace_id, **customer_arguments(press.data)
        )
        return f"{made} has been created."

    def values(self, request: HttpRequest, row: Customer) -> Mapping[str, Any]:
        """What the form of changes begins with."""
        return customer_values(row)

    @action_button(
        "Edit", "customers:write", fields=CustomerForm, initial=values, shown=is_kept, icon="edit", versioned=True,
        help="Invoices that are final keep the name and address they were issued with.",
    )  # fmt: skip
    def edit(self, press: Press) -> Outcome:
        """`update_customer`."""
        changes = customer_changes(press.object, press.data)
        update_customer(tenant_id=press.tenant_id, customer_id=press.object.id, at=press.at, changes=changes)
        return "The customer has been changed."

    @action_button(
        "Check VAT number", "customers:write", shown=has_number, icon="verified",
        help="By its check digits at once, and by VIES as soon as it answers. The result appears below.",
    )  # fmt: skip
    def check_vat(self, press: Press) -> Outcome:
        """`request_verification`."""
        judged = request_verification(
            tenant_id=press.tenant_id, customer_id=press.object.id, at=press.at, trace_id=press.context.trace_id
        )
        if judged is VerificationOutcome.INVALID:
            return "The number is invalid: its format or its check digits are wrong."
        if judged is not None:
            return "The number is not one of the European Union, so that VIES does not know it."
        return "The number will be checked with VIES within a minute, where VIES can be reached."

    @action_button(
        "Delete", "customers:write", reason="required", tone="danger", icon="delete", shown=is_kept,
        confirm="The customer is removed. Whoever has invoices or payments is kept.",
    )  # fmt: skip
    def remove(self, press: Press) -> Outcome:
        """`delete_customer`."""
        delete_customer(tenant_id=press.tenant_id, customer_id=press.object.id)
        return HttpResponseRedirect(self.list_path())

    @column("Customer")
    def who(self, row: Customer) -> Any:
        """Name over e-mail address."""
        if row.erased_at is not None:
            return format_html('<span class="bo-subtle">{}</span>', ERASED)
        if row.name or row.email:
            return display.person(row.name, row.email)
        return row.external_id or display.type_id(CUSTOMER, row.id)

    @column("Your id")
    def named(self, row: Customer) -> Any:
        """As services know it."""
        return display.code(row.external_id) if row.external_id else display.EMPTY

    @column("Id")
    def own_id(self, row: Customer) -> Any:
        """As the API shows it."""
        return display.type_id(CUSTOMER, row.id)

    @column("Currency")
    def money(self, row: Customer) -> Any:
        """Of new invoices."""
        return row.currency or display.EMPTY

    @column("Language")
    def language(self, row: Customer) -> Any:
        """Of documents."""
        return row.locale or display.EMPTY

    @column("Country")
    def country(self, row: Customer) -> Any:
        """Of the address."""
        code = (row.address or {}).get("country")
        return _COUNTRIES.get(code, code) if code else display.EMPTY

    @column("Since")
    def since(self, row: Customer) -> Any:
        """When it was made."""
        return display.instant(row.created_at)

    @column("State")
    def state(self, row: Customer) -> Any:
        """Whether its personal data are gone."""
        if row.erased_at is not None:
            return format_html("{} {}", display.badge("erased", tone="warning"), display.instant(row.erased_at))
        return display.badge("active")

    @column("E-mail")
    def email_address(self, row: Customer) -> Any:
        """Where invoices go."""
        return row.email or display.EMPTY

    @column("Address")
    def postal(self, row: Customer) -> Any:
        """Line by line."""
        return postal_lines(row.address)

    @column("VAT number")
    def vat(self, row: Customer) -> Any:
        """With what is known about it."""
        if not row.vat_id:
            return display.EMPTY
        return format_html("{} {}", row.vat_id, display.badge(row.vat_status))

    @column("Other tax numbers")
    def numbers(self, row: Customer) -> Any:
        """Beside the European one."""
        return tax_numbers_of(row)

    @column("Exempt from tax")
    def exempt(self, row: Customer) -> Any:
        """From all of it, or by a certificate."""
        return exemption_of(row)

    @column("Metadata")
    def pairs(self, row: Customer) -> Any:
        """What programs wrote down."""
        return pairs_of(row.metadata)


def customers_called(tenant_id: Any, term: str) -> list[Any]:
    """Ids of the customers that a text may mean: exactly by external id and e-mail address, roughly by name."""
    mine = Customer.objects.filter(tenant_id=tenant_id)
    roughly = mine.filter(among_newest(Customer), name__icontains=term).order_by("-id")
    exactly = mine.filter(Q(external_id=term) | Q(email__in={term, term.lower()}))
    found = exactly.values_list("id", flat=True)[:MANY].union(roughly.values_list("id", flat=True)[:MANY])
    return list(found)


def postal_lines(address: Mapping[str, Any] | None) -> Any:
    """An address as people write it."""
    if not address:
        return display.EMPTY
    place = " ".join(part for part in (address.get("postalCode"), address.get("city")) if part)
    country = address.get("country") or ""
    lines = [address.get("line1"), address.get("line2"), place, address.get("region"), _COUNTRIES.get(country, country)]
    return format_html_join(_BREAK, "{}", ((line,) for line in lines if line))


def pairs_of(metadata: Mapping[str, str]) -> Any:
    """Metadata, one pair to a line."""
    if not metadata:
        return display.EMPTY
    return format_html_join(_BREAK, "{} = {}", ((display.code(key), text) for key, text in metadata.items()))
