"""Coupons, what customers have of them, and what invoices took."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from billing.rating import coupons as rating
from billing.rating.coupons import CouponType, Duration
from billing.rating.decimals import PLACES
from common.ids import encode_id
from common.money import MAX_AMOUNT
from common.prefixes import PLAN, PRICE, PRODUCT
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned, Timestamped

COUPON_CODE_UNIQUE = "coupon_code_unique"
COUPON_WITHIN_LIMIT = "coupon_redeemed_within_limit"
CUSTOMER_WITHIN_LIMIT = "redemption_limit_of_customer"
MAX_PERIODS = 1000
MAX_TARGETS = 100
MAX_LIMIT = 1_000_000_000
MAX_ORDER = 1_000_000


class Coupon(TenantOwned, Timestamped):
    """What a code takes off. Without an application it counts everywhere; without targets for every line.

    `times_redeemed` is how many redemptions there are that were not returned: a trigger of redemptions counts, and a
    CHECK refuses one too many. It also sets `redeemed_at`, with the first: from then on a trigger lets only name, end,
    limit, `active` and metadata change. Window, limits and `active` are about redeeming: who has the coupon keeps it.
    """

    application = models.ForeignKey(
        "tenants.Application", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False,
        related_name="+",
    )  # fmt: skip
    code = models.CharField(max_length=64)  # upper case; callers may write it in any
    name = models.CharField(max_length=255)
    type = models.CharField(max_length=16)
    percentage = models.DecimalField(max_digits=3 + PLACES, decimal_places=PLACES, null=True)
    amount = models.BigIntegerField(null=True)  # minor units of `currency`
    currency = models.CharField(max_length=3, null=True)  # noqa: DJ001 - null is "not given" in the API
    duration = models.CharField(max_length=16, default=Duration.ONCE.value)
    duration_periods = models.IntegerField(null=True)
    valid_from = models.DateTimeField(null=True)
    valid_until = models.DateTimeField(null=True)  # exclusive
    max_redemptions = models.IntegerField(null=True)
    max_redemptions_per_customer = models.IntegerField(null=True)  # null: once
    stacking_order = models.IntegerField(default=100)
    keep_remainder = models.BooleanField(default=False)
    active = models.BooleanField(default=True)
    times_redeemed = models.IntegerField(default=0)
    redeemed_at = models.DateTimeField(null=True)
    metadata = models.JSONField(default=dict)

    class Meta:
        constraints = [
            TenantIsolation(name="coupon_isolation"),
            TenantKey(name="coupon_tenant_key"),
            TenantForeignKey(field="tenant", name="coupon_tenant"),
            TenantForeignKey(field="application", name="coupon_application"),
            Audited(name="coupon_audit", entity="coupon", ignored=("updated_at", "times_redeemed", "redeemed_at")),
            models.UniqueConstraint(fields=["tenant", "code"], name=COUPON_CODE_UNIQUE),
            models.CheckConstraint(name="coupon_code_shape", condition=Q(code__regex="^[A-Z0-9_-]{1,64}$")),
            models.CheckConstraint(name="coupon_name_not_empty", condition=~Q(name="")),
            models.CheckConstraint(
                name="coupon_takes_a_share_or_an_amount",
                condition=Q(
                    type=CouponType.PERCENTAGE.value, percentage__isnull=False, percentage__gt=0,
                    percentage__lte=100, amount__isnull=True,
                    currency__isnull=True,
                )
                | Q(
                    type=CouponType.AMOUNT.value, percentage__isnull=True, amount__isnull=False,
                    amount__range=(1, MAX_AMOUNT), currency__isnull=False, currency__regex="^[A-Z]{3}$",
                ),
            ),
            models.CheckConstraint(
                name="coupon_periods_fit_its_duration",
                condition=Q(duration__in=[Duration.ONCE.value, Duration.FOREVER.value], duration_periods__isnull=True)
                | Q(
                    duration=Duration.REPEATING.value, duration_periods__isnull=False,
                    duration_periods__range=(1, MAX_PERIODS),
                ),
            ),
            models.CheckConstraint(
                name="coupon_remainder_of_an_amount_that_counts_once",
                condition=Q(keep_remainder=False) | Q(type=CouponType.AMOUNT.value, duration=Duration.ONCE.value),
            ),
            models.CheckConstraint(
                name="coupon_ends_after_it_starts",
                condition=Q(valid_from__isnull=True) | Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")),
            ),
            models.CheckConstraint(
                name="coupon_limits_positive",
                condition=(Q(max_redemptions__isnull=True) | Q(max_redemptions__gte=1))
                & (Q(max_redemptions_per_customer__isnull=True) | Q(max_redemptions_per_customer__gte=1)),
            ),
            models.CheckConstraint(
                name=COUPON_WITHIN_LIMIT,
                condition=Q(times_redeemed__gte=0)
                & (Q(max_redemptions__isnull=True) | Q(times_redeemed__lte=F("max_redemptions"))),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.code

    @property
    def times_for_each(self) -> int:
        """How often a customer may redeem it; a trigger of redemptions holds it."""
        return self.max_redemptions_per_customer or 1

    def engine(self, *, periods_used: int = 0, amount_left: int | None = None) -> rating.Coupon:
        """The coupon as the engine calculates with it. Lines are compared with ids as the API shows them."""
        targets = self.targets.all()
        terms = {
            "code": self.code, "type": self.type, "percentage": self.percentage, "amount": self.amount,
            "currency": self.currency, "duration": self.duration, "durationPeriods": self.duration_periods,
            "planIds": [encode_id(PLAN, one.plan_id) for one in targets if one.plan_id],
            "productIds": [encode_id(PRODUCT, one.product_id) for one in targets if one.product_id],
            "priceIds": [encode_id(PRICE, one.price_id) for one in targets if one.price_id],
            "stackingOrder": self.stacking_order, "keepRemainder": self.keep_remainder, "periodsUsed": periods_used,
            "amountLeft": amount_left,
        }  # fmt: skip
        return rating.coupon_from(terms)


class CouponTarget(TenantOwned):
    """A plan, product or price that a coupon is restricted to. Fixed once the coupon was redeemed (a trigger)."""

    coupon = models.ForeignKey(
        Coupon, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="targets"
    )
    plan = models.ForeignKey(
        "billing.Plan", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    product = models.ForeignKey(
        "billing.Product", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    price = models.ForeignKey(
        "billing.Price", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    position = models.IntegerField()

    class Meta:
        verbose_name_plural = "coupons"  # what whoever deletes a plan reads
        constraints = [
            TenantIsolation(name="coupon_target_isolation"),
            TenantForeignKey(field="tenant", name="coupon_target_tenant"),
            TenantForeignKey(field="coupon", name="coupon_target_coupon"),
            TenantForeignKey(field="plan", name="coupon_target_plan"),
            TenantForeignKey(field="product", name="coupon_target_product"),
            TenantForeignKey(field="price", name="coupon_target_price"),
            Audited(name="coupon_target_audit", entity="couponTarget"),
            models.UniqueConstraint(fields=["tenant", "coupon", "plan"], name="coupon_target_plan_once"),
            models.UniqueConstraint(fields=["tenant", "coupon", "product"], name="coupon_target_product_once"),
            models.UniqueConstraint(fields=["tenant", "coupon", "price"], name="coupon_target_price_once"),
            models.CheckConstraint(
                name="coupon_target_is_one_thing",
                condition=Q(plan__isnull=False, product__isnull=True, price__isnull=True)
                | Q(plan__isnull=True, product__isnull=False, price__isnull=True)
                | Q(plan__isnull=True, product__isnull=True, price__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "plan"], name="coupon_target_by_plan", condition=Q(plan__isnull=False))
        ]

    def __str__(self) -> str:
        return str(self.plan_id or self.product_id or self.price_id)


class Redemption(TenantOwned):
    """That a customer has a coupon: reserved by `redeem`, or made by the invoice that first used it (`invoice_id`).

    It is open until `ended_at`: its periods are over, or it was returned. `amount_left` is what a kept amount still
    has, null as long as that is all of it. What is returned counts no more for any limit, and stays for the record.
    """

    coupon = models.ForeignKey(
        Coupon, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="redemptions"
    )
    customer = models.ForeignKey(
        "billing.Customer", on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    subscription_id = models.UUIDField(null=True)  # of a higher app
    invoice_id = models.UUIDField(null=True)  # of a higher app
    applied_at = models.DateTimeField(editable=False)
    periods_used = models.IntegerField(default=0)
    amount_left = models.BigIntegerField(null=True)
    ended_at = models.DateTimeField(null=True)
    returned_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            TenantIsolation(name="redemption_isolation"),
            TenantKey(name="redemption_tenant_key"),
            TenantForeignKey(field="tenant", name="redemption_tenant"),
            TenantForeignKey(field="coupon", name="redemption_coupon"),
            TenantForeignKey(field="customer", name="redemption_customer"),
            Audited(name="redemption_audit", entity="redemption"),
            models.CheckConstraint(name="redemption_periods_not_negative", condition=Q(periods_used__gte=0)),
            models.CheckConstraint(name="redemption_left_range", condition=Q(amount_left__range=(0, MAX_AMOUNT))),
            models.CheckConstraint(
                name="redemption_returned_is_unused_and_over",
                condition=Q(returned_at__isnull=True) | Q(ended_at__isnull=False, periods_used=0),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "customer", "coupon"], name="redemption_by_customer"),
            models.Index(fields=["tenant", "coupon", "id"], name="redemption_by_coupon"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def engine(self) -> rating.Coupon:
        """The coupon as this customer has it."""
        return self.coupon.engine(periods_used=self.periods_used, amount_left=self.amount_left)


class CouponUse(TenantOwned):
    """What one invoice took from a redemption, in minor units of `currency`: one period of it, whatever the amount.

    Never changed, but for `returned_at`, once: the invoice is void.
    """

    redemption = models.ForeignKey(
        Redemption, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="uses"
    )
    invoice_id = models.UUIDField()  # of a higher app
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    applied_at = models.DateTimeField(editable=False)
    returned_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            TenantIsolation(name="coupon_use_isolation"),
            TenantForeignKey(field="tenant", name="coupon_use_tenant"),
            TenantForeignKey(field="redemption", name="coupon_use_redemption"),
            models.UniqueConstraint(fields=["tenant", "invoice_id", "redemption"], name="coupon_use_once_per_invoice"),
            models.CheckConstraint(name="coupon_use_amount_range", condition=Q(amount__range=(0, MAX_AMOUNT))),
            models.CheckConstraint(name="coupon_use_currency_shape", condition=Q(currency__regex="^[A-Z]{3}$")),
        ]
        indexes = [models.Index(fields=["tenant", "redemption"], name="coupon_use_by_redemption")]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
