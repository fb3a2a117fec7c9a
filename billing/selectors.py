"""Reads of the billing app. Each needs the tenant's scope."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, F, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounting.selectors import wallets
from billing.enums import PlanStatus, VersionStatus
from billing.models import (
    Coupon,
    CouponTarget,
    Customer,
    Feature,
    Payment,
    Plan,
    PlanFeature,
    PlanPrice,
    PlanVersion,
    Price,
    Product,
    VatCheck,
)
from billing.patterns import COUPON_CODE
from billing.tax_numbers import read_vat_number
from common.errors import NotFound
from common.ids import InvalidId, decode_id
from common.prefixes import COUPON
from tenants.models import TenantSettings


def customers(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[Customer]:
    """The tenant's customers that meet `condition`, in no particular order."""
    return Customer.objects.filter(condition or Q(), tenant_id=tenant_id)


def customer_names(*, tenant_id: UUID, customer_ids: Collection[UUID]) -> dict[UUID, str]:
    """What customers are called: name, e-mail address or the id of the caller. Those with none of these are missing."""
    rows = customers(tenant_id=tenant_id, condition=Q(id__in=customer_ids))
    found = rows.values_list("id", "name", "email", "external_id")
    named = ((key, name or email or external_id) for key, name, email, external_id in found)
    return {key: name for key, name in named if name}


def get_customer(*, tenant_id: UUID, customer_id: UUID, path: str | None = None) -> Customer:
    """One customer. Raises `NotFound`, which names `path` where a body named the customer."""
    customer = customers(tenant_id=tenant_id).filter(id=customer_id).first()
    if customer is None:
        raise NotFound(path=path)
    return customer


def lock_customer(*, tenant_id: UUID, customer_id: UUID) -> Customer:
    """One customer, held against other changes until the transaction ends. Raises `NotFound`.

    Rows that refer to the customer can still be written meanwhile.
    """
    customer = customers(tenant_id=tenant_id).filter(id=customer_id).select_for_update(no_key=True).first()
    if customer is None:
        raise NotFound()
    return customer


def hold_customer(*, tenant_id: UUID, customer_id: UUID) -> int | None:
    """Keep a customer from being deleted or erased until the transaction ends, as a row that refers to it does.

    Returns the version that is held, or None when the customer is gone: what was read before may be older.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT version FROM billing_customer WHERE tenant_id = %s AND id = %s FOR KEY SHARE",
            [tenant_id, customer_id],
        )
        row = cursor.fetchone()
        return int(row[0]) if row else None


def find_customer(*, tenant_id: UUID, customer_id: UUID) -> Customer | None:
    """One customer, or None."""
    return customers(tenant_id=tenant_id).filter(id=customer_id).first()


def find_customer_by_external_id(*, tenant_id: UUID, external_id: str) -> Customer | None:
    """The customer that the calling service knows by this name, or None."""
    return customers(tenant_id=tenant_id).filter(external_id=external_id).first()


def customers_with_balance(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[Customer]:
    """The same customers, each with `owed`: what stands in the wallet in their currency, else in the tenant's."""
    usual = TenantSettings.objects.filter(tenant_id=tenant_id).values("default_currency")
    currency = Coalesce(OuterRef("currency"), Subquery(usual))
    wallet = wallets(tenant_id=tenant_id, customer_id=OuterRef("id"), currency=currency)
    return customers(tenant_id=tenant_id, condition=condition).annotate(owed=Subquery(wallet.values("balance__posted")))


def get_customer_with_balance(*, tenant_id: UUID, customer_id: UUID) -> Customer:
    """One of them. Raises `NotFound`."""
    customer = customers_with_balance(tenant_id=tenant_id).filter(id=customer_id).first()
    if customer is None:
        raise NotFound()
    return customer


def customer_balance(customer: Customer) -> int:
    """What the customer owes, in minor units of their currency or the tenant's; negative when the tenant owes them.

    Only what `customers_with_balance` has read knows.
    """
    return -(customer.owed or 0)  # type: ignore[attr-defined]


def vat_checks(*, tenant_id: UUID, customer_id: UUID) -> QuerySet[VatCheck]:
    """What was found out about a customer's VAT numbers, newest first."""
    return VatCheck.objects.filter(tenant_id=tenant_id, customer_id=customer_id).order_by("-id")


def vat_evidence(customer: Customer) -> tuple[VatCheck | None, VatCheck | None]:
    """The check that the status of the customer's number rests on, and the newest one; None while there is none.

    They differ where the newest brought no verdict: an outage takes nothing from what was known before.
    """
    number = read_vat_number(customer.vat_id)
    checks = vat_checks(tenant_id=customer.tenant_id, customer_id=customer.id)
    checks = checks.filter(number=str(number) if number else customer.vat_id)
    newest = checks.first()
    if newest is None or newest.status == customer.vat_status:
        return newest, newest
    return checks.filter(status=customer.vat_status).first() or newest, newest


