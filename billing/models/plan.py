"""Plans, their versions, and what a version charges and grants."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField
from django.db import models
from django.db.models import F, Func, Q, Value

from billing.enums import PlanStatus, ResetPeriod, VersionStatus
from common.money import MAX_AMOUNT
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned, Timestamped

PLAN_SLUG_UNIQUE = "plan_slug_unique"
VERSION_WINDOWS_APART = "plan_version_windows_apart"
MAX_TRIAL_DAYS = 3650
MAX_PRICES = 100
MAX_FEATURES = 500

# GiST knows ranges, not uuids: a range from an id to the same id overlaps exactly that id.
_SAME_PLAN = Func(F("plan"), F("plan"), Value("[]"), function="ledger_uuid_range", output_field=models.Field())
_WINDOW = Func(F("starts_at"), F("ends_at"), Value("[)"), function="tstzrange", output_field=DateTimeRangeField())


class Plan(TenantOwned, Timestamped):
    """Something customers subscribe to. What it charges and grants stands in its versions.

    Without an application it is global. `currency` is that of all its versions. Without `multiple` a customer has at
    most one live subscription to it.
    """

    application = models.ForeignKey(
        "tenants.Application", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False,
        related_name="+",
    )  # fmt: skip
    name = models.CharField(max_length=255)
    slug = models.CharField(max_length=64)
    description = models.TextField(null=True)  # noqa: DJ001 - null is "not given" in the API
    currency = models.CharField(max_length=3)
    multiple = models.BooleanField(default=False)
    status = models.CharField(max_length=16, choices=PlanStatus.choices, default=PlanStatus.DRAFT)
    metadata = models.JSONField(default=dict)

    class Meta:
        constraints = [
            TenantIsolation(name="plan_isolation"),
            TenantKey(name="plan_tenant_key"),
            TenantForeignKey(field="tenant", name="plan_tenant"),
            TenantForeignKey(field="application", name="plan_application"),
            Audited(name="plan_audit", entity="plan", verbs={"active": "activated"}),
            models.UniqueConstraint(
                fields=["tenant", "application", "slug"], name=PLAN_SLUG_UNIQUE, nulls_distinct=False
            ),
            models.CheckConstraint(name="plan_name_not_empty", condition=~Q(name="")),
            models.CheckConstraint(name="plan_slug_shape", condition=Q(slug__regex="^[a-z0-9-]{1,64}$")),
            models.CheckConstraint(name="plan_currency_shape", condition=Q(currency__regex="^[A-Z]{3}$")),
            models.CheckConstraint(name="plan_status_known", condition=Q(status__in=PlanStatus.values)),
        ]

    def __str__(self) -> str:
        return self.name


class PlanVersion(TenantOwned, Timestamped):
    """The terms of a plan, in force in `[starts_at, ends_at)`; `ends_at` is null while nothing ends it.

    A draft has no window. Once published a version never changes: a trigger lets its open window be closed, once, and
    lets it be deactivated, which closes its window. A version that is deactivated before it starts keeps an
    empty window. Windows of one plan never overlap. `name` and `description` are what the plan was sold as.
    """

    plan = models.ForeignKey(
        Plan, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="versions"
    )  # fmt: skip
    number = models.IntegerField()
    status = models.CharField(max_length=16, choices=VersionStatus.choices, default=VersionStatus.DRAFT)
    name = models.CharField(max_length=255)
    description = models.TextField(null=True)  # noqa: DJ001
    currency = models.CharField(max_length=3)
    trial_days = models.IntegerField(default=0)
    minimum_commitment = models.BigIntegerField(null=True)  # minor units per billing period
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    published_at = models.DateTimeField(null=True)
    deactivated_at = models.DateTimeField(null=True)
    deactivation_reason = models.CharField(max_length=500, null=True)  # noqa: DJ001
    metadata = models.JSONField(default=dict)

    class Meta:
        constraints = [
            TenantIsolation(name="plan_version_isolation"),
            TenantKey(name="plan_version_tenant_key"),
            TenantForeignKey(field="tenant", name="plan_version_tenant"),
            TenantForeignKey(field="plan", name="plan_version_plan"),
            Audited(name="plan_version_audit", entity="planVersion"),
            models.UniqueConstraint(fields=["tenant", "plan", "number"], name="plan_version_number_unique"),
            models.CheckConstraint(name="plan_version_number_positive", condition=Q(number__gte=1)),
            models.CheckConstraint(name="plan_version_name_not_empty", condition=~Q(name="")),
            models.CheckConstraint(name="plan_version_currency_shape", condition=Q(currency__regex="^[A-Z]{3}$")),
            models.CheckConstraint(name="plan_version_trial_range", condition=Q(trial_days__range=(0, MAX_TRIAL_DAYS))),
            models.CheckConstraint(
                name="plan_version_commitment_range", condition=Q(minimum_commitment__range=(0, MAX_AMOUNT))
            ),
            models.CheckConstraint(
                name="plan_version_status_fits_its_times",
                condition=Q(
                    status=VersionStatus.DRAFT, starts_at=None, ends_at=None, published_at=None, deactivated_at=None,
                    deactivation_reason=None,
                )
                | Q(
                    status=VersionStatus.PUBLISHED, starts_at__isnull=False, published_at__isnull=False,
                    deactivated_at=None, deactivation_reason=None,
                )
                | Q(
                    status=VersionStatus.DEACTIVATED, starts_at__isnull=False, ends_at__isnull=False,
                    published_at__isnull=False, deactivated_at__isnull=False, deactivation_reason__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="plan_version_window_ends_after_it_starts",
                condition=Q(ends_at__isnull=True)
                | Q(ends_at__gt=F("starts_at"))
                | Q(status=VersionStatus.DEACTIVATED, ends_at=F("starts_at")),
            ),
            ExclusionConstraint(
                name=VERSION_WINDOWS_APART,
                expressions=[(_SAME_PLAN, "&&"), (_WINDOW, "&&")],
                condition=~Q(status=VersionStatus.DRAFT),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.name}, version {self.number}"


class PlanPrice(TenantOwned):
    """A price of a version. Rows change only as long as the version is a draft (a trigger)."""

    version = models.ForeignKey(
        PlanVersion, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="prices"
    )
    price = models.ForeignKey(
        "billing.Price", on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    position = models.IntegerField()

    class Meta:
        constraints = [
            TenantIsolation(name="plan_price_isolation"),
            TenantForeignKey(field="tenant", name="plan_price_tenant"),
            TenantForeignKey(field="version", name="plan_price_version"),
            TenantForeignKey(field="price", name="plan_price_price"),
            Audited(name="plan_price_audit", entity="planPrice"),
            models.UniqueConstraint(fields=["tenant", "version", "price"], name="plan_price_once"),
        ]
        indexes = [models.Index(fields=["tenant", "price"], name="plan_price_by_price")]

    def __str__(self) -> str:
        return str(self.price_id)


class PlanFeature(TenantOwned):
    """What a version grants of a feature: -1 is unlimited, a switch has no limit. Changes as `PlanPrice` does.

    The limit is the feature's default where the plan said nothing; it is written down, so that it stays.
    """

    version = models.ForeignKey(
        PlanVersion, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="features"
    )
    feature = models.ForeignKey(
        "billing.Feature", on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    limit = models.BigIntegerField(null=True)
    soft_limit = models.BooleanField(default=False)
    reset_period = models.CharField(max_length=16, choices=ResetPeriod.choices)
    position = models.IntegerField()

    class Meta:
        constraints = [
            TenantIsolation(name="plan_feature_isolation"),
            TenantForeignKey(field="tenant", name="plan_feature_tenant"),
            TenantForeignKey(field="version", name="plan_feature_version"),
            TenantForeignKey(field="feature", name="plan_feature_feature"),
            Audited(name="plan_feature_audit", entity="planFeature"),
            models.UniqueConstraint(fields=["tenant", "version", "feature"], name="plan_feature_once"),
            models.CheckConstraint(name="plan_feature_limit_range", condition=Q(limit__gte=-1)),
            models.CheckConstraint(name="plan_feature_reset_known", condition=Q(reset_period__in=ResetPeriod.values)),
        ]
        indexes = [models.Index(fields=["tenant", "feature"], name="plan_feature_by_feature")]

    def __str__(self) -> str:
        return str(self.feature_id)
