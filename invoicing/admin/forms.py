"""Forms of invoices: a draft with its lines, a payment by hand, metadata."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils import timezone

from billing.enums import MONEY, PaymentMethodKind
from billing.models import Customer
from common.api.fields import EmailField, TextField
from common.clock import start_of_day
from invoicing.admin.catalogue import CouponCodesField, codes_out, prices_named, prices_offered, products_offered
from invoicing.admin.lines import EDITED_HERE, LineForm, rows_out, stored_lines
from invoicing.models import Invoice, InvoiceItem
from invoicing.requests import InvoiceRequest
from invoicing.selectors import items_of
from tenants.backoffice.api import Access, BackofficeForm
from tenants.backoffice.display import money_text
from tenants.backoffice.fields import (
    AmountField,
    CheckedField,
    DayField,
    DayTimeField,
    MetadataField,
    amount_in,
    amount_out,
    currency_choices,
    local,
)
from tenants.backoffice.references import subject_named
from tenants.clocks import business_now

_ITEM = re.compile(r"items\[(\d+)\](?:\.(\w+))?")
_COUPON = re.compile(r"coupons\[\d+\].*")
# What the services call it, and where it stands in a row.
_FIELD_OF_ROW = {
    "priceId": "price", "productId": "product", "unitPrice": "unit_price", "description": "description",
    "quantity": "quantity", "transactions": "quantity", "usage": "quantity",
}  # fmt: skip


class DraftForm(BackofficeForm):
    """What a draft says. `cleaned_data` has its `items` and `coupons` as the services take them."""

    sections: Sequence[tuple[str, Sequence[str]]] = (
        ("", ("currency", "due_date", "coupons", "skip_tax")),
        ("On the document", ("notes",)),
    )
    row_form = LineForm
    rows_help = (
        "A line names a price of the catalogue and a quantity (of a price per transaction the amounts: 900.00; 40.00), "
        "or has a unit price of its own. A negative unit price takes off."
    )
    rows_required = False
    rows_max = EDITED_HERE

    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    currency = forms.ChoiceField(choices=currency_choices)
    due_date = DayField(required=False, help_text="Empty: the issue date plus the terms of payment.")
    coupons = CouponCodesField(help_text="Codes, between commas. Each counts once on an invoice.")
    skip_tax = forms.BooleanField(required=False, label="Without tax")
    notes = CheckedField(
        TextField(max_length=5000, multiline=True), max_length=5000, required=False,
        widget=forms.Textarea(attrs={"rows": 3}), help_text="Stands on the document, below the totals.",
    )  # fmt: skip

    def prepare(self, access: Access, row: Invoice | None) -> None:
        """Offer the products in each row; called before the form is shown or read."""
        self.access = access
        items = items_of(row) if row is not None else []
        self.stored = stored_lines(items)
        # What stands on the draft is the same coupon whatever becomes of its code.
        self.coupon_ids = {one["code"].upper(): one["couponId"] for one in row.coupons} if row is not None else {}
        self.rows.form_kwargs = {
            "products": products_offered(access.tenant_id, items), "prices": prices_offered(access.tenant_id, items),
        }  # fmt: skip

    def is_valid(self) -> bool:
        """The lines in the currency of the draft, the due day as an instant."""
        if not super().is_valid():
            return False
        data = self.cleaned_data
        self.kept = self._kept()
        items = [row.asked(data["currency"], self.stored) for row in self.kept]
        if None in items:
            return False
        data["items"] = items
        data["coupons"] = [self.coupon_ids.get(code.upper(), code) for code in data["coupons"]]
        if isinstance(data["due_date"], dt.date):
            data["due_date"] = start_of_day(data["due_date"], self.access.settings.time_zone)
        return True

    def show_problem(self, path: str, message: str) -> bool:
        """Problems of lines stand in their rows, those of coupons at their field."""
        item = _ITEM.fullmatch(path)
        if item is not None and int(item[1]) < len(self.kept):
            self.kept[int(item[1])].add_error(_FIELD_OF_ROW.get(item[2]), message)
            return True
        return super().show_problem("coupons" if _COUPON.fullmatch(path) else path, message)

    def _kept(self) -> list[Any]:
        return [
            row for row in self.rows.forms
            if (row.has_changed() or row.initial) and not row.cleaned_data.get("DELETE")
        ]  # fmt: skip


class NewDraftForm(DraftForm):
    """A new draft also says whom it is for."""

    sections = (("", ("customer", *DraftForm.sections[0][1])), *DraftForm.sections[1:])
    rows_required = True

    customer = forms.CharField(
        max_length=255, help_text="An id (cst_…), your own id, or an e-mail address that only one customer has."
    )

    def clean_customer(self) -> Customer:
        """The customer that is meant."""
        text = self.cleaned_data["customer"].strip()
        mine = Customer.objects.filter(tenant_id=self.access.tenant_id, erased_at__isnull=True)
        subject = subject_named(text)
        if subject is not None:
            found = list(mine.filter(id=subject.id))
        else:
            found = list(mine.filter(external_id=text)) or list(mine.filter(email__in={text, text.lower()})[:2])
        if not found:
            raise forms.ValidationError("There is no such customer.")
        if len(found) > 1:
            raise forms.ValidationError("Several customers have this e-mail address. Use an id.")
        return found[0]


class PaymentForm(BackofficeForm):
    """Money that came in outside of Ledger."""

    method = forms.ChoiceField(choices=[(kind.value, kind.label.capitalize()) for kind in MONEY])
    amount = AmountField()
    reference = CheckedField(
        TextField(max_length=255), max_length=255, required=False, help_text="Such as the number on a bank statement."
    )
    paid_at = DayTimeField(label="Paid", help_text="When the money moved, in the tenant's time zone.")

    def prepare(self, access: Access, row: Invoice) -> None:
        """What may be paid, and what time it is."""
        self.invoice = row
        self.now = business_now(access.tenant_id)
        self.fields["amount"].help_text = f"{money_text(row.amount_due, row.currency)} is due."

    def clean_amount(self) -> int:
        """In minor units, at least one, at most what is due."""
        amount = amount_in(self.cleaned_data["amount"], self.invoice.currency)
        if not amount:
            raise forms.ValidationError("Nothing was paid.")
        if amount > self.invoice.amount_due:
            due = money_text(self.invoice.amount_due, self.invoice.currency)
            raise forms.ValidationError(f"At most {due} is due.")
        return amount

    def clean_paid_at(self) -> dt.datetime:
        """Nobody has paid tomorrow. The form shows minutes, so this one counts."""
        paid_at: dt.datetime = self.cleaned_data["paid_at"]
        if paid_at > self.now + dt.timedelta(minutes=1):
            raise forms.ValidationError("May not be in the future.")
        return min(paid_at, self.now)


class SendForm(BackofficeForm):
    """To whom an invoice is mailed."""

    email = CheckedField(EmailField(), max_length=254, label="E-mail address")


class MetadataForm(BackofficeForm):
    """What programs wrote down. It may change at any time."""

    metadata = MetadataField()


def draft_request(data: Mapping[str, Any]) -> InvoiceRequest:
    """What `create_invoice` takes."""
    return InvoiceRequest(**draft_changes(data))


def draft_changes(data: Mapping[str, Any]) -> dict[str, Any]:
    """What `update_invoice` takes."""
    return {name: data[name] for name in ("items", "coupons", "currency", "notes", "due_date", "skip_tax")}


def draft_values(row: Invoice, items: Sequence[InvoiceItem]) -> dict[str, Any]:
    """A stored draft as the form shows it."""
    return {
        "seen": row.updated_at.isoformat(), "currency": row.currency, "skip_tax": row.skip_tax,
        "due_date": timezone.localtime(row.due_date).date() if row.due_date else None, "notes": row.buyer.notes,
        "coupons": codes_out(row.coupons),
        "rows": rows_out(items, row.currency, prices_named(row.tenant_id, items)),
    }  # fmt: skip


def payment_values(row: Invoice, access: Access) -> dict[str, Any]:
    """All that is due, now."""
    return {
        "amount": amount_out(row.amount_due, row.currency), "paid_at": local(business_now(access.tenant_id)),
        "method": PaymentMethodKind.BANK_TRANSFER,
    }  # fmt: skip
