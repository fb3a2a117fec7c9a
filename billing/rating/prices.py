"""Prices: what is charged for what, and how. Read once from JSON, checked as a whole, never changed.

All amounts are in minor units of the currency. Fields ending in a decimal are scaled (`decimals.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from billing.rating.decimals import SCALE, scaled_text
from billing.rating.errors import InvalidPrice
from billing.rating.reading import Fields
from common.errors import Problem


class PricingModel(StrEnum):
    """How an amount follows from a quantity (docs/rating.md)."""

    FLAT = "flat"
    PER_UNIT = "per_unit"
    GRADUATED = "graduated"
    VOLUME = "volume"
    PACKAGE = "package"
    PERCENTAGE = "percentage"
    GRADUATED_PERCENTAGE = "graduated_percentage"


class Interval(StrEnum):
    """The calendar unit of a recurring price."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Billing(StrEnum):
    """When a period is charged: at its start or at its end."""

    ADVANCE = "advance"
    ARREARS = "arrears"


class TaxBehavior(StrEnum):
    """Whether tax is added to an amount or contained in it."""

    EXCLUSIVE = "exclusive"
    INCLUSIVE = "inclusive"


@dataclass(frozen=True, slots=True)
class Tier:
    """Units above the former tier's bound, up to and including `up_to` (None: without end). All scaled."""

    up_to: int | None
    unit_amount: int = 0
    flat_amount: int = 0
    rate: int = 0  # percent; only of graduated_percentage


@dataclass(frozen=True, slots=True)
class Price:
    """A checked price. `metered` prices are rated by usage, others by a quantity for a share of the period."""

    currency: str
    model: PricingModel
    metered: bool = False
    interval: Interval | None = None  # None: charged once
    interval_count: int = 1
    billing: Billing = Billing.ADVANCE
    tax_behavior: TaxBehavior = TaxBehavior.EXCLUSIVE
    unit_amount: int = 0  # scaled
    tiers: tuple[Tier, ...] = ()
    package_size: int = SCALE  # scaled
    rate: int = 0  # percent, scaled
    fixed_amount: int = 0  # per transaction, scaled
    free_units: int = 0  # transactions
    per_transaction_min: int | None = None  # scaled
    per_transaction_max: int | None = None  # scaled
    included_units: int = 0  # scaled
    minimum_spend: int | None = None  # whole minor units per period
    maximum_spend: int | None = None  # whole minor units per period


TIERED: Final = (PricingModel.GRADUATED, PricingModel.VOLUME, PricingModel.GRADUATED_PERCENTAGE)
OF_TRANSACTIONS: Final = (PricingModel.PERCENTAGE, PricingModel.GRADUATED_PERCENTAGE)

_COMMON: Final = (
    "currency", "model", "metered", "interval", "intervalCount", "billing", "taxBehavior", "minimumSpend",
    "maximumSpend",
)  # fmt: skip
_OWN: Final[Mapping[PricingModel, tuple[str, ...]]] = {
    PricingModel.FLAT: ("unitAmount",),
    PricingModel.PER_UNIT: ("unitAmount", "includedUnits"),
    PricingModel.GRADUATED: ("tiers", "includedUnits"),
    PricingModel.VOLUME: ("tiers", "includedUnits"),
    PricingModel.PACKAGE: ("unitAmount", "packageSize", "includedUnits"),
    PricingModel.PERCENTAGE: (
        "rate", "fixedAmount", "freeUnits", "perTransactionMin", "perTransactionMax", "includedUnits",
    ),
    PricingModel.GRADUATED_PERCENTAGE: ("tiers", "includedUnits"),
}  # fmt: skip
_EVERY: Final = tuple(dict.fromkeys([*_COMMON, *(name for names in _OWN.values() for name in names)]))


def price_from(data: object, path: str = "") -> Price:
    """The price that `data` defines, in the fields of `POST /api/prices` and `metered`.

    Raises `InvalidPrice`, which lists every problem with its path below `path`: unknown fields and those of another
    model, tiers with gaps, overlaps or falling bounds, percentages over 100, a minimum above its maximum.
    """
    problems: list[Problem] = []
    fields = Fields(data, path, problems, known=_EVERY)
    model = fields.choice("model", PricingModel, PricingModel.PER_UNIT)
    for name in _EVERY:
        if fields.given(name) and name not in (*_COMMON, *_OWN[model]):
            fields.problem(name, "not_applicable", f"A price of the model {model} has no such field.")
    for name in _required(model):
        fields.require(name)
    metered = fields.flag("metered", default=model in OF_TRANSACTIONS)
    interval = fields.choice("interval", Interval, Interval.MONTH) if fields.given("interval") else None
    price = Price(
        currency=fields.currency(),
        model=model,
        metered=metered,
        interval=interval,
        interval_count=_or(fields.integer("intervalCount", least=1), 1),
        billing=fields.choice("billing", Billing, Billing.ARREARS if metered else Billing.ADVANCE),
        tax_behavior=fields.choice("taxBehavior", TaxBehavior, TaxBehavior.EXCLUSIVE),
        unit_amount=_or(fields.decimal("unitAmount"), 0),
        tiers=_tiers(fields, model) if model in TIERED else (),
        package_size=_or(fields.decimal("packageSize", least=1), SCALE),
        rate=_or(fields.percentage("rate"), 0),
        fixed_amount=_or(fields.decimal("fixedAmount"), 0),
        free_units=_or(fields.integer("freeUnits"), 0),
        per_transaction_min=fields.decimal("perTransactionMin"),
        per_transaction_max=fields.decimal("perTransactionMax"),
        included_units=_or(fields.decimal("includedUnits"), 0),
        minimum_spend=fields.integer("minimumSpend"),
        maximum_spend=fields.integer("maximumSpend"),
    )
    _check_together(fields, price)
    if problems:
        raise InvalidPrice(problems)
    return price


