"""What plans grant."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from billing.enums import FeatureStatus, FeatureType
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned, Timestamped

FEATURE_KEY_UNIQUE = "feature_key_unique"


class Feature(TenantOwned, Timestamped):
    """Something a customer may have or use. Key, type and application never change: services ask by the key.

    Without an application it is global. The same key may be a global feature and one of an application, which then is
    the one that is meant there. `default_limit` is what a plan grants that says nothing else; -1 is unlimited.
    """

    application = models.ForeignKey(
        "tenants.Application", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False,
        related_name="+",
    )  # fmt: skip
    key = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    type = models.CharField(max_length=16, choices=FeatureType.choices)
    default_limit = models.BigIntegerField(null=True)
    unit = models.CharField(max_length=40, null=True)  # noqa: DJ001 - null is "not given" in the API
    status = models.CharField(max_length=16, choices=FeatureStatus.choices, default=FeatureStatus.ACTIVE)
    metadata = models.JSONField(default=dict)

    class Meta:
        constraints = [
            TenantIsolation(name="feature_isolation"),
            TenantKey(name="feature_tenant_key"),
            TenantForeignKey(field="tenant", name="feature_tenant"),
            TenantForeignKey(field="application", name="feature_application"),
            Audited(name="feature_audit", entity="feature"),
            models.UniqueConstraint(
                fields=["tenant", "application", "key"], name=FEATURE_KEY_UNIQUE, nulls_distinct=False
            ),
            models.CheckConstraint(name="feature_key_shape", condition=Q(key__regex=r"^[a-z][a-z0-9_.-]{0,63}$")),
            models.CheckConstraint(name="feature_name_not_empty", condition=~Q(name="")),
            models.CheckConstraint(name="feature_type_known", condition=Q(type__in=FeatureType.values)),
            models.CheckConstraint(name="feature_status_known", condition=Q(status__in=FeatureStatus.values)),
            models.CheckConstraint(name="feature_limit_range", condition=Q(default_limit__gte=-1)),
            models.CheckConstraint(
                name="feature_limit_of_something_counted",
                condition=~Q(type=FeatureType.BOOLEAN) | Q(default_limit__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name
