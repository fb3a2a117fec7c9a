"""Whom a tenant bills."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from billing.enums import VatStatus
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey, Versioned
from tenants.models.base import TenantOwned, Timestamped

EXTERNAL_ID_UNIQUE = "customer_external_id_unique"


class Customer(TenantOwned, Timestamped):
    """A buyer. Two customers may share an e-mail address; `external_id` is the calling service's name for one, unique.

    Null means "not given" everywhere. `version` rises with each change (a trigger): the issuing path checks it in its
    statement, so that what a process has cached is never used stale. After `erased_at` the personal columns are empty
    and the row is never changed again; it stays because documents refer to it.
    """

    external_id = models.CharField(max_length=255, null=True)  # noqa: DJ001 - null is "not given" in the API
    name = models.CharField(max_length=255, null=True)  # noqa: DJ001
    email = models.CharField(max_length=254, null=True)  # noqa: DJ001
    currency = models.CharField(max_length=3, null=True)  # noqa: DJ001
    locale = models.CharField(max_length=16, null=True)  # noqa: DJ001
    address = models.JSONField(null=True)  # all of line1, line2, city, region, postalCode, country, or null
    vat_id = models.CharField(max_length=64, null=True)  # noqa: DJ001
    vat_status = models.CharField(max_length=16, choices=VatStatus.choices, null=True)  # noqa: DJ001
    tax_exempt = models.BooleanField(default=False, db_default=False)
    tax_ids = models.JSONField(null=True)  # [{type, value}], all but the European number, which is `vat_id`
    tax_exemption = models.JSONField(null=True)  # certificate, reason, country, region, validFrom, validUntil
    erased_at = models.DateTimeField(null=True)
    metadata = models.JSONField(default=dict)
    version = models.IntegerField(default=1, db_default=1)

    class Meta:
        constraints = [
            TenantIsolation(name="customer_isolation"),
            TenantKey(name="customer_tenant_key"),
            TenantForeignKey(field="tenant", name="customer_tenant"),
            Audited(name="customer_audit", entity="customer", ignored=("updated_at", "version")),
            Versioned(name="customer_version"),
            models.UniqueConstraint(fields=["tenant", "external_id"], name=EXTERNAL_ID_UNIQUE),
            models.CheckConstraint(name="customer_external_id_not_empty", condition=~Q(external_id="")),
            models.CheckConstraint(name="customer_currency_shape", condition=Q(currency__regex="^[A-Z]{3}$")),
            models.CheckConstraint(
                name="customer_vat_status_known",
                condition=Q(vat_status__isnull=True) | Q(vat_id__isnull=False, vat_status__in=VatStatus.values),
            ),
            models.CheckConstraint(
                name="customer_erased_is_empty",
                condition=Q(erased_at__isnull=True)
                | Q(
                    external_id__isnull=True,
                    name__isnull=True,
                    email__isnull=True,
                    locale__isnull=True,
                    address__isnull=True,
                    vat_id__isnull=True,
                    tax_ids__isnull=True,
                    tax_exemption__isnull=True,
                    metadata={},
                ),
            ),
            models.CheckConstraint(
                name="customer_tax_exemption_has_certificate",
                condition=Q(tax_exemption__isnull=True) | Q(tax_exemption__has_key="certificate"),
            ),
        ]
        indexes = [models.Index(fields=["tenant", "email", "id"], name="customer_by_email")]

    def __str__(self) -> str:
        return self.name or self.external_id or str(self.id)
