"""Models whose amount follows from a number of units: flat, per unit, package, graduated, volume.

Each takes a price and a scaled quantity, takes its steps down, and returns the exact amount as numerator and
denominator in minor units.
"""

from __future__ import annotations

from billing.rating.decimals import SCALE
from billing.rating.prices import Price
from billing.rating.steps import SQUARE, Step

Exact = tuple[int, int]


def flat(price: Price, quantity: int, steps: list[Step]) -> Exact:
    """The same amount for whatever quantity, 0 included."""
    steps.append(Step("flat", (price.unit_amount,), price.unit_amount, SCALE))
    return price.unit_amount, SCALE


def per_unit(price: Price, quantity: int, steps: list[Step]) -> Exact:
    """Each unit beyond the included ones costs the unit amount; parts of a unit cost their part."""
    units = beyond_included(price, quantity, steps)
    exact = units * price.unit_amount
    steps.append(Step("per_unit", (units, price.unit_amount), exact, SQUARE))
    return exact, SQUARE


def package(price: Price, quantity: int, steps: list[Step]) -> Exact:
    """Each package that is begun costs the unit amount."""
    units = beyond_included(price, quantity, steps)
    packages = -(-units // price.package_size)
    steps.append(Step("packages", (units, price.package_size), packages))
    exact = packages * price.unit_amount
    steps.append(Step("package", (packages, price.unit_amount), exact, SCALE))
    return exact, SCALE


def graduated(price: Price, quantity: int, steps: list[Step]) -> Exact:
    """Each unit costs what its tier says; a tier's flat amount is due once a part of a unit falls into it."""
    units = beyond_included(price, quantity, steps)
    exact, lower, used = 0, 0, 0
    for tier in price.tiers:
        if units <= lower:
            break
        upper = units if tier.up_to is None or units < tier.up_to else tier.up_to
        inside = upper - lower
        part = inside * tier.unit_amount + tier.flat_amount * SCALE
        used += 1
        values = (used, lower, tier.up_to, inside, tier.unit_amount, tier.flat_amount)
        steps.append(Step("graduated_tier", values, part, SQUARE))
        exact, lower = exact + part, upper
    return summed(exact, SQUARE, used, steps)


def volume(price: Price, quantity: int, steps: list[Step]) -> Exact:
    """All units cost what the tier of the last one says. An amount that falls at a bound is meant, and stays."""
    units = beyond_included(price, quantity, steps)
    for number, tier in enumerate(price.tiers, start=1):
        if units > 0 and (tier.up_to is None or units <= tier.up_to):
            exact = units * tier.unit_amount + tier.flat_amount * SCALE
            values = (number, tier.up_to, units, tier.unit_amount, tier.flat_amount)
            steps.append(Step("volume_tier", values, exact, SQUARE))
            return exact, SQUARE
    return summed(0, SQUARE, 0, steps)


def beyond_included(price: Price, quantity: int, steps: list[Step]) -> int:
    """The units that are charged: those beyond the included ones. Tiers count from there."""
    if not price.included_units:
        return quantity
    units = max(0, quantity - price.included_units)
    steps.append(Step("included_units", (quantity, price.included_units), units, SCALE))
    return units


def summed(exact: int, denominator: int, parts: int, steps: list[Step]) -> Exact:
    """Takes down the exact sum of several parts, or that there was none."""
    if parts == 0:
        steps.append(Step("nothing_used", (), 0))
    elif parts > 1:
        steps.append(Step("sum", (parts,), exact, denominator))
    return exact, denominator
