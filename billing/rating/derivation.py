"""Derivations: what they are made of, how they are replayed, and their digest.

A derivation is JSON: `version`, `kind`, `currency`, `inputs`, `steps`, `amounts`. Decimals are strings, minor units are
ints, shares are decimals or ratios. The inputs alone give the rest, so that anybody can compute it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from billing.rating.commitments import Commitment, top_up
from billing.rating.conversion import Converted, convert
from billing.rating.coupons import coupon_from
from billing.rating.decimals import scaled_text
from billing.rating.discounting import discount
from billing.rating.errors import InvalidDerivation, InvalidLine
from billing.rating.lines import lines_from
from billing.rating.prices import price_data, price_from
from billing.rating.rating import DERIVATION_VERSION, Rated, progress, rate
from billing.rating.reading import Fields
from billing.rating.taxing import tax
from billing.rating.totals import Total, total
from common.canonical import sha256_of
from common.errors import DomainError, Problem

_KEYS: Final = ("version", "kind", "currency", "inputs", "steps", "amounts")
MAX_DIFFERENCES: Final = 100


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where a derivation says something else than its inputs give. `path` is like `amounts.total`."""

    path: str
    stated: Any
    computed: Any


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of a replay: the derivation as the inputs give it, and where the one given differs (at most 100)."""

    computed: dict[str, Any]
    differences: Sequence[Difference]

    @property
    def matches(self) -> bool:
        """Whether every step and amount is what the inputs give."""
        return not self.differences


def invoice_derivation(
    invoice: Total, ratings: Sequence[tuple[Sequence[str], Rated | Commitment]] = (),
    conversions: Mapping[int, Converted] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The derivation of a whole invoice: its total, and for lines that were rated how.

    Each of `ratings` names the keys of the lines that its amount stands on: one, or a second for what a minimum added
    (`of_minimum`).
    `conversions` are those of ratings in another currency than the invoice's, by their position in `ratings`; the lines
    then come to the converted amount. It is that of the whole rating: of two lines one takes what the other leaves.
    Raises `InvalidLine` when lines do not come to the amount, or a rating does not come to the invoice's currency.
    """
    converted = conversions or {}
    amounts = {line.key: line.amount for line in invoice.discounted.lines}
    problems = []
    for index, (keys, rated) in enumerate(ratings):
        one = converted.get(index)
        original = (_amount(rated), _currency(rated))
        amount, currency = original if one is None else (one.amount, one.target)
        if currency != invoice.currency or (one is not None and (one.original, one.source) != original):
            message = "The amount is not converted into the currency of the invoice."
            problems.append(Problem(f"ratings[{index}]", "currency_mismatch", message))
        elif any(key not in amounts for key in keys) or sum(amounts[key] for key in keys) != amount:
            message = "The lines do not come to the rated amount."
            problems.append(Problem(f"ratings[{index}]", "invalid", message))
        elif len(keys) > 1 and isinstance(rated, Rated) and amounts[keys[1]] != _added(rated.top_up, one):
            message = "The second line is not what the minimum adds."
            problems.append(Problem(f"ratings[{index}]", "invalid", message))
    if problems:
        raise InvalidLine(problems)
    prices: dict[int, dict[str, Any]] = {}
    return {
        "version": DERIVATION_VERSION,
        "kind": "invoice",
        "currency": invoice.currency,
        "ratings": [
            {"lines": list(keys), "derivation": _derived(rated, prices)}
            | ({"conversion": converted[index].derivation} if index in converted else {})
            for index, (keys, rated) in enumerate(ratings)
        ],
        "total": invoice.derivation,
    }


def of_minimum(rating: Mapping[str, Any]) -> tuple[int, Converted | None]:
    """What a minimum adds to one of an invoice's ratings, in minor units of the price's currency, and converted where
    the rating is. Where that is a line of its own, the other line has what it leaves of the whole."""
    added = rating["derivation"]["amounts"].get("topUp", 0)
    if "conversion" not in rating:
        return added, None
    inputs = rating["conversion"]["inputs"]
    return added, convert(added, inputs["rate"], source=inputs["from"], target=inputs["to"])


def _added(top_up: int, converted: Converted | None) -> int:
    if converted is None:
        return top_up
    rate_ = scaled_text(converted.rate)
    return convert(top_up, rate_, source=converted.source, target=converted.target).amount


