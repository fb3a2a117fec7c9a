"""The invoice, its items and its buyer."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q

from invoicing.content import Content
from invoicing.enums import EmailStatus, InvoiceStatus, ItemType
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned, Timestamped

OPEN = (InvoiceStatus.PENDING, InvoiceStatus.FAILED)
RARE = (
    InvoiceStatus.DRAFT, InvoiceStatus.FAILED, InvoiceStatus.PAST_DUE, InvoiceStatus.REFUNDED, InvoiceStatus.VOID,
    InvoiceStatus.UNCOLLECTIBLE,
)  # fmt: skip


class Invoice(TenantOwned, Timestamped):
    """A demand for payment. Amounts are minor units of `currency`.

    Everything but status, payment sums, times of payment, `email_status` and metadata is fixed at finalisation: a
    trigger refuses later changes. What names the buyer stands in `InvoiceBuyer`, so that it can be erased. After
    `erased_at` that row, the metadata and the reason of a void invoice are empty for good.
    """

    customer = models.ForeignKey("billing.Customer", on_delete=models.PROTECT, db_constraint=False, db_index=False)
    status = models.CharField(max_length=16, choices=InvoiceStatus.choices, default=InvoiceStatus.DRAFT)
    currency = models.CharField(max_length=3)
    subtotal = models.BigIntegerField(default=0)
    discount = models.BigIntegerField(default=0)
    tax = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    tax_breakdown = models.JSONField(default=list)
    coupons = models.JSONField(default=list, db_default=[])  # {couponId, code, name, amount} each, as asked for
    item_count = models.IntegerField(default=0)
    skip_tax = models.BooleanField(default=False)
    period_start = models.DateTimeField(null=True)
    period_end = models.DateTimeField(null=True)
    subscription_id = models.UUIDField(null=True)  # of an app further right, therefore opaque
    provider_id = models.UUIDField(null=True)
    due_date = models.DateTimeField(null=True)  # a draft's may be null: issue date plus terms

    # Given at finalisation.
    series = models.CharField(max_length=16, null=True)  # noqa: DJ001
    year = models.SmallIntegerField(null=True)
    number = models.BigIntegerField(null=True)
    invoice_number = models.CharField(max_length=32, null=True)  # noqa: DJ001
    issued_at = models.DateTimeField(null=True)
    settings_version = models.IntegerField(null=True)  # of the seller's `SettingsSnapshot`
    buyer_digest = models.BinaryField(max_length=32, null=True)
    content_digest = models.BinaryField(max_length=32, null=True)
    chain_hash = models.BinaryField(max_length=32, null=True)  # of predecessor's hash, content digest and number
    derivation_digest = models.BinaryField(max_length=32, null=True)  # of its `InvoiceDerivation`; null without one

    # What may change afterwards.
    amount_paid = models.BigIntegerField(default=0)
    amount_refunded = models.BigIntegerField(default=0)
    amount_credited = models.BigIntegerField(default=0)
    paid_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)
    void_reason = models.CharField(max_length=500, null=True)  # noqa: DJ001
    email_status = models.CharField(max_length=16, choices=EmailStatus.choices, default=EmailStatus.NONE)
    metadata = models.JSONField(default=dict)
    erased_at = models.DateTimeField(null=True)  # business time; only an eraser sets it, when the invoice is finished

    composed: tuple[Content, list[dict[str, Any]]] | None = None
    """What this process has just written and announced, the content and the bodies of its items, so that answering
    neither reads it back nor makes it twice. No column."""

    class Meta:
        constraints = [
            TenantIsolation(name="invoice_isolation"),
            TenantKey(name="invoice_tenant_key"),
            TenantForeignKey(field="customer", name="invoice_customer"),
            Audited(
                name="invoice_audit",
                entity="invoice",
                verbs={"pending": "finalised", "void": "voided"},
                ignored=(
                    "updated_at",
                    "settings_version",
                    "buyer_digest",
                    "content_digest",
                    "chain_hash",
                    "tax_breakdown",
                    "derivation_digest",
                ),
            ),
            models.CheckConstraint(name="invoice_status_known", condition=Q(status__in=InvoiceStatus.values)),
            models.CheckConstraint(name="invoice_email_status_known", condition=Q(email_status__in=EmailStatus.values)),
            models.CheckConstraint(
                name="invoice_issued_has_number",
                condition=Q(
                    status=InvoiceStatus.DRAFT,
                    number__isnull=True,
                    invoice_number__isnull=True,
                    series__isnull=True,
                    year__isnull=True,
                    issued_at__isnull=True,
                )
                | (
                    ~Q(status=InvoiceStatus.DRAFT)
                    & Q(
                        number__isnull=False,
                        invoice_number__isnull=False,
                        series__isnull=False,
                        year__isnull=False,
                        issued_at__isnull=False,
                        due_date__isnull=False,
                        settings_version__isnull=False,
                        buyer_digest__isnull=False,
                        content_digest__isnull=False,
                        chain_hash__isnull=False,
                    )
                ),
            ),
            models.CheckConstraint(
                name="invoice_total_adds_up", condition=Q(total=F("subtotal") - F("discount") + F("tax"))
            ),
            models.CheckConstraint(
                name="invoice_amounts_in_range",
                condition=Q(total__range=(0, 10**15), subtotal__lte=10**15, discount__gte=0),
            ),
            models.CheckConstraint(
                name="invoice_paid_within_total",
                condition=Q(
                    amount_paid__gte=0,
                    amount_refunded__gte=0,
                    amount_credited__gte=0,
                    amount_paid__lte=F("total"),
                    amount_credited__lte=F("total"),
                ),
            ),
            models.CheckConstraint(
                name="invoice_refunded_within_paid", condition=Q(amount_refunded__lte=F("amount_paid"))
            ),
            models.CheckConstraint(
                name="invoice_paid_has_time", condition=~Q(status=InvoiceStatus.PAID) | Q(paid_at__isnull=False)
            ),
            models.CheckConstraint(
                name="invoice_void_has_reason",
                condition=~Q(status=InvoiceStatus.VOID) | Q(voided_at__isnull=False, void_reason__isnull=False),
            ),
            models.CheckConstraint(
                name="invoice_erased_is_empty",
                condition=Q(erased_at__isnull=True)
                | (Q(metadata={}) & (Q(void_reason__isnull=True) | Q(void_reason="erased"))),
            ),
            models.UniqueConstraint(fields=["tenant", "series", "year", "number"], name="invoice_number_unique"),
        ]
        indexes = [
            models.Index(fields=["tenant", "customer", "id"], name="invoice_by_customer"),
            models.Index(fields=["tenant", "due_date"], name="invoice_open_by_due_date", condition=Q(status__in=OPEN)),
            # Lists by days of issue, newest first. Each insert touches the rightmost page.
            models.Index(fields=["tenant", "issued_at"], name="invoice_by_issue"),
            # Lists of one status, where it is rare. Issuing writes none of these: it begins as pending, or paid.
            models.Index(
                fields=["tenant", "status", "id"], name="invoice_by_rare_status", condition=Q(status__in=RARE)
            ),
        ]

    def __str__(self) -> str:
        return self.invoice_number or "Draft"

    @property
    def amount_due(self) -> int:
        """What is still to be paid, never below 0."""
        return max(0, self.total - self.amount_paid - self.amount_credited)


class InvoiceItem(TenantOwned):
    """One line, in the order of the document. `total` is before discount and tax."""

    invoice = models.ForeignKey(
        Invoice, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="items"
    )
    position = models.IntegerField()  # from 0
    type = models.CharField(max_length=16, choices=ItemType.choices, default=ItemType.ONE_TIME)
    description = models.CharField(max_length=500)
    quantity = models.DecimalField(max_digits=40, decimal_places=12)
    unit_price = models.DecimalField(max_digits=40, decimal_places=12)
    total = models.BigIntegerField()
    discount = models.BigIntegerField(default=0)
    tax_rate = models.DecimalField(max_digits=12, decimal_places=4)  # basis points, the sum of `taxes`
    taxes = models.JSONField(default=list)
    tax_code = models.CharField(max_length=64, null=True)  # noqa: DJ001
    product = models.ForeignKey(
        "billing.Product", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False
    )
    price = models.ForeignKey("billing.Price", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False)
    period_start = models.DateTimeField(null=True)
    period_end = models.DateTimeField(null=True)
    metadata = models.JSONField(default=dict)
    usage = models.JSONField(null=True)  # what a price was asked for, as decimal strings; null where nothing is counted
    inclusive = models.BooleanField(default=False, db_default=False)  # the unit price contains the tax
    exchange = models.JSONField(null=True)  # {currency, amount, rate, date, source} of a price in another currency
    plan = models.ForeignKey("billing.Plan", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False)

    class Meta:
        constraints = [
            TenantIsolation(name="item_isolation"),
            TenantForeignKey(field="invoice", name="item_invoice"),
            TenantForeignKey(field="product", name="item_product"),
            TenantForeignKey(field="price", name="item_price"),
            TenantForeignKey(field="plan", name="item_plan"),
            # Issuing writes no trail per line: the document says what they are. What a draft loses is recorded.
            Audited(name="item_audit", entity="invoiceItem", ignored=(), events="UPDATE OR DELETE"),
            models.UniqueConstraint(fields=["tenant", "invoice", "position"], name="item_position_unique"),
            models.CheckConstraint(name="item_type_known", condition=Q(type__in=ItemType.values)),
            models.CheckConstraint(
                name="item_plan_of_a_price", condition=Q(plan__isnull=True) | Q(price__isnull=False)
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "product"], name="item_by_product", condition=Q(product__isnull=False)),
            models.Index(fields=["tenant", "plan"], name="item_by_plan", condition=Q(plan__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.description


class InvoiceBuyer(TenantOwned):
    """Who the invoice is addressed to, as it stood at finalisation, and what people wrote on it: the erasable part.

    `buyer_digest` of the invoice is SHA-256 of `salt` and these values. Erasing sets all of them and the salt to NULL;
    the chain still verifies, and nobody can guess the values from the digest any more.
    """

    id = None  # type: ignore[assignment]
    invoice = models.OneToOneField(
        Invoice, on_delete=models.CASCADE, primary_key=True, db_column="id", db_constraint=False, related_name="buyer"
    )
    user_id = models.CharField(max_length=255, null=True)  # noqa: DJ001
    name = models.CharField(max_length=255, null=True)  # noqa: DJ001
    email = models.CharField(max_length=254, null=True)  # noqa: DJ001
    address = models.JSONField(null=True)
    vat_id = models.CharField(max_length=64, null=True)  # noqa: DJ001
    locale = models.CharField(max_length=16, null=True)  # noqa: DJ001
    notes = models.TextField(null=True)  # noqa: DJ001
    payment_instructions = models.TextField(null=True)  # noqa: DJ001
    salt = models.BinaryField(max_length=16, null=True)

    class Meta:
        constraints = [
            TenantIsolation(name="buyer_isolation"),
            TenantForeignKey(field="invoice", name="buyer_invoice"),
            Audited(name="buyer_audit", entity="invoiceBuyer", ignored=("salt",), events="UPDATE OR DELETE"),
        ]
        indexes = [
            models.Index(fields=["tenant", "user_id"], name="buyer_by_user", condition=Q(user_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"Buyer of {self.invoice_id}"
