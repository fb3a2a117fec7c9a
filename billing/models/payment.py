"""Money that came in, or was meant to."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from billing.enums import PaymentMethodKind, PaymentStatus
from common.money import MAX_AMOUNT
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned, Timestamped


class Payment(TenantOwned, Timestamped):
    """One payment of a customer. Which invoices it pays is recorded by invoicing, not here.

    Once settled (succeeded, failed, cancelled) a trigger lets nothing but `amount_refunded` change, and only upwards.
    `outcome_unknown` says that a provider has not told what became of it; a settled payment is never unknown.
    """

    customer = models.ForeignKey(
        "billing.Customer", on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    amount = models.BigIntegerField()  # minor units of `currency`
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=16, choices=PaymentStatus.choices)
    outcome_unknown = models.BooleanField(default=False)
    amount_refunded = models.BigIntegerField(default=0)
    provider = models.CharField(max_length=32)  # the kind of provider; `manual` where staff recorded it
    provider_ref = models.CharField(max_length=255, null=True)  # noqa: DJ001 - the provider's own id of it
    method = models.CharField(max_length=16, choices=PaymentMethodKind.choices)
    reference = models.CharField(max_length=255, null=True)  # noqa: DJ001 - such as the number on a bank statement
    failure_code = models.CharField(max_length=64, null=True)  # noqa: DJ001
    failure_message = models.TextField(null=True)  # noqa: DJ001
    metadata = models.JSONField(default=dict)
    paid_at = models.DateTimeField(null=True)  # when the money moved, which staff may have learnt later

    class Meta:
        constraints = [
            TenantIsolation(name="payment_isolation"),
            TenantKey(name="payment_tenant_key"),
            TenantForeignKey(field="customer", name="payment_customer"),
            TenantForeignKey(field="tenant", name="payment_tenant"),
            Audited(name="payment_audit", entity="payment"),
            models.UniqueConstraint(fields=["tenant", "provider", "provider_ref"], name="payment_provider_ref_unique"),
            models.CheckConstraint(name="payment_amount_range", condition=Q(amount__range=(1, MAX_AMOUNT))),
            models.CheckConstraint(name="payment_currency_shape", condition=Q(currency__regex="^[A-Z]{3}$")),
            models.CheckConstraint(name="payment_status_known", condition=Q(status__in=PaymentStatus.values)),
            models.CheckConstraint(name="payment_method_known", condition=Q(method__in=PaymentMethodKind.values)),
            models.CheckConstraint(
                name="payment_refunded_within_amount",
                condition=Q(amount_refunded__gte=0, amount_refunded__lte=F("amount")),
            ),
            models.CheckConstraint(
                name="payment_refunded_once_succeeded",
                condition=Q(amount_refunded=0) | Q(status=PaymentStatus.SUCCEEDED),
            ),
            models.CheckConstraint(
                name="payment_succeeded_has_time",
                condition=~Q(status=PaymentStatus.SUCCEEDED) | Q(paid_at__isnull=False),
            ),
            models.CheckConstraint(
                name="payment_unknown_is_open",
                condition=Q(outcome_unknown=False) | Q(status__in=[PaymentStatus.PENDING, PaymentStatus.PROCESSING]),
            ),
        ]
        indexes = [models.Index(fields=["tenant", "customer", "id"], name="payment_by_customer")]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} {self.status}"
