"""The benchmark of rating computes the invoice that it says it computes."""

from __future__ import annotations

from benchmarks.rating import LINES, measure, rate_lines, the_coupons, the_prices, the_taxes


def test_it_is_an_invoice_of_1000_lines_over_50_prices_with_3_coupons_and_4_rates():
    prices = the_prices()
    assert (len(prices), len(the_coupons()), len(the_taxes()), LINES) == (50, 3, 4, 1000)
    assert len({one.price.model for one in rate_lines(prices, 50)}) == 6


def test_every_part_is_measured():
    found = measure(runs=1, inclusive=True)
    assert found["total"] > 0
    assert {"whole", "rating", "coupons", "taxes", "derivation", "replay", "text"} <= set(found["medianMs"])
