"""Prices, lines and coupons for property tests, as the JSON that the engine reads."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

LARGEST = 10**15


def decimals(largest: int, places: int = 12, least: int = 0) -> st.SearchStrategy[str]:
    """Decimal strings, also with all their places."""
    fine = st.integers(least * 10**places, largest * 10**places).map(
        lambda value: plain(Decimal(value).scaleb(-places))
    )
    return st.one_of(st.integers(least, min(largest, 1000)).map(str), fine)


def plain(value: Decimal) -> str:
    """A decimal without an exponent."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@st.composite
def tiers(draw: st.DrawFn, amount: str) -> list[dict[str, Any]]:
    """One to five tiers with rising bounds."""
    bounds = sorted(set(draw(st.lists(st.integers(1, 5000), max_size=4))))
    ends = [str(Decimal(bound) / draw(st.sampled_from([1, 2, 8]))) for bound in bounds]
    ends = sorted(set(ends), key=Decimal)
    most = 100 if amount == "rate" else 10_000
    return [
        {"upTo": end, amount: draw(decimals(most)), "flatAmount": draw(st.sampled_from(["0", "0", "0.5", "250"]))}
        for end in [*ends, None]
    ]


@st.composite
def prices(draw: st.DrawFn, *models: str, bounds: bool = True) -> dict[str, Any]:
    """A price of one of the models, or of any."""
    every = ("flat", "per_unit", "graduated", "volume", "package", "percentage", "graduated_percentage")
    model = draw(st.sampled_from(models or every))
    of_money = model in ("percentage", "graduated_percentage")
    metered = of_money or (model != "flat" and draw(st.booleans()))
    price: dict[str, Any] = {
        "currency": draw(st.sampled_from(["EUR", "JPY", "KWD"])), "model": model, "metered": metered
    }  # fmt: skip
    if model in ("flat", "per_unit", "package"):
        price["unitAmount"] = draw(decimals(10**6))
    if model == "package":
        price["packageSize"] = draw(decimals(1000, 3).filter(lambda size: Decimal(size) > 0))
    if model in ("graduated", "volume", "graduated_percentage"):
        price["tiers"] = draw(tiers("rate" if of_money else "unitAmount"))
    if model == "percentage":
        price |= {"rate": draw(decimals(100)), "fixedAmount": draw(decimals(100)), "freeUnits": draw(st.integers(0, 3))}
        least, most = sorted([draw(decimals(500)), draw(decimals(500))], key=Decimal)
        price |= draw(st.sampled_from([{}, {"perTransactionMin": least}, {"perTransactionMax": most}]))
    if model != "flat":
        price["includedUnits"] = draw(st.one_of(st.just("0"), decimals(2000, 3)))
    if bounds:
        least_spend, most_spend = sorted([draw(st.integers(0, 10**6)), draw(st.integers(0, 10**7))])
        price |= draw(st.sampled_from([{}, {"minimumSpend": least_spend}, {"maximumSpend": most_spend}]))
    return price


quantities = st.lists(decimals(10_000), min_size=1, max_size=6)
shares = st.fractions(0, 1, max_denominator=400)
TAXES: tuple[dict[str, Any], ...] = (
    {"label": "VAT", "rate": "19", "category": "standard", "reason": None},
    {"label": "VAT", "rate": "7", "category": "standard", "reason": None},
    {"label": "GST", "rate": "5", "category": "standard", "reason": None},
    {"label": "QST", "rate": "9.975", "category": "standard", "reason": None},
    {"label": "VAT", "rate": "0", "category": "reverse_charge", "reason": "Article 196"},
)


def label_of(tax: dict[str, Any]) -> str:
    """A line has one tax of a kind."""
    return str(tax["label"])


@st.composite
def lines(draw: st.DrawFn, *, least: int = 0, behaviors: tuple[str, ...] = ("exclusive", "inclusive")) -> Any:
    """Up to twelve lines with one or two taxes. `least` below 0 gives credits as well."""
    amounts = draw(
        st.lists(st.one_of(st.integers(least, 2000), st.integers(least, LARGEST)), min_size=1, max_size=12)
    )  # fmt: skip
    return [
        {
            "key": f"l{number}",
            "amount": amount,
            "taxBehavior": draw(st.sampled_from(behaviors)),
            "taxes": draw(st.lists(st.sampled_from(TAXES), min_size=1, max_size=2, unique_by=label_of)),
            "productId": draw(st.sampled_from(["a", "b", "c"])),
        }
        for number, amount in enumerate(amounts)
    ]


@st.composite
def coupons(draw: st.DrawFn, code: str = "C", restricted: bool = True) -> dict[str, Any]:
    """A coupon of either kind, in EUR."""
    found: dict[str, Any] = {"code": code, "stackingOrder": draw(st.integers(0, 3))}
    if draw(st.booleans()):
        found |= {"type": "percentage", "percentage": draw(decimals(100).filter(lambda value: Decimal(value) > 0))}
    else:
        found |= {"type": "amount", "amount": draw(st.integers(1, LARGEST)), "currency": "EUR"}
        found |= {"keepRemainder": draw(st.booleans())}
    if restricted and draw(st.booleans()):
        found["productIds"] = draw(st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=2, unique=True))
    return found


several_coupons = st.integers(0, 3).flatmap(lambda count: st.tuples(*(coupons(f"C{n}") for n in range(count))))