def products(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[Product]:
    """The tenant's products that meet `condition`, in no particular order."""
    return Product.objects.filter(condition or Q(), tenant_id=tenant_id)


def get_product(*, tenant_id: UUID, product_id: UUID, path: str | None = None) -> Product:
    """One product. Raises `NotFound`, which names `path` where a body named the product."""
    product = products(tenant_id=tenant_id).filter(id=product_id).first()
    if product is None:
        raise NotFound(path=path)
    return product


def lock_product(*, tenant_id: UUID, product_id: UUID) -> Product:
    """One product, held against other changes until the transaction ends. Raises `NotFound`."""
    product = products(tenant_id=tenant_id).filter(id=product_id).select_for_update(no_key=True).first()
    if product is None:
        raise NotFound()
    return product


def get_payment(*, tenant_id: UUID, payment_id: UUID) -> Payment:
    """One payment. Raises `NotFound`."""
    payment = Payment.objects.filter(tenant_id=tenant_id, id=payment_id).first()
    if payment is None:
        raise NotFound()
    return payment


def features(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[Feature]:
    """The tenant's features that meet `condition`, in no particular order."""
    return Feature.objects.filter(condition or Q(), tenant_id=tenant_id)


def get_feature(*, tenant_id: UUID, feature_id: UUID, path: str | None = None) -> Feature:
    """One feature. Raises `NotFound`, which names `path` where a body named the feature."""
    feature = features(tenant_id=tenant_id).filter(id=feature_id).first()
    if feature is None:
        raise NotFound(path=path)
    return feature


def lock_feature(*, tenant_id: UUID, feature_id: UUID) -> Feature:
    """One feature, held against other changes until the transaction ends. Raises `NotFound`."""
    feature = features(tenant_id=tenant_id).filter(id=feature_id).select_for_update(no_key=True).first()
    if feature is None:
        raise NotFound()
    return feature


def prices(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[Price]:
    """The tenant's prices that meet `condition`, in no particular order."""
    return Price.objects.filter(condition or Q(), tenant_id=tenant_id)


def get_price(*, tenant_id: UUID, price_id: UUID, path: str | None = None) -> Price:
    """One price. Raises `NotFound`, which names `path` where a body named the price."""
    price = prices(tenant_id=tenant_id).filter(id=price_id).first()
    if price is None:
        raise NotFound(path=path)
    return price


def lock_price(*, tenant_id: UUID, price_id: UUID) -> Price:
    """One price, held against other changes until the transaction ends. Raises `NotFound`."""
    price = prices(tenant_id=tenant_id).filter(id=price_id).select_for_update(no_key=True).first()
    if price is None:
        raise NotFound()
    return price


def hold_prices(*, tenant_id: UUID, price_ids: Collection[UUID]) -> list[Price]:
    """The prices as they are by now, with their products, held against other changes until the transaction ends.

    In the order of their ids, so that two who hold several never wait for each other.
    """
    held = Price.objects.filter(tenant_id=tenant_id, id__in=price_ids).order_by("id")
    return list(held.select_related("product").select_for_update(no_key=True, of=("self",)))


def plans(*, tenant_id: UUID, at: dt.datetime, condition: Q | None = None) -> QuerySet[Plan]:
    """The tenant's plans that meet `condition`, in no particular order, each with the version that stands for it."""
    of_plan = PlanVersion.objects.filter(tenant_id=tenant_id, plan_id=OuterRef("plan_id"))
    chosen = Coalesce(
        Subquery(of_plan.filter(in_force_at(at)).values("id")[:1]),
        Subquery(of_plan.order_by("-number").values("id")[:1]),
    )
    standing = _with_content(PlanVersion.objects.filter(tenant_id=tenant_id, id=chosen))
    found = Plan.objects.filter(condition or Q(), tenant_id=tenant_id)
    return found.prefetch_related(Prefetch("versions", queryset=standing, to_attr="standing"))


def standing_version(plan: Plan) -> PlanVersion:
    """The version in force, else the latest. Only what `plans` has read knows."""
    version: PlanVersion = plan.standing[0]  # type: ignore[attr-defined]
    return version


def get_plan(*, tenant_id: UUID, plan_id: UUID, at: dt.datetime, path: str | None = None) -> Plan:
    """One of them. Raises `NotFound`, which names `path` where a body named the plan."""
    plan = plans(tenant_id=tenant_id, at=at).filter(id=plan_id).first()
    if plan is None:
        raise NotFound(path=path)
    return plan


def require_plan(*, tenant_id: UUID, plan_id: UUID) -> None:
    """Raises `NotFound` when there is no such plan."""
    if not Plan.objects.filter(tenant_id=tenant_id, id=plan_id).exists():
        raise NotFound()


def lock_plan(*, tenant_id: UUID, plan_id: UUID) -> Plan:
    """One plan, held against other changes of it and its versions until the transaction ends. Raises `NotFound`."""
    plan = Plan.objects.filter(tenant_id=tenant_id, id=plan_id).select_for_update(no_key=True).first()
    if plan is None:
        raise NotFound()
    return plan


def in_force_at(at: dt.datetime) -> Q:
    """The versions whose window holds `at`: of each plan at most one."""
    return ~Q(status=VersionStatus.DRAFT) & Q(starts_at__lte=at) & (Q(ends_at__isnull=True) | Q(ends_at__gt=at))


def plan_versions(*, tenant_id: UUID, plan_id: UUID, condition: Q | None = None) -> QuerySet[PlanVersion]:
    """The versions of a plan that meet `condition`, in no particular order, with what they charge and grant."""
    return _with_content(PlanVersion.objects.filter(condition or Q(), tenant_id=tenant_id, plan_id=plan_id))


def get_plan_version(*, tenant_id: UUID, plan_id: UUID, version: int | UUID) -> PlanVersion:
    """One of them, by its number or its id. Raises `NotFound`."""
    named = Q(number=version) if isinstance(version, int) else Q(id=version)
    found = plan_versions(tenant_id=tenant_id, plan_id=plan_id, condition=named).first()
    if found is None:
        raise NotFound()
    return found


def plan_version_in_force(*, tenant_id: UUID, plan_id: UUID, at: dt.datetime) -> PlanVersion | None:
    """What whoever subscribes at this instant gets; None when nothing is sold then."""
    return plan_versions(tenant_id=tenant_id, plan_id=plan_id, condition=in_force_at(at)).first()


def prices_in_force(*, tenant_id: UUID, plan_ids: Collection[UUID], at: dt.datetime) -> dict[UUID, set[UUID] | None]:
    """The prices that each of these plans charges at `at`; None for one that is not sold then. Others are left out."""
    found: dict[UUID, set[UUID] | None] = dict.fromkeys(
        Plan.objects.filter(tenant_id=tenant_id, id__in=plan_ids).values_list("id", flat=True)
    )
    sold = PlanVersion.objects.filter(
        in_force_at(at), tenant_id=tenant_id, plan_id__in=list(found), plan__status=PlanStatus.ACTIVE
    )
    for version in sold.prefetch_related("prices"):
        found[version.plan_id] = {one.price_id for one in version.prices.all()}
    return found


def _with_content(versions: QuerySet[PlanVersion]) -> QuerySet[PlanVersion]:
    return versions.prefetch_related(
        Prefetch("prices", queryset=PlanPrice.objects.order_by("position")),
        Prefetch("features", queryset=PlanFeature.objects.select_related("feature").order_by("position")),
    )


def coupons(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[Coupon]:
    """The tenant's coupons that meet `condition`, in no particular order, with what they are restricted to."""
    targets = Prefetch("targets", queryset=CouponTarget.objects.order_by("position"))
    return Coupon.objects.filter(condition or Q(), tenant_id=tenant_id).prefetch_related(targets)


def coupons_with_offer(*, tenant_id: UUID, at: dt.datetime) -> QuerySet[Coupon]:
    """The same, each with `offered`: active, not expired and not exhausted at `at`; it may start later."""
    in_time = Q(valid_until__isnull=True) | Q(valid_until__gt=at)
    left = Q(max_redemptions__isnull=True) | Q(times_redeemed__lt=F("max_redemptions"))
    offered = ExpressionWrapper(Q(active=True) & in_time & left, output_field=BooleanField())
    return coupons(tenant_id=tenant_id).annotate(offered=offered)


def coupon_named(reference: str) -> Q | None:
    """The condition for the coupon with this id or this code, in any case; None for what is neither."""
    try:
        return Q(id=decode_id(COUPON, reference))
    except InvalidId:
        return Q(code=reference.upper()) if re.fullmatch(COUPON_CODE, reference) else None


def get_coupon(*, tenant_id: UUID, reference: str) -> Coupon:
    """One coupon, by its id or its code. Raises `NotFound`."""
    return _named_coupon(coupons(tenant_id=tenant_id), reference)


def lock_coupon(*, tenant_id: UUID, reference: str) -> Coupon:
    """One coupon, held against changes, redemptions and uses until the transaction ends. Raises `NotFound`."""
    return _named_coupon(coupons(tenant_id=tenant_id).select_for_update(no_key=True), reference)


def _named_coupon(rows: QuerySet[Coupon], reference: str) -> Coupon:
    named = coupon_named(reference)
    coupon = rows.filter(named).first() if named is not None else None
    if coupon is None:
        raise NotFound()
    return coupon
