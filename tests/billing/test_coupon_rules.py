"""What the database itself refuses about coupons, redemptions and uses, whoever asks."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import CouponExhausted
from billing.models import Coupon, CouponTarget, CouponUse, Plan, Redemption
from billing.rating.coupons import coupon_from
from billing.services.coupon_use import return_coupons, use_coupons
from billing.services.coupons import CHANGEABLE, create_coupon, update_coupon
from billing.services.plans import create_plan
from billing.sql_coupons import COUPON_GUARD
from common.constraints import violated_constraint
from common.ids import new_id
from tenants.models import Tenant
from tests.billing.coupon_cases import _numbers, applied_to, coupon, customer, discounted, invoice, redemptions, times
from tests.conftest import AT

pytestmark = pytest.mark.django_db
SHARE = {"type": "percentage", "percentage": Decimal(10), "amount": None, "currency": None}
AMOUNT = {"type": "amount", "percentage": None, "amount": 5, "currency": "EUR"}


def refused(function: Any) -> str | None:
    """The constraint that stands against it."""
    with pytest.raises(IntegrityError) as found, transaction.atomic():
        function()
    return violated_constraint(found.value)


def reserved(tenant: Tenant, of: Coupon, **columns: Any) -> Redemption:
    """A row, made past the services."""
    given: dict[str, Any] = {"customer_id": columns.pop("customer_id", None) or customer(tenant), "applied_at": AT}
    return Redemption.objects.create(tenant_id=tenant.id, coupon_id=of.id, **given | columns)


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"code": "ten"}, "coupon_code_shape"),
        ({"code": ""}, "coupon_code_shape"),
        ({"name": ""}, "coupon_name_not_empty"),
        (SHARE | {"percentage": Decimal(0)}, "coupon_takes_a_share_or_an_amount"),
        (SHARE | {"percentage": Decimal("100.000000000001")}, "coupon_takes_a_share_or_an_amount"),
        (SHARE | {"percentage": None}, "coupon_takes_a_share_or_an_amount"),
        (SHARE | {"amount": 5}, "coupon_takes_a_share_or_an_amount"),
        (SHARE | {"currency": "EUR"}, "coupon_takes_a_share_or_an_amount"),
        (AMOUNT | {"amount": 0}, "coupon_takes_a_share_or_an_amount"),
        (AMOUNT | {"amount": None}, "coupon_takes_a_share_or_an_amount"),
        (AMOUNT | {"amount": 10**15 + 1}, "coupon_takes_a_share_or_an_amount"),
        (AMOUNT | {"currency": None}, "coupon_takes_a_share_or_an_amount"),
        (AMOUNT | {"currency": "eur"}, "coupon_takes_a_share_or_an_amount"),
        (AMOUNT | {"percentage": Decimal(5)}, "coupon_takes_a_share_or_an_amount"),
        ({"type": "free"}, "coupon_takes_a_share_or_an_amount"),
        ({"duration": "never"}, "coupon_periods_fit_its_duration"),
        ({"duration": "repeating"}, "coupon_periods_fit_its_duration"),
        ({"duration": "repeating", "duration_periods": 0}, "coupon_periods_fit_its_duration"),
        ({"duration": "once", "duration_periods": 1}, "coupon_periods_fit_its_duration"),
        (SHARE | {"keep_remainder": True}, "coupon_remainder_of_an_amount_that_counts_once"),
        (AMOUNT | {"keep_remainder": True, "duration": "forever"}, "coupon_remainder_of_an_amount_that_counts_once"),
        ({"valid_from": AT, "valid_until": AT}, "coupon_ends_after_it_starts"),
        ({"max_redemptions": 0}, "coupon_limits_positive"),
        ({"max_redemptions_per_customer": 0}, "coupon_limits_positive"),
        ({"times_redeemed": -1}, "coupon_redeemed_within_limit"),
        ({"times_redeemed": 2, "max_redemptions": 1}, "coupon_redeemed_within_limit"),
    ],
    ids=[f"case {number}" for number in range(1, 27)],
)  # fmt: skip
def test_a_coupon_that_is_none_is_not_stored(scope: Tenant, columns: dict[str, Any], constraint: str) -> None:
    row = Coupon.objects.filter(id=coupon(scope).id)
    assert refused(lambda: row.update(**columns)) == constraint


def test_a_target_is_one_thing_and_named_once(scope: Tenant) -> None:
    plan = create_plan(tenant_id=scope.id, at=AT, name="Pro", currency="EUR")
    one = coupon(scope, plan_ids=[plan.id])
    base = {"tenant_id": scope.id, "coupon_id": one.id, "position": 1}
    assert refused(lambda: CouponTarget.objects.create(**base, plan_id=plan.id)) == "coupon_target_plan_once"
    assert refused(lambda: CouponTarget.objects.create(**base)) == "coupon_target_is_one_thing"
    assert refused(lambda: CouponTarget.objects.create(**base, plan_id=new_id())) == "coupon_target_plan"
    with pytest.raises(IntegrityError), transaction.atomic():
        Plan.objects.filter(id=plan.id)._raw_delete("default")


FINAL = {
    "code": "OTHER", "percentage": Decimal(20), "duration": "forever", "valid_from": AT, "stacking_order": 5,
    "max_redemptions_per_customer": 7, "created_at": AT + dt.timedelta(1), "redeemed_at": None,
    "application_id": new_id(),
}  # fmt: skip
FREE = {
    "name": "Other", "valid_until": AT + dt.timedelta(9), "max_redemptions": 9, "active": False, "metadata": {"a": "b"},
    "updated_at": AT + dt.timedelta(1),
}  # fmt: skip


@pytest.mark.parametrize("column", FINAL)
def test_the_terms_of_a_coupon_are_final_once_it_was_redeemed(scope: Tenant, column: str) -> None:
    one = coupon(scope)
    row = Coupon.objects.filter(id=one.id)
    if column not in ("application_id", "redeemed_at"):
        row.update(**{column: FINAL[column]})
        one.save()
    reserved(scope, one)
    assert refused(lambda: row.update(**{column: FINAL[column]})) == "coupon_redeemed_is_final"


def test_the_rest_of_a_redeemed_coupon_still_changes_and_it_is_never_deleted(scope: Tenant) -> None:
    one = coupon(scope)
    row = Coupon.objects.filter(id=one.id)
    reserved(scope, one)
    assert row.update(**FREE) == 1
    return_coupons(tenant_id=scope.id, invoice_id=new_id(), at=AT)
    assert refused(lambda: row._raw_delete("default")) == "coupon_redeemed_is_final"


def test_the_guard_lets_through_what_the_service_changes() -> None:
    found = {frozenset(one.split(",")) for one in re.findall(r"'\{([a-z_,]+)\}'", COUPON_GUARD)}
    assert found == {frozenset({*CHANGEABLE, "times_redeemed", "updated_at"})}


def test_what_a_redeemed_coupon_is_restricted_to_is_final(scope: Tenant) -> None:
    plan, other = (create_plan(tenant_id=scope.id, at=AT, name=name, currency="EUR") for name in ("A", "B"))
    one = coupon(scope, plan_ids=[plan.id])
    targets = CouponTarget.objects.filter(coupon_id=one.id)
    targets.update(position=7)
    reserved(scope, one)
    base = {"tenant_id": scope.id, "coupon_id": one.id, "position": 1}
    assert refused(lambda: CouponTarget.objects.create(**base, plan_id=other.id)) == "coupon_target_final"
    assert refused(lambda: targets.update(plan_id=other.id)) == "coupon_target_final"
    assert refused(lambda: targets._raw_delete("default")) == "coupon_target_final"


def test_redemptions_are_counted_past_the_services_too(scope: Tenant) -> None:
    one = coupon(scope, max_redemptions=2)
    first = reserved(scope, one)
    later = AT + dt.timedelta(1)
    reserved(scope, one, applied_at=later)
    assert (times(one), one.redeemed_at) == (2, AT)
    assert refused(lambda: reserved(scope, one)) == "coupon_redeemed_within_limit"
    assert times(one) == 2
    Redemption.objects.filter(id=first.id).update(ended_at=later, returned_at=later)
    assert times(one) == 1
    reserved(scope, one)
    assert times(one) == 2


def test_the_limit_of_a_customer_holds_past_the_services_too(scope: Tenant) -> None:
    one, ada = coupon(scope, max_redemptions_per_customer=1), customer(scope)
    first = reserved(scope, one, customer_id=ada)
    assert refused(lambda: reserved(scope, one, customer_id=ada)) == "redemption_limit_of_customer"
    reserved(scope, one)
    Redemption.objects.filter(id=first.id).update(ended_at=AT, returned_at=AT)
    reserved(scope, one, customer_id=ada)
    assert times(one) == 2


def test_whoever_read_without_holding_is_refused_by_the_database(scope: Tenant) -> None:
    one, each = coupon(scope, max_redemptions=1), coupon(scope, max_redemptions_per_customer=1)
    for limited in (one, each):
        ada = customer(scope)
        stale = applied_to(scope, ada, limited.code, lock=False)
        invoice(scope, ada, limited.code)
        with pytest.raises(CouponExhausted):
            use_coupons(
                tenant_id=scope.id, customer_id=ada, invoice_id=new_id(), applied=stale, taken=discounted(stale), at=AT
            )
        assert (times(limited), CouponUse.objects.filter(redemption__coupon_id=limited.id).count()) == (1, 1)


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"applied_at": AT + dt.timedelta(1)}, "redemption_final"),
        ({"invoice_id": new_id()}, "redemption_final"),
        ({"subscription_id": new_id()}, "redemption_final"),
        ({"customer_id": new_id()}, "redemption_final"),
        ({"coupon_id": new_id()}, "redemption_final"),
        ({"periods_used": -1}, "redemption_periods_not_negative"),
        ({"amount_left": -1}, "redemption_left_range"),
        ({"returned_at": AT}, "redemption_returned_is_unused_and_over"),
        ({"returned_at": AT, "ended_at": AT, "periods_used": 1}, "redemption_returned_is_unused_and_over"),
    ],
    ids=[f"case {number}" for number in range(1, 10)],
)  # fmt: skip
def test_of_a_redemption_only_what_is_used_changes(scope: Tenant, columns: dict[str, Any], constraint: str) -> None:
    row = Redemption.objects.filter(id=reserved(scope, coupon(scope)).id)
    assert refused(lambda: row.update(**columns)) == constraint


def test_a_redemption_is_never_deleted_and_what_was_returned_stays_so(scope: Tenant) -> None:
    one = coupon(scope)
    row = Redemption.objects.filter(id=reserved(scope, one).id)
    assert refused(lambda: row._raw_delete("default")) == "redemption_kept"
    assert refused(lambda: reserved(scope, one, returned_at=AT, ended_at=AT)) == "redemption_begins"
    row.update(ended_at=AT, returned_at=AT)
    assert refused(lambda: row.update(ended_at=None, returned_at=None)) == "redemption_final"
    assert refused(lambda: row._raw_delete("default")) == "redemption_kept"


@pytest.mark.parametrize("column", ["amount", "currency", "invoice_id", "applied_at", "redemption_id"])
def test_what_an_invoice_took_never_changes(scope: Tenant, column: str) -> None:
    invoice(scope, customer(scope), coupon(scope).code)
    values: dict[str, Any] = {"amount": 1, "currency": "USD", "applied_at": AT + dt.timedelta(1)}
    row = CouponUse.objects.all()
    assert refused(lambda: row.update(**{column: values.get(column) or new_id()})) == "coupon_use_is_final"
    assert refused(lambda: row._raw_delete("default")) == "coupon_use_is_final"
    row.update(returned_at=AT)
    for again in (None, AT + dt.timedelta(1)):
        assert refused(lambda again=again: row.update(returned_at=again)) == "coupon_use_is_final"


def test_an_invoice_uses_a_redemption_once(scope: Tenant) -> None:
    one = coupon(scope, duration="forever")
    invoice_id, _ = invoice(scope, customer(scope), one.code)
    [row] = redemptions(one)
    given = {"tenant_id": scope.id, "redemption_id": row.id, "invoice_id": invoice_id, "amount": 1, "applied_at": AT}
    assert refused(lambda: CouponUse.objects.create(**given, currency="EUR")) == "coupon_use_once_per_invoice"
    other = given | {"invoice_id": new_id()}
    assert (
        refused(lambda: CouponUse.objects.create(**other | {"amount": -1}, currency="EUR")) == "coupon_use_amount_range"
    )
    assert refused(lambda: CouponUse.objects.create(**other, currency="eur")) == "coupon_use_currency_shape"


def test_only_what_may_change_is_taken_by_the_service(scope: Tenant) -> None:
    one = coupon(scope)
    with pytest.raises(ValueError, match="percentage"):
        update_coupon(tenant_id=scope.id, reference=one.code, at=AT, changes={"percentage": Decimal(5)})


SHARES = st.integers(1, 100 * 10**12).map(lambda scaled: format(Decimal(scaled).scaleb(-12), "f"))
DURATIONS = st.sampled_from([("once", None), ("forever", None), ("repeating", 1), ("repeating", 1000)])


@given(share=SHARES, duration=DURATIONS, order=st.integers(-(10**6), 10**6))
def test_any_share_comes_back_from_the_database_as_the_engine_knew_it(
    scope: Tenant, share: str, duration: tuple[str, int | None], order: int
) -> None:
    terms: dict[str, Any] = {"duration": duration[0], "duration_periods": duration[1], "stacking_order": order}
    code = f"P{next(_numbers)}"
    made = create_coupon(
        tenant_id=scope.id, at=AT, code=code, name="P", type="percentage", percentage=share, **terms
    )  # fmt: skip
    made.refresh_from_db()
    assert made.engine() == coupon_from(
        {"code": code, "type": "percentage", "percentage": share, "duration": duration[0],
         "durationPeriods": duration[1], "stackingOrder": order}
    )  # fmt: skip


@given(amount=st.integers(1, 10**15), left=st.integers(0, 10**15), used=st.integers(0, 5))
def test_any_amount_comes_back_with_what_is_left_of_it(scope: Tenant, amount: int, left: int, used: int) -> None:
    one = coupon(scope, amount=amount, keep_remainder=True)
    row = reserved(scope, one, periods_used=used, amount_left=min(left, amount))
    found = Redemption.objects.select_related("coupon").get(id=row.id).engine
    assert (found.available, found.amount, found.periods_used) == (min(left, amount), amount, used)
    assert (found.currency, found.keep_remainder) == ("EUR", True)
