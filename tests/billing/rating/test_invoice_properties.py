"""What holds for every invoice: nothing is lost between lines, coupons, taxes and total."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from billing.rating.coupons import coupon_data, coupon_from
from billing.rating.derivation import replay
from billing.rating.discounting import discount
from billing.rating.lines import line_data, line_from, lines_from
from billing.rating.totals import total
from tests.billing.rating.reference import problems_of
from tests.billing.rating.strategies import LARGEST, coupons, decimals, lines, several_coupons

percentages = st.lists(decimals(100).filter(lambda value: value.strip("0.") != ""), min_size=2, max_size=4)


@settings(max_examples=150)
@given(lines(least=-2000), several_coupons, st.integers(0, LARGEST))
def test_the_parts_of_an_invoice_sum_to_the_whole(given_lines: Any, given_coupons: Any, credit: int):
    read = lines_from(given_lines)
    found = total(read, [coupon_from(one) for one in given_coupons], currency="EUR", credit=credit)
    shares = found.discounted.shares
    left = [line.amount - share for line, share in zip(read, shares, strict=True)]
    assert sum(shares) == sum(one.amount for one in found.discounted.taken)
    assert all(min(0, line.amount) <= share <= max(0, line.amount) for line, share in zip(read, shares, strict=True))
    assert all(share >= 0 for share in shares) or not any(left), "a credit loses only where nothing is left"
    assert found.total == found.subtotal - found.discount + found.tax
    assert sum(found.taxed.nets) == found.subtotal - found.discount
    assert sum(left) >= min(0, sum(line.amount for line in read)), "coupons alone make nothing negative"
    assert all(
        min(0, share) <= net <= max(0, share) for net, share in zip(found.net_discounts, shares, strict=True)
    )  # fmt: skip
    assert found.due + found.credit_used == max(0, found.total)
    for derivation in (found.discounted.derivation, found.taxed.derivation, found.derivation):
        assert replay(derivation).matches
        assert problems_of(derivation) == []


@settings(max_examples=300)
@given(lines(least=-2000), several_coupons)
def test_a_coupon_makes_no_invoice_negative(given_lines: Any, given_coupons: Any):
    read = lines_from(given_lines)
    before = total(read, currency="EUR")
    after = total(read, [coupon_from(one) for one in given_coupons], currency="EUR")
    assert min(0, before.total) <= after.total
    assert min(0, before.subtotal) <= after.subtotal - after.discount
    assert all(one.amount >= 0 for one in after.discounted.taken)
    if before.subtotal >= 0:
        assert after.discount >= 0


@settings(max_examples=300)
@given(lines(least=-LARGEST), several_coupons)
def test_a_coupon_that_is_larger_than_the_invoice_leaves_neither_a_total_nor_tax(given_lines: Any, others: Any):
    """Whatever the rates of charges and credits, and whatever other coupons have left of them."""
    read = lines_from(given_lines)
    before = total(read, currency="EUR")
    assume(sum(line.amount for line in read) >= 0 <= min(before.total, before.subtotal))
    larger = {"code": "ALL", "type": "amount", "amount": 10**17, "currency": "EUR", "stackingOrder": 9}
    after = total(read, [coupon_from(one) for one in (*others, larger)], currency="EUR")
    assert (after.total, after.tax, after.subtotal) == (0, 0, after.discount)
    assert [(row.taxable, row.tax) for row in after.taxed.rows] == [(0, 0) for _ in after.taxed.rows]


@given(lines(least=-2000), st.lists(st.integers(1, 4000), min_size=2, max_size=2))
def test_of_a_larger_amount_no_more_is_left_to_pay(given_lines: Any, amounts: list[int]):
    """But for a cent of each line and rate, by which shares and taxes are rounded."""
    read = lines_from(given_lines)
    data = {"code": "C", "type": "amount", "currency": "EUR"}
    less, more = (
        total(read, [coupon_from({**data, "amount": amount})], currency="EUR").total for amount in sorted(amounts)
    )
    assert more <= less + 2 * len(read)


@given(lines(least=-2000, behaviors=("inclusive",)), several_coupons)
def test_the_total_of_inclusive_lines_is_their_gross(given_lines: Any, given_coupons: Any):
    read = lines_from(given_lines)
    found = total(read, [coupon_from(one) for one in given_coupons], currency="EUR")
    assert found.total == sum(line.amount for line in read) - found.discounted.amount


@given(lines(behaviors=("exclusive",)), several_coupons)
def test_exclusive_lines_keep_their_amounts_and_shares(given_lines: Any, given_coupons: Any):
    read = lines_from(given_lines)
    found = total(read, [coupon_from(one) for one in given_coupons], currency="EUR")
    assert list(found.net_amounts) == [line.amount for line in read]
    assert list(found.net_discounts) == list(found.discounted.shares)
    assert {row.rate for row in found.taxed.rows} == {rate for line in read for rate in line.taxes}


@given(lines(least=-2000), several_coupons, st.randoms())
def test_the_order_of_lines_changes_no_total(given_lines: Any, given_coupons: Any, random: Any):
    """Without coupons, whose last cents go to the earlier of equal lines, and those may have other taxes."""
    shuffled = list(given_lines)
    random.shuffle(shuffled)
    one, other = (total(lines_from(each), currency="EUR") for each in (given_lines, shuffled))
    assert (one.total, one.tax) == (other.total, other.tax)
    cut = [
        discount(lines_from(each), [coupon_from(c) for c in given_coupons], currency="EUR")
        for each in (given_lines, shuffled)
    ]
    assert cut[0].amount == cut[1].amount


@given(lines(), st.lists(st.integers(1, LARGEST), min_size=2, max_size=4))
def test_the_order_of_amounts_off_the_invoice_changes_no_total(given_lines: Any, amounts: list[int]):
    data = [
        {"code": f"C{number}", "type": "amount", "amount": amount, "currency": "EUR"}
        for number, amount in enumerate(amounts)
    ]
    assert len({_discount(given_lines, order) for order in itertools.permutations(data)}) == 1


@given(lines(), coupons("A", restricted=False), coupons("B", restricted=False))
def test_the_order_of_coupons_for_different_products_changes_nothing(given_lines: Any, one: Any, other: Any):
    one, other = {**one, "productIds": ["a"], "stackingOrder": 1}, {**other, "productIds": ["b"], "stackingOrder": 1}
    read = lines_from(given_lines)
    found = [
        discount(read, [coupon_from(each) for each in order], currency="EUR") for order in ([one, other], [other, one])
    ]
    assert list(found[0].shares) == list(found[1].shares)
    assert {each.coupon.code: each.amount for each in found[0].taken} == {
        each.coupon.code: each.amount for each in found[1].taken
    }


@given(lines(), percentages)
def test_the_order_of_percentages_changes_a_total_by_less_than_a_cent_each(given_lines: Any, rates: list[str]):
    """Each is rounded on what the former left (design, section 4), so that everybody can check it on its own."""
    data = [{"code": f"C{number}", "type": "percentage", "percentage": rate} for number, rate in enumerate(rates)]
    amounts = [_discount(given_lines, order) for order in itertools.permutations(data)]
    assert max(amounts) - min(amounts) <= len(rates)


@given(coupons())
def test_a_coupon_is_read_back_as_it_was_written(data: dict[str, Any]):
    coupon = coupon_from(data)
    assert coupon_from(coupon_data(coupon)) == coupon


@given(lines(least=-5))
def test_a_line_is_read_back_as_it_was_written(given_lines: Any):
    assert [line_from(line_data(line)) for line in lines_from(given_lines)] == lines_from(given_lines)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
def test_a_kept_amount_is_used_to_the_last_cent_and_no_further(amounts: list[int]):
    coupon = coupon_from({"code": "K", "type": "amount", "amount": 10**6, "currency": "EUR", "keepRemainder": True})
    taken = 0
    for amount in amounts:
        line = {"key": "a", "amount": amount, "taxes": [{"label": "VAT", "rate": 0, "category": "zero"}]}
        found = discount(lines_from([line]), [coupon], currency="EUR")
        taken, coupon = taken + found.amount, found.taken[0].after
    assert taken == min(10**6, sum(amounts))
    assert coupon.ended is (taken == 10**6)


def _discount(given_lines: Any, data: Any) -> int:
    return discount(lines_from(given_lines), [coupon_from(one) for one in data], currency="EUR").amount
