"""Views of invoices: authorise, validate, call, answer."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings as django_settings
from django.db import IntegrityError
from django.http import HttpResponse

from billing.services.customers import CustomerDetails, resolve_customer
from common.api.filters import CREATED_AT, choice_filter, currency_filter, id_filter, instant_filter, text_filter
from common.api.operation import operation
from common.api.reasons import ReasonInput
from common.api.rendering import body_response
from common.clock import SystemClock
from common.errors import DomainError
from common.ids import encode_id
from common.prefixes import CUSTOMER, INVOICE, PAYMENT, SUBSCRIPTION
from invoicing.api.items import OF_COMPOSING, OF_ITEMS
from invoicing.api.quick import plain_request
from invoicing.api.serializers import (
    InvoiceChange,
    InvoiceInput,
    InvoiceOutput,
    InvoiceResult,
    InvoiceStatusOutput,
    ItemOutput,
    MarkPaidInput,
    OptionalReasonInput,
    PaidInvoiceResult,
)
from invoicing.enums import InvoiceStatus, ItemType
from invoicing.models import Invoice, InvoiceItem
from invoicing.representations import item_body
from invoicing.requests import InvoiceRequest, ItemRequest
from invoicing.selectors import body_of, get_invoice, invoices, item_from
from invoicing.services.drafts import delete_draft, update_invoice
from invoicing.services.issuing import create_invoice, finalise_invoice
from invoicing.services.one_statement import issue_in_one_statement
from invoicing.services.settling import mark_paid, mark_uncollectible, void_invoice
from tenants.api.hot import HotView
from tenants.api.view import Answer, Call, TenantView, guard_of, path_id

FILTERS = (
    choice_filter("status", InvoiceStatus.values),
    id_filter("customerId", CUSTOMER),
    text_filter("userId", "buyer__user_id"),
    text_filter("number", "invoice_number", max_length=32),
    id_filter("subscriptionId", SUBSCRIPTION),
    currency_filter(),
    CREATED_AT,
    instant_filter("dueDate", date_allowed=True),
    instant_filter("issuedAt"),
)


def asked_items(items: list[dict[str, Any]]) -> list[ItemRequest]:
    """Validated items as the domain takes them."""
    return [ItemRequest(**{**item, "type": ItemType(item.get("type", ItemType.ONE_TIME))}) for item in items]


def result(invoice: Invoice, **more: Any) -> dict[str, Any]:
    """The answer of a mutation."""
    return {"success": True, **more, **body_of(invoice)}


class InvoicesView(HotView):
    """`/api/invoices`. A plain invoice for a known customer is issued in one statement."""

    @operation("invoices:read", "List invoices", answers={200: InvoiceOutput}, filters=FILTERS, paged=True)
    def get(self, call: Call) -> Answer:
        """Newest first, without items."""
        rows = invoices(tenant_id=call.tenant_id, condition=call.filters())
        return call.listing(rows, lambda invoice: body_of(invoice, listed=True))

    def quick(self, call: Call, key: str | None) -> HttpResponse | None:
        """The answer of the one statement, or None where the ordinary way is needed."""
        plain = plain_request(call.body)
        if plain is None:
            return None
        who, asked = plain
        guard = guard_of(call, key) if key is not None else None
        try:
            issued = issue_in_one_statement(
                context=call.context, caller=call.caller, who=who, request=asked, at=call.at, guard=guard,
                key_expires_at=SystemClock().now() + dt.timedelta(hours=django_settings.IDEMPOTENCY_KEY_HOURS),
            )  # fmt: skip
        except (IntegrityError, DomainError):
            # A used key, a product that does not exist, an amount too large: the ordinary way says which comes first.
            return None
        if issued is None:
            return None
        return body_response(201, issued.body, headers={"Location": issued.location})

    @operation(
        "invoices:write",
        "Create an invoice",
        answers={201: InvoiceResult},
        body=InvoiceInput,
        refusals={
            404: ["not_found"],
            409: ["customer_erased"],
            422: ["customer_mismatch", *OF_ITEMS, *OF_COMPOSING],
        },
        description=(
            "Issued at once with the next number, unless `draft` is true. Then credit that the customer has in this "
            "currency pays for it: see `amountPaid`, `amountDue` and `status` of the answer."
        ),
    )
    def post(self, call: Call) -> Answer:
        """The ordinary way."""
        data = call.data
        details = data.pop("customer", None)
        customer = resolve_customer(
            tenant_id=call.tenant_id, at=call.at, trace_id=call.context.trace_id,
            external_id=data.pop("user_id", None), customer_id=data.pop("customer_id", None),
            details=CustomerDetails(**details) if details else None,
        )  # fmt: skip
        draft = data.pop("draft", False)
        request = InvoiceRequest(**{**data, "items": asked_items(data["items"])})
        invoice = create_invoice(
            tenant_id=call.tenant_id, customer=customer, settings=call.settings, request=request, at=call.at,
            draft=draft, trace_id=call.context.trace_id, application_id=call.caller.application_id,
        )  # fmt: skip
        return Answer(201, result(invoice), location=f"/api/invoices/{encode_id(INVOICE, invoice.id)}")


class InvoiceView(TenantView):
    """`/api/invoices/{id}`."""

    @operation("invoices:read", "Get an invoice", answers={200: InvoiceOutput})
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002 - the path's name for it
        """One invoice with items."""
        return Answer(200, body_of(get_invoice(tenant_id=call.tenant_id, invoice_id=path_id(INVOICE, id))))

    @operation(
        "invoices:write",
        "Update an invoice",
        answers={200: InvoiceOutput},
        body=InvoiceChange,
        partial=True,
        refusals={404: ["not_found"], 409: ["invoice_not_draft"], 422: [*OF_ITEMS, *OF_COMPOSING]},
    )
    def patch(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Change a draft, or the metadata of any invoice."""
        changes = dict(call.data)
        if "items" in changes:
            changes["items"] = asked_items(changes["items"] or [])
        invoice = update_invoice(
            tenant_id=call.tenant_id,
            invoice_id=path_id(INVOICE, id),
            changes=changes,
            settings=call.settings,
            at=call.at,
            application_id=call.caller.application_id,
        )
        return Answer(200, body_of(invoice))

    @operation("invoices:write", "Delete a draft", answers={204: None}, refusals={409: ["invoice_not_draft"]})
    def delete(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Delete a draft."""
        delete_draft(tenant_id=call.tenant_id, invoice_id=path_id(INVOICE, id))
        return Answer(204)


class InvoiceItemsView(TenantView):
    """`/api/invoices/{id}/items`."""

    @operation("invoices:read", "List the items of an invoice", answers={200: ItemOutput}, paged=True)
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """In the order of the document."""
        invoice = get_invoice(tenant_id=call.tenant_id, invoice_id=path_id(INVOICE, id))
        rows = InvoiceItem.objects.filter(tenant_id=call.tenant_id, invoice_id=invoice.id)
        # Item ids rise in the order of the document: they are made in that order.
        return call.listing(rows, lambda row: item_body(item_from(row)), ascending=True)


class InvoiceStatusView(TenantView):
    """`/api/invoices/{id}/status`."""

    @operation("invoices:read", "Get the status of an invoice", answers={200: InvoiceStatusOutput})
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """What a sibling service polls."""
        body = body_of(get_invoice(tenant_id=call.tenant_id, invoice_id=path_id(INVOICE, id)), listed=True)
        return Answer(200, {name: body[name] for name in ("id", "status", "total", "currency", "paidAt")})


class FinaliseView(TenantView):
    """`/api/invoices/{id}/finalise`."""

    @operation(
        "invoices:write",
        "Finalise an invoice",
        answers={200: InvoiceResult},
        refusals={409: ["invoice_not_draft"], 422: ["invoice_empty", *OF_COMPOSING]},
        description="It gets its number, and the customer's credit pays for it.",
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Give a draft its number."""
        invoice = finalise_invoice(
            tenant_id=call.tenant_id, invoice_id=path_id(INVOICE, id), settings=call.settings, at=call.at,
            trace_id=call.context.trace_id,
        )  # fmt: skip
        return Answer(200, result(invoice))


class FinalizeView(FinaliseView):
    """`/api/invoices/{id}/finalize`, the same in another spelling."""

    @operation(
        "invoices:write",
        "Finalize an invoice",
        answers={200: InvoiceResult},
        refusals={409: ["invoice_not_draft"], 422: ["invoice_empty", *OF_COMPOSING]},
        description="It gets its number, and the customer's credit pays for it.",
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """As `finalise`."""
        return super().post(call, id)


class MarkPaidView(TenantView):
    """`/api/invoices/{id}/mark-paid`."""

    @operation(
        "invoices:write",
        "Mark an invoice paid",
        answers={200: PaidInvoiceResult},
        body=MarkPaidInput,
        refusals={409: ["invoice_already_paid", "invoice_not_payable"], 422: ["over_payment"]},
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Record a payment by hand."""
        paid_at = call.data.get("paid_at", call.at)
        invoice, payment = mark_paid(
            tenant_id=call.tenant_id, invoice_id=path_id(INVOICE, id), method=call.data.get("method", "manual"),
            reference=call.data.get("reference"), paid_at=paid_at, amount=call.data.get("amount"), at=call.at,
            trace_id=call.context.trace_id,
        )  # fmt: skip
        return Answer(200, result(invoice, paymentId=encode_id(PAYMENT, payment.id)))


class VoidView(TenantView):
    """`/api/invoices/{id}/void`."""

    @operation(
        "invoices:write",
        "Void an invoice",
        answers={200: InvoiceResult},
        body=ReasonInput,
        description="Credit that was used on it goes back to the customer. Money must be refunded instead.",
        refusals={
            409: ["invoice_already_paid", "invoice_already_void", "invoice_not_finalised"],
            422: ["account_suspended"],
        },
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Declare it void; it keeps its number."""
        invoice = void_invoice(
            tenant_id=call.tenant_id, invoice_id=path_id(INVOICE, id), reason=call.data.get("reason", "cancelled"),
            at=call.at, trace_id=call.context.trace_id,
        )  # fmt: skip
        return Answer(200, result(invoice))


class CancelView(VoidView):
    """`/api/invoices/{id}/cancel`, the old name of void; the reason may be left out."""

    @operation(
        "invoices:write",
        "Cancel an invoice",
        answers={200: InvoiceResult},
        body=OptionalReasonInput,
        refusals={
            409: ["invoice_already_paid", "invoice_already_void", "invoice_not_finalised"],
            422: ["account_suspended"],
        },
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """As void."""
        return super().post(call, id)


class MarkUncollectibleView(TenantView):
    """`/api/invoices/{id}/mark-uncollectible`."""

    @operation(
        "invoices:write",
        "Mark an invoice uncollectible",
        answers={200: InvoiceResult},
        body=ReasonInput,
        refusals={409: ["invoice_not_payable"]},
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Write it off; late money still settles it."""
        invoice = mark_uncollectible(
            tenant_id=call.tenant_id, invoice_id=path_id(INVOICE, id), reason=call.data["reason"], at=call.at,
            trace_id=call.context.trace_id,
        )  # fmt: skip
        return Answer(200, result(invoice))