def _derived(rated: Rated | Commitment, prices: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """The derivation of a rating; `prices` keeps the JSON of each price for the lines that share it."""
    if not isinstance(rated, Rated):
        return rated.derivation
    known = prices.get(id(rated.price))
    if known is None:
        known = prices[id(rated.price)] = price_data(rated.price)
    return rated.derived(known)


def digest(derivation: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of the canonical JSON: the same for every order of keys."""
    return sha256_of(derivation).hex()


def replay(derivation: Mapping[str, Any]) -> Replay:
    """Compute a derivation again from its inputs alone, and compare every step and amount.

    Raises `InvalidDerivation` for what is no derivation, or of another version, or has inputs that the engine refuses
    (with the path of each below `inputs`).
    """
    if not isinstance(derivation, Mapping):
        raise InvalidDerivation([Problem("", "invalid", "Expected an object.")])
    version, kind = derivation.get("version"), derivation.get("kind")
    if type(version) is not int or not 1 <= version <= DERIVATION_VERSION:
        message = f"Only derivations of the versions 1 to {DERIVATION_VERSION} are known."
        raise InvalidDerivation([Problem("version", "invalid_choice", message)])
    if kind == "invoice":
        return _replay_invoice(derivation)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise InvalidDerivation([Problem("kind", "invalid_choice", f"Expected one of: {', '.join(_KINDS)}, invoice.")])
    problems: list[Problem] = []
    Fields(derivation, "", problems, known=_KEYS)
    inputs = derivation.get("inputs")
    if not isinstance(inputs, Mapping) or not isinstance(derivation.get("currency"), str):
        problems.append(Problem("inputs", "required", "Expected inputs and a currency."))
    if problems:
        raise InvalidDerivation(problems)
    try:
        computed = _compute(kind, dict(inputs or {}), str(derivation["currency"]), version) | {"version": version}
    except DomainError as refused:
        found = [Problem(f"inputs.{one.path}", one.code, one.message) for one in refused.details]
        raise InvalidDerivation(found or [Problem("inputs", refused.code, refused.message)]) from refused
    except (AttributeError, KeyError, TypeError, ValueError) as wrong:
        raise InvalidDerivation([Problem("inputs", "invalid", "These are no inputs of this kind.")]) from wrong
    return Replay(computed, _differences(derivation, computed))


def _compute(kind: str, inputs: Mapping[str, Any], currency: str, version: int) -> dict[str, Any]:
    """By the rules of the version. They differ in how coupons count; what has none is in all versions the same."""
    if kind in _WITH_COUPONS:
        return _WITH_COUPONS[kind](inputs, currency, version)
    return _COMPUTE[kind](inputs, currency)


def _rate(inputs: Mapping[str, Any], currency: str) -> dict[str, Any]:
    before = progress(inputs["before"]["usage"], inputs["before"]["share"])
    price = price_from(inputs["price"], "price")
    return rate(price, inputs["usage"], share=inputs["share"], before=before, currency=currency).derivation


def _commitment(inputs: Mapping[str, Any], currency: str) -> dict[str, Any]:
    before = inputs["before"]
    return top_up(
        inputs["minimum"], inputs["amounts"], currency=currency, share=inputs["share"],
        before_amount=before["amount"], before_share=before["share"],
    ).derivation  # fmt: skip


def _conversion(inputs: Mapping[str, Any], currency: str) -> dict[str, Any]:
    return convert(inputs["amount"], inputs["rate"], source=inputs["from"], target=inputs["to"]).derivation


def _discount(inputs: Mapping[str, Any], currency: str, version: int) -> dict[str, Any]:
    return discount(lines_from(inputs["lines"]), _coupons(inputs), currency=currency, version=version).derivation


def _tax(inputs: Mapping[str, Any], currency: str) -> dict[str, Any]:
    lines = lines_from(inputs["lines"])
    shares = [inputs["discounts"].get(line.key, 0) for line in lines]
    return tax(lines, currency=currency, discounts=shares).derivation


def _total(inputs: Mapping[str, Any], currency: str, version: int) -> dict[str, Any]:
    return total(
        lines_from(inputs["lines"]), _coupons(inputs), currency=currency, credit=inputs["credit"], version=version
    ).derivation  # fmt: skip


def _coupons(inputs: Mapping[str, Any]) -> list[Any]:
    return [coupon_from(one, f"coupons[{index}]") for index, one in enumerate(inputs["coupons"])]


_COMPUTE: Final[Mapping[str, Callable[[Mapping[str, Any], str], dict[str, Any]]]] = {
    "rate": _rate,
    "commitment": _commitment,
    "conversion": _conversion,
    "tax": _tax,
}
_WITH_COUPONS: Final[Mapping[str, Callable[[Mapping[str, Any], str, int], dict[str, Any]]]] = {
    "discount": _discount,
    "total": _total,
}
_KINDS: Final = ("rate", "commitment", "conversion", "discount", "tax", "total")


def _replay_invoice(derivation: Mapping[str, Any]) -> Replay:
    """Each part on its own, and that the rated lines stand on the invoice with their amounts."""
    ratings = derivation.get("ratings")
    if not isinstance(ratings, list) or not all(isinstance(one, Mapping) for one in ratings):
        raise InvalidDerivation([Problem("ratings", "invalid", "Expected a list of objects.")])
    whole = _part(derivation.get("total"), "total", ("total",))
    found = [_seen_from(one, f"total.{one.path}") for one in whole.differences]
    if whole.computed["version"] != derivation["version"]:
        found.append(Difference("total.version", whole.computed["version"], derivation["version"]))
    lines = {one["key"]: one["amount"] for one in whole.computed["inputs"]["lines"]}
    parts = []
    for index, one in enumerate(ratings):
        path = f"ratings[{index}]"
        part, final, where = _replay_rating(one, path, found)
        if final["currency"] != whole.computed["currency"]:
            found.append(Difference(f"{where}.currency", final["currency"], whole.computed["currency"]))
        keys = one.get("lines")
        known = isinstance(keys, list) and all(isinstance(key, str) and key in lines for key in keys)
        stated = sum(lines[key] for key in keys) if known else None
        if stated != final["amounts"]["amount"]:
            found.append(Difference(f"{path}.lines", stated, final["amounts"]["amount"]))
        elif isinstance(keys, list) and len(keys) > 1 and final["kind"] != "commitment":
            added, converted = of_minimum(part)
            second = added if converted is None else converted.amount
            if lines[keys[1]] != second:
                found.append(Difference(f"{path}.lines[1]", lines[keys[1]], second))
        parts.append({"lines": keys, **part})
    computed = {**derivation, "ratings": parts, "total": whole.computed}
    if not isinstance(derivation.get("currency"), str) or derivation["currency"] != whole.computed["currency"]:
        found.append(Difference("currency", derivation.get("currency"), whole.computed["currency"]))
    return Replay(computed, found[:MAX_DIFFERENCES])


def _replay_rating(
    one: Mapping[str, Any], path: str, found: list[Difference]
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """What was rated and perhaps converted, computed; the last of the two, which the lines come to; and its path."""
    where = f"{path}.derivation"
    rated = _part(one.get("derivation"), where, ("rate", "commitment"))
    found += [_seen_from(each, f"{where}.{each.path}") for each in rated.differences]
    if "conversion" not in one:
        return {"derivation": rated.computed}, rated.computed, where
    where = f"{path}.conversion"
    converted = _part(one["conversion"], where, ("conversion",))
    found += [_seen_from(each, f"{where}.{each.path}") for each in converted.differences]
    stated = converted.computed["inputs"]
    begins = {"amount": rated.computed["amounts"]["amount"], "from": rated.computed["currency"]}
    found += [
        Difference(f"{where}.inputs.{name}", stated[name], value)
        for name, value in begins.items()
        if stated[name] != value
    ]
    return {"derivation": rated.computed, "conversion": converted.computed}, converted.computed, where


def _part(derivation: Any, path: str, kinds: Sequence[str]) -> Replay:
    if isinstance(derivation, Mapping) and derivation.get("kind") not in kinds:
        raise InvalidDerivation([Problem(f"{path}.kind", "invalid_choice", f"Expected one of: {', '.join(kinds)}.")])
    try:
        return replay(derivation)
    except InvalidDerivation as wrong:
        raise InvalidDerivation(
            [Problem(f"{path}.{one.path}" if one.path else path, one.code, one.message) for one in wrong.details]
        ) from wrong


def _seen_from(difference: Difference, path: str) -> Difference:
    """The same difference with its path from the whole."""
    return Difference(path, difference.stated, difference.computed)


def _amount(rated: Rated | Commitment) -> int:
    return rated.amount if isinstance(rated, Rated) else rated.top_up


def _currency(rated: Rated | Commitment) -> str:
    return rated.price.currency if isinstance(rated, Rated) else rated.currency


def _differences(stated: Any, computed: Any) -> list[Difference]:
    """Where two JSON values differ; types count, so that 1, true and "1" are three things."""
    found: list[Difference] = []
    _compare(stated, computed, "", found)
    return found[:MAX_DIFFERENCES]


def _compare(stated: Any, computed: Any, path: str, found: list[Difference]) -> None:
    if isinstance(stated, Mapping) and isinstance(computed, Mapping):
        for key in dict.fromkeys([*stated, *computed]):
            where = f"{path}.{key}" if path else str(key)
            if key not in stated or key not in computed:
                found.append(Difference(where, stated.get(key), computed.get(key)))
            else:
                _compare(stated[key], computed[key], where, found)
    elif isinstance(stated, list) and isinstance(computed, list):
        if len(stated) != len(computed):
            found.append(Difference(path, stated, computed))
            return
        for index, (one, other) in enumerate(zip(stated, computed, strict=True)):
            _compare(one, other, f"{path}[{index}]", found)
    elif type(stated) is not type(computed) or stated != computed:
        found.append(Difference(path, stated, computed))
