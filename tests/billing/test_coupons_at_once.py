"""Two at the same moment, each on a connection of its own: one of them has the last use, and nothing is taken twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection

from billing.models import Coupon, CouponUse, Redemption
from billing.services.coupon_use import return_coupons
from common.constraints import violated_constraint
from common.errors import DomainError
from common.ids import encode_id
from common.prefixes import CUSTOMER
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.billing.coupon_cases import applied_to, coupon, customer, invoice, redemptions, times
from tests.clients import Api
from tests.conftest import AT

pytestmark = pytest.mark.django_db(transaction=True)


def outcomes(results: list[Any]) -> Counter[Any]:
    """Codes of refusals, constraints, or that it was done."""

    def said(one: Any) -> Any:
        if isinstance(one, DomainError):
            return one.code
        if isinstance(one, IntegrityError):
            return violated_constraint(one)
        if isinstance(one, Exception):
            return repr(one)
        return "done"

    return Counter(said(one) for one in results)


@pytest.fixture
def made(tenant: Tenant) -> Callable[..., tuple[Coupon, list[UUID]]]:
    def make(customers: int, **terms: Any) -> tuple[Coupon, list[UUID]]:
        with tenant_scope(tenant.id):
            return coupon(tenant, **terms), [customer(tenant) for _ in range(customers)]

    return make


@pytest.fixture
def invoiced(tenant: Tenant) -> Callable[..., Callable[[], Any]]:
    """An invoice of a customer in a transaction of its own, for `at_once`."""

    def make(customer_id: UUID, *codes: str, amount: int = 10_000) -> Callable[[], Any]:
        def run() -> Any:
            with tenant_scope(tenant.id):
                return invoice(tenant, customer_id, *codes, amount=amount)

        return run

    return make


def test_the_last_redemption_is_had_by_one_who_redeems(tenant: Tenant, api: Api, made: Any, at_once: Any) -> None:
    one, customers = made(6, max_redemptions=1)

    def redeem(customer_id: UUID) -> Callable[[], Any]:
        sent = {"customerId": encode_id(CUSTOMER, customer_id)}
        return lambda: Api(dict(api.headers)).post(f"/api/coupons/{one.code}/redeem", sent)

    answers = at_once(*[redeem(one) for one in customers])
    seen = Counter((one.status_code, one.json().get("code", "")) for one in answers)
    assert seen == {(201, one.code): 1, (422, "coupon_exhausted"): 5}
    with tenant_scope(tenant.id):
        assert (times(one), len(redemptions(one))) == (1, 1)


def test_the_last_redemption_is_had_by_one_invoice(tenant: Tenant, made: Any, invoiced: Any, at_once: Any) -> None:
    one, customers = made(5, max_redemptions=2)
    results = at_once(*[invoiced(each, one.code) for each in customers])
    assert outcomes(results) == {"done": 2, "coupon_exhausted": 3}
    with tenant_scope(tenant.id):
        assert (times(one), CouponUse.objects.count()) == (2, 2)


def test_a_customer_redeems_once_however_many_ask(tenant: Tenant, api: Api, made: Any, at_once: Any) -> None:
    one, [ada] = made(1, duration="forever")
    sent = {"customerId": encode_id(CUSTOMER, ada)}
    answers = at_once(*[lambda: Api(dict(api.headers)).post(f"/api/coupons/{one.code}/redeem", sent)] * 5)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 4}
    with tenant_scope(tenant.id):
        assert times(one) == 1


def test_invoices_of_a_customer_share_one_redemption(tenant: Tenant, made: Any, invoiced: Any, at_once: Any) -> None:
    one, [ada] = made(1, duration="repeating", duration_periods=3, max_redemptions=1)
    assert outcomes(at_once(*[invoiced(ada, one.code)] * 5)) == {"done": 3, "coupon_exhausted": 2}
    with tenant_scope(tenant.id):
        [row] = redemptions(one)
        assert (row.periods_used, row.ended_at, times(one)) == (3, AT, 1)


def test_a_customer_uses_a_coupon_once_however_many_invoices_name_it(
    tenant: Tenant, made: Any, invoiced: Any, at_once: Any
) -> None:
    one, [ada] = made(1)
    assert outcomes(at_once(*[invoiced(ada, one.code)] * 5)) == {"done": 1, "coupon_exhausted": 4}
    with tenant_scope(tenant.id):
        assert (times(one), CouponUse.objects.count()) == (1, 1)


def test_a_kept_amount_is_never_taken_twice(tenant: Tenant, made: Any, invoiced: Any, at_once: Any) -> None:
    one, [ada] = made(1, amount=1000, keep_remainder=True, max_redemptions=1)
    results = at_once(*[invoiced(ada, one.code, amount=300)] * 6)
    assert outcomes(results) == {"done": 4, "coupon_exhausted": 2}
    with tenant_scope(tenant.id):
        assert sorted(CouponUse.objects.values_list("amount", flat=True)) == [100, 300, 300, 300]


def test_invoices_with_the_same_coupons_in_another_order_do_not_wait_for_each_other_for_ever(
    tenant: Tenant, made: Any, invoiced: Any, at_once: Any
) -> None:
    first, customers = made(6)
    second, _ = made(0)
    pairs = [(first.code, second.code), (second.code, first.code)]
    results = at_once(*[invoiced(each, *pairs[index % 2]) for index, each in enumerate(customers)])
    assert outcomes(results) == {"done": 6}
    with tenant_scope(tenant.id):
        assert (times(first), times(second)) == (6, 6)


def test_an_invoice_gives_back_once_however_often_it_is_asked(tenant: Tenant, made: Any, at_once: Any) -> None:
    one, [ada] = made(1, duration="repeating", duration_periods=5)
    with tenant_scope(tenant.id):
        invoice_id, _ = invoice(tenant, ada, one.code)
        invoice(tenant, ada, one.code)

    def void() -> None:
        with tenant_scope(tenant.id):
            return_coupons(tenant_id=tenant.id, invoice_id=invoice_id, at=AT)

    assert outcomes(at_once(*[void] * 4)) == {"done": 4}
    with tenant_scope(tenant.id):
        assert ([row.periods_used for row in redemptions(one)], times(one)) == ([1], 1)


def test_the_check_decides_where_nobody_locked(tenant: Tenant, made: Any, at_once: Any) -> None:
    """Rows that are inserted past the services, as any other program could."""
    one, customers = made(5, max_redemptions=1)
    each, [ada] = made(1, max_redemptions_per_customer=2)
    silent, _ = made(0)

    def insert(of: Coupon, customer_id: UUID) -> Callable[[], Any]:
        def run() -> None:
            with tenant_scope(tenant.id):
                Redemption.objects.create(tenant_id=tenant.id, coupon_id=of.id, customer_id=customer_id, applied_at=AT)

        return run

    found = outcomes(at_once(*[insert(one, customer_id) for customer_id in customers]))
    assert found == {"done": 1, "coupon_redeemed_within_limit": 4}
    found = outcomes(at_once(*[insert(each, ada)] * 5))
    assert found == {"done": 2, "redemption_limit_of_customer": 3}
    found = outcomes(at_once(*[insert(silent, ada)] * 5))
    assert found == {"done": 1, "redemption_limit_of_customer": 4}


def test_a_preview_waits_for_nobody(tenant: Tenant, made: Any, at_once: Any) -> None:
    one, [ada] = made(1)

    def preview() -> int:
        with tenant_scope(tenant.id), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '1ms'")
            return len(applied_to(tenant, ada, one.code, lock=False))

    with tenant_scope(tenant.id):
        applied_to(tenant, ada, one.code, lock=True)
        assert at_once(preview) == [1]
