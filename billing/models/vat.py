"""What was found out about customers' VAT numbers, and what is to be asked next."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from billing.enums import VatSource, VatStatus
from tenants.isolation import TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned


class VatCheck(TenantOwned):
    """One check of a customer's number and what came of it: evidence, never changed and never deleted by itself.

    A trigger refuses; erasing the customer empties number, name and address, and deleting one takes them along.
    `error` says why there is no verdict, or what the checksum found. Times of ours are business time; `answered_at` is
    the time of VIES.
    """

    customer = models.ForeignKey(
        "billing.Customer", on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    number = models.CharField(max_length=64, null=True)  # noqa: DJ001 - as it was judged; null once erased
    status = models.CharField(max_length=16, choices=VatStatus.choices)
    source = models.CharField(max_length=16, choices=VatSource.choices)
    checked_at = models.DateTimeField()
    requester = models.CharField(max_length=64, null=True)  # noqa: DJ001 - the tenant's own number, where it was named
    request_identifier = models.CharField(max_length=64, null=True)  # noqa: DJ001
    answered_at = models.DateTimeField(null=True)
    name = models.TextField(null=True)  # noqa: DJ001
    address = models.TextField(null=True)  # noqa: DJ001
    error = models.CharField(max_length=64, null=True)  # noqa: DJ001

    class Meta:
        constraints = [
            TenantIsolation(name="vat_check_isolation"),
            TenantKey(name="vat_check_tenant_key"),
            TenantForeignKey(field="customer", name="vat_check_customer", cascade=True),
            models.CheckConstraint(name="vat_check_status_known", condition=Q(status__in=VatStatus.values)),
            models.CheckConstraint(name="vat_check_source_known", condition=Q(source__in=VatSource.values)),
            # Digits that add up prove no registration, and what brought no verdict says why.
            models.CheckConstraint(
                name="vat_check_error_explains",
                condition=Q(status=VatStatus.VALID, source=VatSource.VIES, error__isnull=True)
                | Q(status=VatStatus.INVALID, source=VatSource.VIES, error__isnull=True)
                | Q(status=VatStatus.INVALID, source=VatSource.CHECKSUM, error__isnull=False)
                | Q(status=VatStatus.UNVERIFIED, error__isnull=False),
            ),
            models.CheckConstraint(
                name="vat_check_answer_is_of_vies",
                condition=Q(source=VatSource.VIES)
                | Q(request_identifier__isnull=True, answered_at__isnull=True, name__isnull=True, address__isnull=True),
            ),
        ]
        indexes = [models.Index(fields=["tenant", "customer", "id"], name="vat_check_by_customer")]

    def __str__(self) -> str:
        return f"{self.status} by {self.source}"


class VatVerification(TenantOwned):
    """That VIES is to be asked about the number of a customer, and from when on (real time; null: at once).

    Whoever asks holds `lease_token` until `next_attempt_at`; after that somebody else may. A number that changes takes
    the token away.
    """

    customer = models.ForeignKey(
        "billing.Customer", on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    attempts = models.IntegerField(default=0, db_default=0)  # without a verdict, since the last one
    next_attempt_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)

    class Meta:
        constraints = [
            TenantIsolation(name="vat_verification_isolation"),
            TenantKey(name="vat_verification_tenant_key"),
            TenantForeignKey(field="customer", name="vat_verification_customer", cascade=True),
            models.UniqueConstraint(fields=["tenant", "customer"], name="vat_verification_once"),
            models.CheckConstraint(name="vat_verification_attempts_counted", condition=Q(attempts__gte=0)),
            models.CheckConstraint(
                name="vat_verification_lease_ends",
                condition=Q(lease_token__isnull=True) | Q(next_attempt_at__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["next_attempt_at"], name="vat_verification_due")]

    def __str__(self) -> str:
        return f"from {self.next_attempt_at or 'now'} on"
