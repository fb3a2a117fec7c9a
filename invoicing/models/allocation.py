"""Which payment paid how much of which invoice."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tenants.isolation import Audited, TenantForeignKey, TenantIsolation
from tenants.models.base import TenantOwned


class PaymentAllocation(TenantOwned):
    """A part of a payment used for an invoice, in the invoice's currency. Never changed: a reversal is its own row."""

    invoice = models.ForeignKey(
        "invoicing.Invoice", on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="allocations"
    )
    payment = models.ForeignKey(
        "billing.Payment", on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    amount = models.BigIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            TenantIsolation(name="allocation_isolation"),
            TenantForeignKey(field="invoice", name="allocation_invoice"),
            TenantForeignKey(field="payment", name="allocation_payment"),
            Audited(name="allocation_audit", entity="paymentAllocation", ignored=()),
            models.CheckConstraint(name="allocation_amount_positive", condition=Q(amount__gt=0)),
            models.UniqueConstraint(fields=["tenant", "payment", "invoice"], name="allocation_unique"),
        ]
        indexes = [models.Index(fields=["tenant", "invoice"], name="allocation_by_invoice")]

    def __str__(self) -> str:
        return f"{self.amount} of {self.payment_id}"
