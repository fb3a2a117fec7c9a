"""Tenants, their applications and their settings."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from common.ids import new_id
from tenants.enums import ProrationPolicy, TenantStatus
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey, Versioned
from tenants.models.base import TenantOwned, Timestamped


class Tenant(Timestamped):
    """A company that bills with Ledger. Visible only inside its own scope."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=255)
    status = models.CharField(max_length=16, choices=TenantStatus.choices, default=TenantStatus.ACTIVE)
    is_test = models.BooleanField(default=False)  # only test tenants may have test clocks

    class Meta:
        constraints = [
            TenantIsolation(name="tenant_isolation", column="id"),
            Audited(name="tenant_audit", entity="tenant"),
            models.CheckConstraint(name="tenant_status_known", condition=Q(status__in=TenantStatus.values)),
            models.CheckConstraint(name="tenant_slug_shape", condition=Q(slug__regex=r"^[a-z0-9][a-z0-9-]{0,63}$")),
        ]

    def __str__(self) -> str:
        return self.name


class Application(TenantOwned, Timestamped):
    """One of a tenant's products or sites; service keys and plans can belong to it."""

    slug = models.CharField(max_length=64)
    name = models.CharField(max_length=255)

    class Meta:
        constraints = [
            TenantIsolation(name="application_isolation"),
            TenantKey(name="application_tenant_key"),
            TenantForeignKey(field="tenant", name="application_tenant"),
            Audited(name="application_audit", entity="application"),
            models.UniqueConstraint(fields=["tenant", "slug"], name="application_slug_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class TenantSettings(TenantOwned, Timestamped):
    """How a tenant bills. One row per tenant, made with it.

    `version` rises with each change (a trigger): the issuing path checks it in its statement, so that what a process
    has cached is never used stale.
    """

    default_currency = models.CharField(max_length=3, default="EUR")
    tax_rate = models.IntegerField(default=0)  # basis points
    tax_label = models.CharField(max_length=50, default="VAT")
    data_retention_days = models.IntegerField(default=2555)
    allow_self_cancel = models.BooleanField(default=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    payment_terms_days = models.IntegerField(default=30)
    legal_name = models.CharField(max_length=255, null=True)  # noqa: DJ001 - null is "not given" in the API
    address = models.JSONField(null=True)
    vat_id = models.CharField(max_length=64, null=True)  # noqa: DJ001
    locale = models.CharField(max_length=16, default="en")
    proration_policy = models.CharField(max_length=8, choices=ProrationPolicy.choices, default=ProrationPolicy.EXACT)
    smtp_host = models.CharField(max_length=255, null=True)  # noqa: DJ001
    smtp_port = models.IntegerField(default=587)
    smtp_user = models.CharField(max_length=255, null=True)  # noqa: DJ001
    smtp_password_encrypted = models.TextField(null=True)  # noqa: DJ001
    smtp_from = models.CharField(max_length=320, null=True)  # noqa: DJ001
    email_invoices = models.BooleanField(default=True, db_default=True)  # each invoice goes to its buyer when finalised
    # How documents look and what stands on them beside their content. `SettingsSnapshot` keeps each version of it.
    payment_instructions = models.CharField(max_length=2000, null=True)  # noqa: DJ001
    invoice_texts = models.JSONField(default=dict)  # by language: intro, footer, paymentInstructions
    brand_color = models.CharField(max_length=7, null=True)  # noqa: DJ001
    logo = models.ForeignKey(
        "tenants.Logo", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    version = models.IntegerField(default=1)

    class Meta:
        constraints = [
            TenantIsolation(name="settings_isolation"),
            TenantForeignKey(field="tenant", name="settings_tenant"),
            TenantForeignKey(field="logo", name="settings_logo"),
            Audited(
                name="settings_audit",
                entity="settings",
                hidden=("smtp_password_encrypted",),
                ignored=("updated_at", "version"),
            ),
            Versioned(name="settings_version"),
            models.UniqueConstraint(fields=["tenant"], name="settings_one_per_tenant"),
            models.CheckConstraint(name="settings_tax_rate_range", condition=Q(tax_rate__range=(0, 10_000))),
            models.CheckConstraint(name="settings_retention_positive", condition=Q(data_retention_days__gte=1)),
            models.CheckConstraint(name="settings_terms_range", condition=Q(payment_terms_days__range=(0, 365))),
            models.CheckConstraint(name="settings_currency_shape", condition=Q(default_currency__regex="^[A-Z]{3}$")),
            models.CheckConstraint(
                name="settings_brand_color_shape",
                condition=Q(brand_color__isnull=True) | Q(brand_color__regex="^#[0-9a-f]{6}$"),
            ),
            models.CheckConstraint(name="settings_smtp_port_range", condition=Q(smtp_port__range=(1, 65_535))),
            models.CheckConstraint(
                name="settings_proration_known", condition=Q(proration_policy__in=ProrationPolicy.values)
            ),
        ]

    def __str__(self) -> str:
        return f"Settings of {self.tenant_id}"
