"""The arithmetic of an invoice of 1,000 lines over 50 prices, with 3 coupons and 4 tax rates: no database, no HTTP.

Wanted: below 20 ms from prices and usage to the total. What nobody asks for at that moment (the derivation as JSON, its
replay, its text) is measured apart.
"""

from __future__ import annotations

import gc
import json
import platform
import statistics
import time
from pathlib import Path
from typing import Any

from billing.rating.coupons import Coupon, coupon_from
from billing.rating.derivation import invoice_derivation, replay
from billing.rating.discounting import discount
from billing.rating.explain import explain_text
from billing.rating.lines import Line, TaxRate, tax_rate_from
from billing.rating.prices import Price, price_from
from billing.rating.rating import Rated, rate
from billing.rating.taxing import tax
from billing.rating.totals import Total, total
from common.canonical import canonical_json

LINES = 1000
WANTED_MS = 20
TIERS = [
    {"upTo": 1000, "unitAmount": "1.5"},
    {"upTo": 10_000, "unitAmount": "0.8", "flatAmount": 250},
    {"upTo": None, "unitAmount": "0.0005"},
]
RATES = [{"upTo": 100_000, "rate": "2.9", "flatAmount": 30}, {"upTo": None, "rate": "1.4"}]
MODELS: tuple[dict[str, Any], ...] = (
    {"model": "graduated", "tiers": TIERS, "includedUnits": 100},
    {"model": "per_unit", "unitAmount": "0.035"},
    {"model": "volume", "tiers": TIERS, "minimumSpend": 1000},
    {"model": "package", "unitAmount": 500, "packageSize": 100},
    {"model": "percentage", "rate": "1.2", "fixedAmount": 10, "perTransactionMax": 500},
    {"model": "graduated_percentage", "tiers": RATES},
)
COUPONS: tuple[dict[str, Any], ...] = (
    {"code": "SPRING", "type": "percentage", "percentage": "12.5"},
    {"code": "WELCOME", "type": "amount", "amount": 5000, "currency": "EUR", "keepRemainder": True},
    {"code": "TEN", "type": "percentage", "percentage": 10, "priceIds": [f"price {one}" for one in range(10)]},
)


def the_prices() -> list[Price]:
    """50 prices over all models that usage is rated by."""
    return [price_from({"currency": "EUR", "metered": True, **MODELS[one % len(MODELS)]}) for one in range(50)]


def the_taxes() -> list[tuple[TaxRate, ...]]:
    """Four rates."""
    return [(tax_rate_from({"label": "VAT", "rate": rate_}),) for rate_ in ("19", "7", "5.5", "8.875")]


def rate_lines(prices: list[Price], count: int = LINES) -> list[Rated]:
    """Usage that differs from line to line, with decimals."""
    return [rate(prices[one % len(prices)], f"{one * 37 + 5}.25") for one in range(count)]


def lines_of(rated: list[Rated], taxes: list[tuple[TaxRate, ...]], *, inclusive: bool) -> list[Line]:
    """The lines of the invoice."""
    return [
        Line(str(number), one.amount, taxes[number % len(taxes)], inclusive, None, None, f"price {number % 50}")
        for number, one in enumerate(rated)
    ]


def the_coupons() -> list[Coupon]:
    """Three coupons."""
    return [coupon_from(one) for one in COUPONS]


def one_run(
    prices: list[Price], taxes: list[tuple[TaxRate, ...]], *, inclusive: bool
) -> tuple[dict[str, float], Total]:
    """Milliseconds of processor time by part. `whole` is measured on its own, also on the clock."""
    coupons = the_coupons()
    gc.collect()
    clock, start = time.perf_counter(), time.process_time()
    rated = rate_lines(prices)
    after_rating = time.process_time()
    lines = lines_of(rated, taxes, inclusive=inclusive)
    after_lines = time.process_time()
    whole = total(lines, coupons, currency="EUR", credit=100)
    end, clock_end = time.process_time(), time.perf_counter()
    discounted = discount(lines, coupons, currency="EUR")
    after_discount = time.process_time()
    tax(lines, currency="EUR", discounts=discounted.shares)
    after_tax = time.process_time()
    derivation = invoice_derivation(whole, [([str(number)], one) for number, one in enumerate(rated)])
    after_derivation = time.process_time()
    text = canonical_json(derivation)
    after_json = time.process_time()
    assert replay(derivation).matches
    after_replay = time.process_time()
    explain_text(derivation)
    after_text = time.process_time()
    of_coupons, of_taxes = after_discount - end, after_tax - after_discount
    seconds = {
        "clock": clock_end - clock,
        "whole": end - start,
        "rating": after_rating - start,
        "lines": after_lines - after_rating,
        "coupons": of_coupons,
        "taxes": of_taxes,
        "rest": end - after_lines - of_coupons - of_taxes,
        "derivation": after_derivation - after_tax,
        "canonicalJson": after_json - after_derivation,
        "replay": after_replay - after_json,
        "text": after_text - after_replay,
    }
    return {name: took * 1000 for name, took in seconds.items()} | {"bytes": len(text)}, whole


def measure(*, runs: int, inclusive: bool) -> dict[str, Any]:
    """Medians and the lowest of so many runs, after one that is not counted."""
    prices, taxes = the_prices(), the_taxes()
    one_run(prices, taxes, inclusive=inclusive)
    found = [one_run(prices, taxes, inclusive=inclusive) for _ in range(runs)]
    rows = [row for row, _ in found]
    return {
        "taxBehavior": "inclusive" if inclusive else "exclusive",
        "lines": LINES,
        "total": found[0][1].total,
        "medianMs": {
            name: round(statistics.median(row[name] for row in rows), 2) for name in rows[0] if name != "bytes"
        },
        "lowestMs": {name: round(min(row[name] for row in rows), 2) for name in ("clock", "whole")},
        "derivationBytes": int(rows[0]["bytes"]),
    }


def run(*, runs: int, quick: bool, output: Path) -> int:
    """Measure, print, and unless `quick` write the results. The status is 0: a missed goal is a figure."""
    found = [measure(runs=runs, inclusive=inclusive) for inclusive in (False, True)]
    for one in found:
        took = one["medianMs"]
        print(
            f"{one['taxBehavior']}: {took['whole']:.1f} ms of processor time, {took['clock']:.1f} on the clock "
            f"(wanted {WANTED_MS}); lowest {one['lowestMs']['whole']:.1f}"
        )
        print("   " + ", ".join(f"{name} {value}" for name, value in took.items() if name not in ("clock", "whole")))
    if not quick:
        report = {"machine": platform.platform(), "wantedMs": WANTED_MS, "runs": runs, "invoices": found}
        output.write_text(json.dumps(report, indent=1) + "\n")
        print(f"\nwritten: {output}")
    return 0