def price_data(price: Price) -> dict[str, Any]:
    """The price as JSON that `price_from` reads as the same price: what a derivation holds."""
    data: dict[str, Any] = {
        "currency": price.currency,
        "model": str(price.model),
        "metered": price.metered,
        "billing": str(price.billing),
        "taxBehavior": str(price.tax_behavior),
        "minimumSpend": price.minimum_spend,
        "maximumSpend": price.maximum_spend,
    }
    if price.interval is not None:
        data |= {"interval": str(price.interval), "intervalCount": price.interval_count}
    own: dict[str, Any] = {
        "unitAmount": scaled_text(price.unit_amount),
        "tiers": [_tier_data(tier, price.model) for tier in price.tiers],
        "packageSize": scaled_text(price.package_size),
        "rate": scaled_text(price.rate),
        "fixedAmount": scaled_text(price.fixed_amount),
        "freeUnits": price.free_units,
        "perTransactionMin": _text(price.per_transaction_min),
        "perTransactionMax": _text(price.per_transaction_max),
        "includedUnits": scaled_text(price.included_units),
    }
    data |= {name: own[name] for name in _OWN[price.model]}
    return {name: value for name, value in data.items() if value is not None}


def _required(model: PricingModel) -> tuple[str, ...]:
    if model is PricingModel.PACKAGE:
        return ("unitAmount", "packageSize")
    if model is PricingModel.PERCENTAGE:
        return ("rate",)
    return ("tiers",) if model in TIERED else ("unitAmount",)


def _tiers(fields: Fields, model: PricingModel) -> tuple[Tier, ...]:
    """The tiers, each checked against the bound of the one before it."""
    items = fields.items("tiers")
    if fields.given("tiers") and not items:
        fields.problem("tiers", "too_short", "At least one tier.")
    amounts = ("rate", "flatAmount") if model is PricingModel.GRADUATED_PERCENTAGE else ("unitAmount", "flatAmount")
    tiers: list[Tier] = []
    lower = 0
    for index, item in enumerate(items):
        tier = Fields(item, fields.at(f"tiers[{index}]"), fields.problems, known=("from", "upTo", *amounts))
        if not any(tier.given(name) for name in amounts):
            tier.problem(amounts[0], "required", f"A tier has a {' or a '.join(amounts)}.")
        up_to = tier.decimal("upTo")
        start = tier.decimal("from")
        if start is not None and start != lower:
            code, what = ("tier_gap", "a gap to") if start > lower else ("tier_overlap", "an overlap with")
            tier.problem("from", code, f"There is {what} the tier before, which ends at {scaled_text(lower)}.")
        _check_bound(tier, up_to, lower, first=index == 0, last=index == len(items) - 1)
        lower = max(lower, up_to or 0)
        tiers.append(
            Tier(
                up_to=up_to,
                unit_amount=_or(tier.decimal("unitAmount"), 0),
                flat_amount=_or(tier.decimal("flatAmount"), 0),
                rate=_or(tier.percentage("rate"), 0),
            )
        )
    return tuple(tiers)


def _check_bound(tier: Fields, up_to: int | None, lower: int, *, first: bool, last: bool) -> None:
    """The last tier is open, and only that; the others end above the one before."""
    if not tier.given("upTo"):
        if not last:
            tier.problem("upTo", "tier_overlap", "Only the last tier is open (null).")
    elif last:
        tier.problem("upTo", "tier_gap", "The last tier is open (null), else more units than that have no price.")
    elif up_to is not None and up_to <= lower:
        same = up_to == lower and not first
        code, verb = ("tier_overlap", "ends where") if same else ("tier_order", "ends below where")
        message = f"The tier {verb} the one before it does." if not first else "The first tier ends above 0."
        tier.problem("upTo", code, message)


def _check_together(fields: Fields, price: Price) -> None:
    """What no field shows alone."""
    pairs = (
        ("minimumSpend", price.minimum_spend, "maximumSpend", price.maximum_spend),
        ("perTransactionMin", price.per_transaction_min, "perTransactionMax", price.per_transaction_max),
    )
    for name, least, other, most in pairs:
        if least is not None and most is not None and least > most:
            fields.problem(name, "too_large", f"At most {other}.")
    if price.interval is None and fields.given("intervalCount"):
        fields.problem("intervalCount", "not_applicable", "A price without an interval has no count of them.")
    if price.model is PricingModel.FLAT and price.metered:
        fields.problem("metered", "not_applicable", "A flat price does not depend on usage.")
    if price.model in OF_TRANSACTIONS and not price.metered:
        fields.problem("metered", "not_applicable", "A percentage is taken of what has happened: it is metered.")
    if price.metered and price.billing is Billing.ADVANCE:
        fields.problem("billing", "not_applicable", "Usage is not known in advance.")


def _tier_data(tier: Tier, model: PricingModel) -> dict[str, Any]:
    amount = {"unitAmount": scaled_text(tier.unit_amount)}
    if model is PricingModel.GRADUATED_PERCENTAGE:
        amount = {"rate": scaled_text(tier.rate)}
    return {"upTo": _text(tier.up_to), **amount, "flatAmount": scaled_text(tier.flat_amount)}


def _text(number: int | None) -> str | None:
    return None if number is None else scaled_text(number)


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
