"""Claims about what invoices take from coupons, and what they give back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.errors import (
    AlreadyRedeemed,
    CouponExhausted,
    CouponExpired,
    CouponNotApplicable,
    CouponNotStarted,
)
from billing.models import CouponUse, Price, Redemption
from billing.rating.errors import CurrencyDoesNotFit, DuplicateCoupon
from billing.services.coupon_use import coupons_for, redeem_coupon, return_coupons, use_coupons
from billing.services.coupons import update_coupon
from billing.services.erasing import erase_customers
from billing.services.prices import create_price
from billing.services.products import create_product
from common.errors import DomainError, NotFound
from common.ids import encode_id, new_id
from common.prefixes import COUPON, PRICE, PRODUCT
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.services.tenants import create_application
from tests.billing.coupon_cases import applied_to, coupon, customer, discounted, invoice, line, redemptions, times
from tests.conftest import AT

pytestmark = pytest.mark.django_db
MOMENT = dt.timedelta(microseconds=1)


def refused(kind: type[DomainError], function: Callable[[], Any]) -> list[str]:
    """The paths that the refusal names."""
    with pytest.raises(kind) as found:
        function()
    assert type(found.value) is kind
    return [one.path for one in found.value.details]


def redeemed(tenant: Tenant, code: str, customer_id: Any, at: dt.datetime = AT) -> Redemption:
    return redeem_coupon(tenant_id=tenant.id, reference=code, customer_id=customer_id, at=at, application_id=None)


def void(tenant: Tenant, invoice_id: Any, at: dt.datetime = AT) -> None:
    return_coupons(tenant_id=tenant.id, invoice_id=invoice_id, at=at)


def test_the_window_begins_at_its_start_and_ends_before_its_end(scope: Tenant) -> None:
    start, end = AT, AT + dt.timedelta(days=1)
    code = coupon(scope, valid_from=start, valid_until=end).code
    for at, refusal in ((start - MOMENT, CouponNotStarted), (end, CouponExpired), (end + MOMENT, CouponExpired)):
        assert refused(refusal, partial(applied_to, scope, customer(scope), code, at=at)) == ["coupons[0]"]
        assert refused(refusal, partial(redeemed, scope, code, customer(scope), at)) == []
    for at in (start, end - MOMENT):
        assert invoice(scope, customer(scope), code, at=at)[1] == [1000]
        redeemed(scope, code, customer(scope), at)


def test_a_coupon_is_named_by_code_in_any_case_or_by_id(scope: Tenant) -> None:
    first, second = coupon(scope, code="First_1"), coupon(scope)
    found = applied_to(scope, None, encode_id(COUPON, second.id), "fIRST_1")
    assert [one.coupon.id for one in found] == [second.id, first.id]
    assert [one.redemption for one in found] == [None, None]


@pytest.mark.parametrize("name", ["nothing", "", "ß", "x" * 1000, "a\0b", "cpn_01hqx3qgf2c8mhwy9s6zwmf3yh"])
def test_an_unknown_one_is_not_found_by_its_place(scope: Tenant, name: str) -> None:
    known = coupon(scope, code="SS").code
    assert refused(NotFound, lambda: applied_to(scope, None, known, name)) == ["coupons[1]"]
    assert refused(NotFound, lambda: applied_to(scope, None, name, path="x.coupons")) == ["x.coupons[0]"]


def test_the_same_coupon_twice_is_refused_however_it_is_named(scope: Tenant) -> None:
    one = coupon(scope)
    for again in (one.code, one.code.lower(), encode_id(COUPON, one.id)):
        assert refused(DuplicateCoupon, partial(applied_to, scope, None, one.code, again)) == ["coupons[1]"]


def test_no_coupons_ask_nothing(scope: Tenant, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert applied_to(scope, customer_id=None) == []
    with django_assert_num_queries(1):
        void(scope, new_id())


def test_an_amount_in_another_currency_is_refused(scope: Tenant) -> None:
    codes = [coupon(scope).code, coupon(scope, amount=500).code]
    assert refused(CurrencyDoesNotFit, lambda: applied_to(scope, None, *codes, currency="USD")) == ["coupons[1]"]
    assert applied_to(scope, None, codes[0], currency="USD")[0].currency == "USD"


def test_an_invoice_redeems_what_the_customer_does_not_have(scope: Tenant) -> None:
    one, ada = coupon(scope), customer(scope)
    invoice_id, taken = invoice(scope, ada, one.code)
    assert taken == [1000]
    [made] = redemptions(one)
    assert (made.customer_id, made.invoice_id, made.applied_at, made.ended_at) == (ada, invoice_id, AT, AT)
    assert (made.periods_used, made.amount_left, made.returned_at, made.subscription_id) == (1, None, None, None)
    [use] = CouponUse.objects.all()
    assert (use.invoice_id, use.amount, use.currency, use.applied_at) == (invoice_id, 1000, "EUR", AT)
    assert (times(one), one.redeemed_at) == (1, AT)


def test_what_was_redeemed_beforehand_is_continued_by_the_first_invoice(scope: Tenant) -> None:
    one, ada = coupon(scope, max_redemptions=1, valid_until=AT + MOMENT), customer(scope)
    reserved = redeemed(scope, one.code, ada)
    late = AT + dt.timedelta(days=9)
    assert refused(CouponExpired, lambda: applied_to(scope, customer(scope), one.code, at=late)) == ["coupons[0]"]
    assert invoice(scope, ada, one.code, at=late)[1] == [1000]
    [row] = redemptions(one)
    assert (row.id, row.invoice_id, row.periods_used, row.ended_at) == (reserved.id, None, 1, late)
    assert times(one) == 1
    assert refused(CouponExhausted, lambda: applied_to(scope, ada, one.code)) == ["coupons[0]"]


def test_a_repeating_coupon_counts_for_so_many_invoices_of_a_customer(scope: Tenant) -> None:
    one = coupon(scope, duration="repeating", duration_periods=3, max_redemptions=1)
    ada = customer(scope)
    for used in (1, 2, 3):
        assert invoice(scope, ada, one.code)[1] == [1000]
        [row] = redemptions(one)
        assert (row.periods_used, row.ended_at is not None) == (used, used == 3)
    assert times(one) == 1
    assert refused(CouponExhausted, lambda: applied_to(scope, ada, one.code)) == ["coupons[0]"]


def test_a_period_without_anything_to_take_counts_for_a_repeating_coupon_only(scope: Tenant) -> None:
    once, twice = coupon(scope), coupon(scope, duration="repeating", duration_periods=2)
    ada = customer(scope)
    assert invoice(scope, ada, once.code, twice.code, amount=0)[1] == [0, 0]
    assert (redemptions(once), times(once), once.redeemed_at) == ([], 0, None)
    assert [row.periods_used for row in redemptions(twice)] == [1]
    assert [use.amount for use in CouponUse.objects.all()] == [0]


def test_a_coupon_for_ever_never_ends(scope: Tenant) -> None:
    one, ada = coupon(scope, duration="forever", amount=700), customer(scope)
    assert [invoice(scope, ada, one.code)[1] for _ in range(4)] == [[700]] * 4
    [row] = redemptions(one)
    assert (row.periods_used, row.amount_left, row.ended_at) == (4, None, None)


@pytest.mark.parametrize("active", [True, False])
def test_who_has_a_coupon_keeps_it_when_it_is_stopped(scope: Tenant, active: bool) -> None:
    one, ada = coupon(scope, duration="forever"), customer(scope)
    invoice(scope, ada, one.code)
    update_coupon(tenant_id=scope.id, reference=one.code, at=AT, changes={"active": active})
    assert invoice(scope, ada, one.code)[1] == [1000]
    if not active:
        assert refused(CouponNotApplicable, lambda: applied_to(scope, customer(scope), one.code)) == ["coupons[0]"]


def test_what_an_amount_leaves_is_kept_for_the_next_invoices(scope: Tenant) -> None:
    one, ada = coupon(scope, amount=1000, keep_remainder=True), customer(scope)
    seen = []
    for amount in (300, 0, 500, 900):
        taken = invoice(scope, ada, one.code, amount=amount)[1]
        [row] = redemptions(one)
        seen.append((taken, row.amount_left, row.periods_used, row.ended_at is not None))
    assert seen == [([300], 700, 1, False), ([0], 700, 1, False), ([500], 200, 2, False), ([200], 0, 3, True)]
    assert sum(use.amount for use in CouponUse.objects.all()) == 1000
    assert times(one) == 1


def test_what_an_amount_leaves_is_lost_otherwise(scope: Tenant) -> None:
    one, ada = coupon(scope, amount=1000, max_redemptions=1), customer(scope)
    assert invoice(scope, ada, one.code, amount=300)[1] == [300]
    [row] = redemptions(one)
    assert (row.amount_left, row.ended_at) == (None, AT)
    assert refused(CouponExhausted, lambda: applied_to(scope, ada, one.code)) == ["coupons[0]"]


def test_the_limit_of_each_customer_counts_what_was_not_returned(scope: Tenant) -> None:
    one, ada, bob = coupon(scope, max_redemptions_per_customer=2), customer(scope), customer(scope)
    first, _ = invoice(scope, ada, one.code)
    invoice(scope, ada, one.code)
    assert refused(CouponExhausted, lambda: applied_to(scope, ada, one.code)) == ["coupons[0]"]
    assert refused(CouponExhausted, lambda: redeemed(scope, one.code, ada)) == []
    assert invoice(scope, bob, one.code)[1] == [1000]
    void(scope, first)
    assert invoice(scope, ada, one.code)[1] == [1000]
    assert refused(CouponExhausted, lambda: applied_to(scope, ada, one.code)) == ["coupons[0]"]


@pytest.mark.parametrize(
    "terms",
    [{}, {"duration": "repeating", "duration_periods": 1}, {"amount": 500}, {"amount": 500, "keep_remainder": True}],
    ids=["once", "repeating", "an amount", "a kept amount"],
)
@pytest.mark.parametrize("beforehand", [True, False])
def test_a_customer_has_a_coupon_once_unless_it_says_how_often(scope: Tenant, terms: Any, beforehand: bool) -> None:
    one, ada = coupon(scope, **terms), customer(scope)
    if beforehand:
        redeemed(scope, one.code, ada)
    invoice_id, _ = invoice(scope, ada, one.code)
    for lock in (True, False):
        assert refused(CouponExhausted, partial(applied_to, scope, ada, one.code, lock=lock)) == ["coupons[0]"]
    assert refused(CouponExhausted, lambda: redeemed(scope, one.code, ada)) == []
    assert len(redemptions(one)) == times(one) == 1
    assert invoice(scope, customer(scope), one.code)[1] != [0]
    void(scope, invoice_id)
    assert invoice(scope, ada, one.code)[1] != [0]


def test_without_a_customer_only_the_limits_of_all_count(scope: Tenant) -> None:
    one = coupon(scope, max_redemptions=1, max_redemptions_per_customer=1)
    assert len(applied_to(scope, None, one.code, lock=False)) == 1
    invoice(scope, customer(scope), one.code)
    assert refused(CouponExhausted, lambda: applied_to(scope, None, one.code, lock=False)) == ["coupons[0]"]


def test_a_preview_writes_and_holds_nothing(scope: Tenant) -> None:
    one, ada = coupon(scope, duration="forever"), customer(scope)
    with CaptureQueriesContext(connection) as queries:
        applied_to(scope, ada, one.code, lock=False)
    assert all(query["sql"].startswith("SELECT") and "FOR " not in query["sql"] for query in queries)
    assert (redemptions(one), times(one)) == ([], 0)


def test_three_coupons_cost_a_fixed_number_of_queries(scope: Tenant, django_assert_num_queries: Any) -> None:
    ada = customer(scope)
    codes = [coupon(scope, max_redemptions_per_customer=3, duration="forever").code for _ in range(3)]
    with django_assert_num_queries(4):  # coupons, targets, redemptions, and how often: no more for thirty
        applied_to(scope, ada, *codes)
    with django_assert_num_queries(4 + 4):  # redemptions between a savepoint and its release, and uses
        invoice(scope, ada, *codes)
    with django_assert_num_queries(3 + 3 + 1):  # none is new, each redemption changes
        invoice(scope, ada, *codes)


def test_a_coupon_of_an_application_is_for_its_callers_also_once_it_was_redeemed(scope: Tenant) -> None:
    mine, other = (create_application(tenant_id=scope.id, slug=slug, name=slug, at=AT).id for slug in ("a", "b"))
    one, ada = coupon(scope, application_id=mine, duration="forever"), customer(scope)
    assert invoice(scope, ada, one.code, application_id=mine)[1] == [1000]
    for caller in (other, None):
        found = refused(CouponNotApplicable, partial(applied_to, scope, ada, one.code, application_id=caller))
        assert found == ["coupons[0]"]
    assert applied_to(scope, ada, coupon(scope).code, application_id=other)


@pytest.fixture
def price(scope: Tenant) -> Price:
    product = create_product(tenant_id=scope.id, at=AT, name="API", type="recurring")
    terms = {"currency": "EUR", "model": "flat", "unitAmount": 100}
    return create_price(tenant_id=scope.id, at=AT, product_id=product.id, terms=terms)


def test_a_restricted_coupon_takes_from_its_lines_only(scope: Tenant, price: Price) -> None:
    of_product = coupon(scope, percentage="50", product_ids=[price.product_id])
    of_price = coupon(scope, percentage="10", price_ids=[price.id])
    lines = [
        line(1000, product_id=encode_id(PRODUCT, price.product_id)), line(2000, price_id=encode_id(PRICE, price.id)),
        line(4000),
    ]  # fmt: skip
    assert invoice(scope, customer(scope), of_product.code, of_price.code, lines=lines)[1] == [500, 200]


def test_a_void_invoice_gives_back_the_redemption_that_it_made(scope: Tenant) -> None:
    one, ada, bob = coupon(scope, max_redemptions=1), customer(scope), customer(scope)
    invoice_id, _ = invoice(scope, ada, one.code)
    later = AT + dt.timedelta(days=1)
    void(scope, invoice_id, later)
    [row] = redemptions(one)
    assert (row.periods_used, row.ended_at, row.returned_at, times(one)) == (0, later, later, 0)
    assert [use.returned_at for use in CouponUse.objects.all()] == [later]
    assert invoice(scope, bob, one.code)[1] == [1000]
    assert times(one) == 1


def test_giving_back_twice_changes_nothing_more(scope: Tenant) -> None:
    one, ada = coupon(scope, duration="repeating", duration_periods=5), customer(scope)
    first, _ = invoice(scope, ada, one.code)
    invoice(scope, ada, one.code)
    for day in (1, 2):
        void(scope, first, AT + dt.timedelta(days=day))
    [row] = redemptions(one)
    assert (row.periods_used, times(one)) == (1, 1)
    assert CouponUse.objects.get(invoice_id=first).returned_at == AT + dt.timedelta(days=1)


def test_what_was_reserved_stays_the_customers_when_its_invoice_is_void(scope: Tenant) -> None:
    one, ada = coupon(scope, max_redemptions=1), customer(scope)
    redeemed(scope, one.code, ada)
    invoice_id, _ = invoice(scope, ada, one.code)
    void(scope, invoice_id)
    [row] = redemptions(one)
    assert (row.periods_used, row.ended_at, row.returned_at, times(one)) == (0, None, None, 1)
    assert refused(AlreadyRedeemed, lambda: redeemed(scope, one.code, ada)) == []
    assert invoice(scope, ada, one.code)[1] == [1000]


def test_a_period_comes_back_and_the_redemption_is_open_again(scope: Tenant) -> None:
    one, ada = coupon(scope, duration="repeating", duration_periods=2, max_redemptions=1), customer(scope)
    first, _ = invoice(scope, ada, one.code)
    second, _ = invoice(scope, ada, one.code)
    void(scope, first)
    [row] = redemptions(one)
    assert (row.periods_used, row.ended_at, row.returned_at) == (1, None, None)
    third, taken = invoice(scope, ada, one.code)
    assert taken == [1000]
    void(scope, second)
    assert times(one) == 1
    void(scope, third)
    [row] = redemptions(one)
    assert (row.periods_used, row.returned_at, times(one)) == (0, AT, 0)


def test_a_kept_amount_comes_back_to_what_is_left(scope: Tenant) -> None:
    one, ada = coupon(scope, amount=1000, keep_remainder=True), customer(scope)
    first, _ = invoice(scope, ada, one.code, amount=600)
    second, taken = invoice(scope, ada, one.code, amount=900)
    assert taken == [400]
    void(scope, first)
    [row] = redemptions(one)
    assert (row.amount_left, row.periods_used, row.ended_at) == (600, 1, None)
    third, taken = invoice(scope, ada, one.code, amount=900)
    assert taken == [600]
    void(scope, second)
    void(scope, third)
    [row] = redemptions(one)
    assert (row.amount_left, row.returned_at, times(one)) == (None, AT, 0)


def test_an_amount_that_is_not_kept_counts_whole_after_it_came_back(scope: Tenant) -> None:
    one, ada = coupon(scope, amount=1000), customer(scope)
    redeemed(scope, one.code, ada)
    void(scope, invoice(scope, ada, one.code, amount=300)[0])
    assert invoice(scope, ada, one.code, amount=5000)[1] == [1000]


def test_each_coupon_of_a_void_invoice_comes_back(scope: Tenant) -> None:
    ada, found = customer(scope), [coupon(scope), coupon(scope, amount=5)]
    invoice_id, _ = invoice(scope, ada, *[one.code for one in found])
    void(scope, invoice_id)
    assert [times(one) for one in found] == [0, 0]


def test_of_two_open_redemptions_the_older_is_continued(scope: Tenant) -> None:
    one, ada = coupon(scope, max_redemptions_per_customer=2), customer(scope)
    first = redeemed(scope, one.code, ada)
    invoice_id, _ = invoice(scope, ada, one.code)
    second = redeemed(scope, one.code, ada, AT + dt.timedelta(days=1))
    void(scope, invoice_id)
    assert [row.ended_at for row in redemptions(one)] == [None, None]
    for expected in (first, second):
        assert applied_to(scope, ada, one.code)[0].redemption.id == expected.id
        assert invoice(scope, ada, one.code)[1] == [1000]
    assert times(one) == 2


def test_what_changed_since_it_was_read_is_not_used(scope: Tenant) -> None:
    one, ada = coupon(scope, amount=1000, keep_remainder=True), customer(scope)
    invoice(scope, ada, one.code, amount=300)
    stale = coupons_for(
        tenant_id=scope.id, customer_id=ada, references=[one.code], currency="EUR", at=AT, application_id=None,
        lock=False,
    )  # fmt: skip
    taken = discounted(stale, line(700))
    invoice(scope, ada, one.code, amount=700)
    with pytest.raises(ValueError, match="changed since"):
        use_coupons(tenant_id=scope.id, customer_id=ada, invoice_id=new_id(), applied=stale, taken=taken, at=AT)


def test_erasing_a_customer_leaves_what_they_redeemed_and_their_invoices_give_it_back(scope: Tenant) -> None:
    one, ada = coupon(scope), customer(scope)
    invoice_id, _ = invoice(scope, ada, one.code)
    assert erase_customers(customer_ids=[ada], at=AT)
    assert [row.customer_id for row in redemptions(one)] == [ada]
    void(scope, invoice_id)
    assert times(one) == 0


def test_another_tenants_coupons_and_redemptions_do_not_exist(scope: Tenant, other_tenant: Tenant) -> None:
    one, ada = coupon(scope, code="MINE"), customer(scope)
    invoice_id, _ = invoice(scope, ada, one.code)
    with tenant_scope(other_tenant.id):
        assert refused(NotFound, lambda: applied_to(other_tenant, None, "MINE")) == ["coupons[0]"]
        void(other_tenant, invoice_id)
    assert times(one) == 1
