"""Previews and explanations over HTTP."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from billing.services.customers import CustomerDetails, preview_customer
from common.api.accepting import preferred_type
from common.api.fields import IdField, InstantField, refuse
from common.api.operation import operation
from common.api.serializers import InputSerializer
from common.prefixes import INVOICE, PRICE
from invoicing.api.items import OF_COMPOSING, OF_ITEMS, ItemInput, QuantityField
from invoicing.api.serializers import MAX_ITEMS, InvoiceInput, InvoiceOutput, ItemOutput
from invoicing.api.views import asked_items
from invoicing.explanations import explanation, explanation_text
from invoicing.requests import InvoiceRequest
from invoicing.selectors import get_invoice
from invoicing.services.explaining import explain_invoice
from invoicing.services.previewing import preview_invoice
from tenants.api.view import Answer, Call, TenantView, finish, path_id
from tenants.scope import tenant_scope

TEXT: Final = "text/plain"

LAST_YEAR: Final = 9000


class UsageInput(InputSerializer):
    """Usage of a price as it may be by then. One that charges for each transaction stands among the items instead."""

    price_id = IdField(PRICE)
    quantity = QuantityField()


class PreviewInput(InvoiceInput):
    """As for a new invoice. `usage` adds a line for each price; `at` is when it would be issued, now by default.

    Nothing is issued, so that adjustments may be negative with and without `draft`.
    """

    items = ItemInput(many=True, max_length=MAX_ITEMS, required=False)  # type: ignore[call-arg]
    usage = UsageInput(many=True, max_length=MAX_ITEMS, required=False)  # type: ignore[call-arg]
    at = InstantField(required=False)

    def check_items(self, attrs: dict[str, Any]) -> None:
        """Something is computed; and as somebody looks at a preview, it may take off."""
        if not attrs.get("items") and not attrs.get("usage"):
            raise serializers.ValidationError({"items": refuse("required", "Give items or usage.").detail})
        if len(attrs.get("items", ())) + len(attrs.get("usage", ())) > MAX_ITEMS:
            text = f"At most {MAX_ITEMS} items and usages together."
            raise serializers.ValidationError({"usage": refuse("too_long", text).detail})
        if "at" in attrs and attrs["at"].year >= LAST_YEAR:
            text = f"Before the year {LAST_YEAR}: the calendar must have room for the due date."
            raise serializers.ValidationError({"at": refuse("too_large", text).detail})


class StepOutput(serializers.Serializer[Any]):
    """One application of a rule. `exact` is a decimal or a ratio; `rounded` is in whole minor units."""

    rule = serializers.CharField()
    inputs = serializers.DictField()
    formula = serializers.CharField()
    exact = serializers.CharField()
    rounded = serializers.IntegerField(allow_null=True)
    shares = serializers.DictField(child=serializers.IntegerField(), required=False)


class LineStepsOutput(serializers.Serializer[Any]):
    """How the amount of a line came about."""

    item_id = serializers.CharField(allow_null=True)
    position = serializers.IntegerField()
    description = serializers.CharField()
    steps = StepOutput(many=True)


class TotalsOutput(serializers.Serializer[Any]):
    """The amounts of the document, in minor units."""

    subtotal = serializers.IntegerField()
    discount = serializers.IntegerField()
    tax = serializers.IntegerField()
    total = serializers.IntegerField()


class ExplanationOutput(serializers.Serializer[Any]):
    """How an invoice was computed. `derivation` is the whole of it, which anybody can compute again; `digest` is the
    SHA-256 of its canonical JSON."""

    invoice_id = serializers.CharField(allow_null=True)
    engine_version = serializers.IntegerField()
    lines = LineStepsOutput(many=True)
    discounts = StepOutput(many=True)
    taxes = StepOutput(many=True)
    totals = TotalsOutput()
    digest = serializers.CharField()
    derivation = serializers.DictField()


class PreviewItemOutput(ItemOutput):
    """A line that has no id yet."""

    id = serializers.CharField(allow_null=True)


class PreviewOutput(InvoiceOutput):
    """An invoice that was not issued: it and its items have no ids, and a customer who does not exist has none."""

    id = serializers.CharField(allow_null=True)
    customer_id = serializers.CharField(allow_null=True)
    items = PreviewItemOutput(many=True)
    explanation = ExplanationOutput()


class PreviewView(TenantView):
    """`/api/invoices/preview`."""

    @operation(
        "invoices:read",
        "Preview an invoice",
        answers={200: PreviewOutput},
        keyed=False,
        body=PreviewInput,
        refusals={
            404: ["not_found"],
            409: ["customer_erased"],
            422: ["customer_mismatch", *OF_ITEMS, *OF_COMPOSING],
        },
        description=(
            "Exactly what `POST /api/invoices` would issue at this moment, with its explanation. Nothing is written, "
            "and an unknown `userId` creates no customer."
        ),
    )
    def post(self, call: Call) -> Answer:
        """Compute and forget."""
        data = dict(call.data)
        details = data.pop("customer", None)
        at = data.pop("at", call.at)
        customer, known = preview_customer(
            tenant_id=call.tenant_id, external_id=data.pop("user_id", None), customer_id=data.pop("customer_id", None),
            details=CustomerDetails(**details) if details else None, at=at,
        )  # fmt: skip
        data.pop("draft", None)
        usage = [{**one, "place": f"usage[{index}]"} for index, one in enumerate(data.pop("usage", []))]
        items = asked_items([*data.get("items", []), *usage])
        body = preview_invoice(
            customer=customer, known=known, settings=call.settings, request=InvoiceRequest(**{**data, "items": items}),
            at=at, application_id=call.caller.application_id,
        )  # fmt: skip
        return Answer(200, body)


class ExplainView(TenantView):
    """`/api/invoices/{id}/explain`."""

    @operation(
        "invoices:read",
        "Explain an invoice",
        answers={200: ExplanationOutput},
        other_types=[TEXT],
        refusals={422: ["currency_mismatch", "amount_too_large", "negative_total"]},
        description=(
            "How each amount came about: inputs, formula, exact and rounded result of each step. As `Accept` prefers "
            "it: JSON, or `text/plain` to be sent to a customer. Of a draft it is what finalising it now would give."
        ),
    )
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002 - the path's name for it
        """As JSON."""
        return Answer(200, explanation(self._explained(call, id)))

    def answer(self, request: Request) -> HttpResponse:
        """In one transaction, whatever the form."""
        call = self.new_call(request)
        with tenant_scope(call.context):
            self.validate(call)
            if preferred_type(call.request.META.get("HTTP_ACCEPT", ""), [TEXT]) == TEXT:
                text = explanation_text(self._explained(call, self.kwargs["id"]))
                return HttpResponse(text, content_type=f"{TEXT}; charset=utf-8")
            return finish(self.get(call, **self.kwargs))

    def _explained(self, call: Call, id: str) -> Any:  # noqa: A002
        invoice = get_invoice(tenant_id=call.tenant_id, invoice_id=path_id(INVOICE, id))
        return explain_invoice(invoice, settings=call.settings, at=call.at)
