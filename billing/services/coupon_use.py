"""Redeeming coupons: beforehand, or by the invoice that uses them; what invoices take, and what comes back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from operator import or_
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, Q

from billing.errors import AlreadyRedeemed, CouponExhausted, CustomerErased
from billing.models import Coupon, CouponUse, Redemption
from billing.models.coupon import COUPON_WITHIN_LIMIT, CUSTOMER_WITHIN_LIMIT
from billing.rating import coupons as rating
from billing.rating.discounting import Taken
from billing.rating.errors import CurrencyDoesNotFit, DuplicateCoupon
from billing.redeeming import require_application_of, require_redeemable
from billing.selectors import coupon_named, coupons, get_customer, hold_customer, lock_coupon
from common.constraints import violated_constraint
from common.errors import NotFound
from common.ids import encode_id
from common.prefixes import COUPON


@dataclass(frozen=True, slots=True)
class Applied:
    """A coupon as an invoice in `currency` uses it. Without `redemption` the customer has none: one would be made."""

    coupon: Coupon
    redemption: Redemption | None
    engine: rating.Coupon
    currency: str


def redeem_coupon(
    *, tenant_id: UUID, reference: str, customer_id: UUID, at: dt.datetime, application_id: UUID | None
) -> Redemption:
    """Give the customer the coupon, to be used by their next invoice that names it. It takes one of its redemptions.

    `application_id` is that of the caller. Raises `NotFound` (path `customerId` for the customer), `CustomerErased`,
    `AlreadyRedeemed` when they have it and it is not used up, and what `require_redeemable` raises.
    """
    coupon = lock_coupon(tenant_id=tenant_id, reference=reference)
    hold_customer(tenant_id=tenant_id, customer_id=customer_id)
    customer = get_customer(tenant_id=tenant_id, customer_id=customer_id, path="customerId")
    if customer.erased_at is not None:
        raise CustomerErased()
    if _open_redemptions(tenant_id, customer_id, [coupon]):
        raise AlreadyRedeemed()
    require_application_of(coupon, application_id=application_id)
    times = _times_of(tenant_id, customer_id, [coupon])
    require_redeemable(coupon, at=at, times_of_customer=times.get(coupon.id, 0))
    redemption = Redemption(tenant_id=tenant_id, coupon=coupon, customer_id=customer_id, applied_at=at)
    with _within_limits():
        redemption.save(force_insert=True)
    return redemption


def coupons_for(
    *, tenant_id: UUID, customer_id: UUID | None, references: Sequence[str], currency: str, at: dt.datetime,
    application_id: UUID | None, lock: bool, any_application: bool = False, path: str = "coupons",
) -> list[Applied]:  # fmt: skip
    """The coupons of an invoice in the order given, each named by its code (in any case) or its id.

    What the customer has open is continued, the oldest first, whatever has become of window, limits and `active`;
    anything else must be redeemable at `at`. `application_id` is that of the caller; `any_application` is for coupons
    that a draft has already, whoever finalises it. With `lock` the coupons are held until the transaction ends, as
    issuing needs it; without, nothing is held or written. Raises, with the path `coupons[i]`: `NotFound`,
    `DuplicateCoupon`, `CurrencyDoesNotFit`, and what `billing.redeeming` raises.
    """
    chosen = _named_coupons(tenant_id, references, path, lock=lock)
    opened = _open_redemptions(tenant_id, customer_id, chosen)
    times = _times_of(tenant_id, customer_id, [one for one in chosen if one.id not in opened])
    applied = []
    for index, coupon in enumerate(chosen):
        place, redemption = f"{path}[{index}]", opened.get(coupon.id)
        if not any_application:
            require_application_of(coupon, application_id=application_id, path=place)
        if redemption is None:
            require_redeemable(coupon, at=at, times_of_customer=times.get(coupon.id, 0), path=place)
        if coupon.currency is not None and coupon.currency != currency:
            raise CurrencyDoesNotFit(coupon.currency, currency, path=place)
        engine = redemption.engine if redemption is not None else coupon.engine()
        applied.append(Applied(coupon, redemption, engine, currency))
    return applied


def use_coupons(
    *, tenant_id: UUID, customer_id: UUID, invoice_id: UUID, applied: Sequence[Applied], taken: Sequence[Taken],
    at: dt.datetime,
) -> None:  # fmt: skip
    """Write down what the invoice took: a use of each coupon that counted, and the redemptions as they stand then.

    A coupon that counts once and took nothing is neither used nor redeemed. `applied` come from `coupons_for` with
    `lock`, in this transaction: ValueError when a redemption has changed since it was read. Raises `CouponExhausted`
    when the limits refuse (only what was not locked).
    """
    taken_by = {one.coupon.code: one for one in taken}
    counted = [(one, taken_by[one.coupon.code]) for one in applied if one.coupon.code in taken_by]
    counted = [(one, took) for one, took in counted if took.after.periods_used != took.coupon.periods_used]
    made, uses = [], []
    for one, took in counted:
        if one.redemption is None:
            redemption = Redemption(
                tenant_id=tenant_id, coupon=one.coupon, customer_id=customer_id, invoice_id=invoice_id, applied_at=at,
                **_standing(took.after, at),
            )  # fmt: skip
            made.append(redemption)
        else:
            redemption = one.redemption
            _continue(one, took.after, at)
        uses.append(
            CouponUse(
                tenant_id=tenant_id, redemption=redemption, invoice_id=invoice_id, amount=took.amount,
                currency=one.currency, applied_at=at,
            )
        )  # fmt: skip
    if made:
        with _within_limits():
            Redemption.objects.bulk_create(made)
    CouponUse.objects.bulk_create(uses)


def return_coupons(*, tenant_id: UUID, invoice_id: UUID, at: dt.datetime) -> None:
    """A void invoice gives back what it took: amount and period, so that a redemption may be open again.

    A redemption that an invoice made goes back to the coupon with its last use; one that was reserved stays the
    customer's. Repeating it changes nothing.
    """
    mine = Q(tenant_id=tenant_id, invoice_id=invoice_id, returned_at__isnull=True)
    coupon_ids = list(CouponUse.objects.filter(mine).values_list("redemption__coupon_id", flat=True))
    if not coupon_ids:
        return
    held = Coupon.objects.filter(tenant_id=tenant_id, id__in=coupon_ids).order_by("id").select_for_update(no_key=True)
    rows = {coupon.id: coupon for coupon in held}
    uses = list(CouponUse.objects.filter(mine).select_related("redemption").order_by("id"))
    CouponUse.objects.filter(id__in=[use.id for use in uses]).update(returned_at=at)
    for use in uses:
        _give_back(use, rows[use.redemption.coupon_id], at)


def _give_back(use: CouponUse, coupon: Coupon, at: dt.datetime) -> None:
    row = use.redemption
    row.periods_used -= 1
    unused = row.periods_used == 0
    if coupon.keep_remainder:
        row.amount_left = None if unused else (row.amount_left or 0) + use.amount
    row.ended_at = None
    if unused and row.invoice_id is not None:
        row.ended_at = row.returned_at = at
    row.save(update_fields=["periods_used", "amount_left", "ended_at", "returned_at"])


def _standing(after: rating.Coupon, at: dt.datetime) -> dict[str, object]:
    """The columns of a redemption after an invoice."""
    return {
        "periods_used": after.periods_used, "amount_left": after.amount_left, "ended_at": at if after.ended else None,
    }  # fmt: skip


def _continue(one: Applied, after: rating.Coupon, at: dt.datetime) -> None:
    assert one.redemption is not None
    as_read = {"periods_used": one.engine.periods_used, "amount_left": one.engine.amount_left, "ended_at": None}
    row = Redemption.objects.filter(tenant_id=one.redemption.tenant_id, id=one.redemption.id, **as_read)
    if not row.update(**_standing(after, at)):
        raise ValueError("The redemption has changed since it was read. Read it with lock.")


def _named_coupons(tenant_id: UUID, references: Sequence[str], path: str, *, lock: bool) -> list[Coupon]:
    """In the order given. They are held in the order of their ids, so that two invoices never wait for each other."""
    named = [coupon_named(reference) for reference in references]
    conditions = [one for one in named if one is not None]
    rows: list[Coupon] = []
    if conditions:
        wanted = coupons(tenant_id=tenant_id, condition=reduce(or_, conditions)).order_by("id")
        rows = list(wanted.select_for_update(no_key=True) if lock else wanted)
    by_name = {encode_id(COUPON, one.id): one for one in rows} | {one.code: one for one in rows}
    chosen: list[Coupon] = []
    for index, reference in enumerate(references):
        coupon = by_name.get(reference) or by_name.get(reference.upper())
        if coupon is None or named[index] is None:
            raise NotFound(path=f"{path}[{index}]")
        if coupon in chosen:
            raise DuplicateCoupon(f"{path}[{index}]")
        chosen.append(coupon)
    return chosen


def _open_redemptions(tenant_id: UUID, customer_id: UUID | None, of: Sequence[Coupon]) -> dict[UUID, Redemption]:
    """The oldest open redemption of each coupon that the customer has."""
    if customer_id is None or not of:
        return {}
    known = {coupon.id: coupon for coupon in of}
    rows = Redemption.objects.filter(
        tenant_id=tenant_id, customer_id=customer_id, coupon_id__in=list(known), ended_at__isnull=True
    )
    found: dict[UUID, Redemption] = {}
    for row in rows.order_by("applied_at", "id"):
        row.coupon = known[row.coupon_id]
        found.setdefault(row.coupon_id, row)
    return found


def _times_of(tenant_id: UUID, customer_id: UUID | None, of: Sequence[Coupon]) -> dict[UUID, int]:
    """How often the customer has redeemed each of the coupons; what was returned does not count."""
    if customer_id is None or not of:
        return {}
    rows = Redemption.objects.filter(
        tenant_id=tenant_id, customer_id=customer_id, coupon_id__in=[one.id for one in of], returned_at__isnull=True
    )
    return dict(rows.values("coupon_id").annotate(times=Count("id")).values_list("coupon_id", "times"))


@contextmanager
def _within_limits() -> Iterator[None]:
    """Says so when the database refuses one redemption too many."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as refused:
        if violated_constraint(refused) not in (COUPON_WITHIN_LIMIT, CUSTOMER_WITHIN_LIMIT):
            raise
        raise CouponExhausted() from refused
