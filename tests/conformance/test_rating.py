"""The arithmetic of billing against cases that were computed by hand. `rating/README.md` says how to add one."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from billing.rating.commitments import top_up
from billing.rating.conversion import Converted, convert
from billing.rating.coupons import coupon_from
from billing.rating.derivation import invoice_derivation, replay
from billing.rating.discounting import discount
from billing.rating.explain import explain_text
from billing.rating.lines import lines_from
from billing.rating.plans import plan_from, rate_plan
from billing.rating.prices import PricingModel, price_data, price_from
from billing.rating.rating import NOTHING_BEFORE, Rated, progress, rate
from billing.rating.totals import Total, total
from common.errors import DomainError
from tests.billing.rating.reference import problems_of
from tests.conformance.arithmetic import all_worked_out

FOLDER = Path(__file__).parent / "rating"
FILES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
CASES = [
    pytest.param(name, case, id=f"{name}: {case['name']}") for name, file in FILES.items() for case in file["cases"]
]
WORKED = [one for one in CASES if "problems" not in one.values[1]]  # type: ignore[operator]
NO_TAX = {"label": "VAT", "rate": 0, "category": "zero"}
KINDS = ("rate", "commit", "convert", "slices", "plan", "total", "periods", "refuse")


# --- the cases themselves -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "case"), WORKED)
def test_the_expected_cents_are_those_of_the_hand_calculation(file: str, case: dict[str, Any]):
    assert case["worked"], "a case shows how its cents were worked out"
    for name, text in case["worked"].items():
        assert all_worked_out(text) == case["expect"][name], f"{name}: {text}"


def test_there_are_enough_cases_and_each_says_where_it_comes_from():
    names = [(file, case["name"]) for file in FILES for case in FILES[file]["cases"]]
    assert len(names) >= 120
    assert len(set(names)) == len(names), "a name stands for one case of its file"
    assert [case["name"] for file in FILES.values() for case in file["cases"] if not case.get("source")] == []
    assert all(file["about"] for file in FILES.values())


def test_every_model_has_cases_in_currencies_of_0_2_and_3_decimals():
    models = {given["price"]["model"] for _, given in rated_cases()}
    assert models == set(PricingModel)
    assert {given["price"]["currency"] for _, given in rated_cases()} >= {"EUR", "JPY", "KWD"}


def rated_cases() -> list[tuple[str, dict[str, Any]]]:
    """Every case of one rating, with its price filled in."""
    found = []
    for name, file in FILES.items():
        for case in file["cases"]:
            if "rate" in case:
                given = dict(case["rate"])
                given["price"] = named(file, "prices", given["price"])
                found.append((f"{name}: {case['name']}", given))
    return found


# --- the engine against them --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "case"), CASES)
def test_the_engine_gives_these_cents(file: str, case: dict[str, Any]):
    kinds = [kind for kind in KINDS if kind in case]
    assert len(kinds) == 1, f"a case has one of {KINDS}"
    RUN[kinds[0]](FILES[file], case[kinds[0]], case.get("expect", case.get("problems")))


def named(file: dict[str, Any], group: str, value: Any) -> Any:
    """A definition, or the name of one at the top of the file."""
    return file[group][value] if isinstance(value, str) else value


def run_rate(file: dict[str, Any], given: dict[str, Any], expect: dict[str, Any]) -> None:
    price = price_from(named(file, "prices", given["price"]))
    assert price_from(price_data(price)) == price
    found = rate(price, given["usage"], share=given.get("share", 1))
    assert found.amount == expect["amount"]
    assert found.top_up == expect.get("topUp", found.top_up)
    proven(found.derivation)


def run_slices(file: dict[str, Any], given: dict[str, Any], expect: dict[str, Any]) -> None:
    price = price_from(named(file, "prices", given["price"]))
    before, share = NOTHING_BEFORE, Fraction(0)
    usage: list[Any] = []
    slices: list[Rated] = []
    for part in given["parts"]:
        slices.append(rate(price, part["usage"], share=part.get("share", 0), before=before))
        usage = usage + part["usage"] if price.metered else part["usage"]
        share += Fraction(part.get("share", 0))
        before = progress(usage if price.metered else (), share)
        proven(slices[-1].derivation)
    assert [one.amount for one in slices] == expect["amounts"]
    assert rate(price, usage, share=share).amount == expect["whole"] == sum(one.amount for one in slices)


def run_commit(file: dict[str, Any], given: dict[str, Any], expect: dict[str, Any]) -> None:
    found = top_up(
        given["minimum"], given["amounts"], currency=given["currency"], share=given.get("share", 1),
        before_amount=given.get("beforeAmount", 0), before_share=given.get("beforeShare", 0),
    )  # fmt: skip
    assert found.top_up == expect["topUp"]
    proven(found.derivation)


def run_convert(file: dict[str, Any], given: dict[str, Any], expect: dict[str, Any]) -> None:
    found = converted(given)
    assert found.amount == expect["amount"]
    assert problems_of(found.derivation) == []
    proven(found.derivation)


def converted(given: dict[str, Any]) -> Converted:
    """The conversion of a case."""
    return convert(given["amount"], given["rate"], source=given["from"], target=given["to"])


def run_plan(file: dict[str, Any], given: dict[str, Any], expect: dict[str, Any]) -> None:
    plan = plan_from(named(file, "plans", given["plan"]))
    rated = rate_plan(plan, given["usage"], share=given.get("share", 1))
    assert rated.amounts == expect["amounts"]
    lines = [
        {"key": key, "amount": amount, "taxBehavior": str(plan.tax_behavior)} for key, amount in rated.amounts.items()
    ]
    found = total_of(
        file, {**given, "currency": plan.currency, "lines": [{**line, "taxes": given["taxes"]} for line in lines]}
    )
    assert {name: found.derivation["amounts"][name] for name in expect if name != "amounts"} == {
        name: value for name, value in expect.items() if name != "amounts"
    }
    proven(invoice_derivation(found, rated.ratings))


def run_total(file: dict[str, Any], given: dict[str, Any], expect: dict[str, Any]) -> None:
    found = total_of(file, given)
    data = found.derivation["amounts"]
    for name in ("subtotal", "discount", "tax", "total", "due", "creditUsed"):
        assert data[name] == expect.get(name, data[name]), name
    assert found.total == found.subtotal - found.discount + found.tax
    if "rows" in expect:
        rows = [[row["label"], row["rate"], row["category"], row["taxable"], row["tax"]] for row in data["rows"]]
        assert rows == expect["rows"]
    assert list(found.discounted.shares) == expect.get("discounts", list(found.discounted.shares))
    assert list(found.taxed.nets) == expect.get("nets", list(found.taxed.nets))
    taken = {one.coupon.code: one for one in found.discounted.taken}
    for code, amount in expect.get("coupons", {}).items():
        assert taken[code].amount == amount
    for code, left in expect.get("left", {}).items():
        assert taken[code].after.amount_left == left
    for code, ended in expect.get("ended", {}).items():
        assert taken[code].after.ended is ended
    for derivation in (found.derivation, found.discounted.derivation, found.taxed.derivation):
        proven(derivation)


def total_of(file: dict[str, Any], given: dict[str, Any]) -> Total:
    """The total of a case. A line is named by its position, and not taxed unless it says otherwise."""
    lines = [
        {
            "key": f"line {number}",
            **line,
            "taxes": [named(file, "taxes", one) for one in line.get("taxes", [NO_TAX])],
        }
        for number, line in enumerate(given["lines"], start=1)
    ]
    coupons = [coupon_from(named(file, "coupons", one)) for one in given.get("coupons", [])]
    return total(lines_from(lines), coupons, currency=given["currency"], credit=given.get("credit", 0))


def run_periods(file: dict[str, Any], given: dict[str, Any], expect: dict[str, Any]) -> None:
    coupon = coupon_from(given["coupon"])
    found = []
    for amount in given["amounts"]:
        lines = lines_from([{"key": "a", "amount": amount, "taxes": [NO_TAX]}])
        discounted = discount(lines, [coupon], currency=given["currency"])
        proven(discounted.derivation)
        found.append(discounted.amount)
        coupon = discounted.taken[0].after
    assert found == expect["discounts"]
    assert coupon.ended is expect["ended"]


def run_refuse(file: dict[str, Any], given: dict[str, Any], problems: list[list[str]]) -> None:
    ((kind, data),) = given.items()
    with pytest.raises(DomainError) as refused:
        REFUSING[kind](data)
    assert [[one.path, one.code] for one in refused.value.details] == problems
    assert refused.value.status in (400, 422)


def _refuse_rate(data: dict[str, Any]) -> None:
    before = progress(**data["before"]) if "before" in data else NOTHING_BEFORE
    price = price_from(data["price"])
    rate(price, data["usage"], share=data.get("share", 1), before=before, currency=data.get("currency"))


def proven(derivation: dict[str, Any]) -> None:
    """It survives JSON, replays to itself, and can be told."""
    read = json.loads(json.dumps(derivation))
    assert replay(read).differences == []
    assert explain_text(read).endswith("\n")


RUN: dict[str, Callable[[dict[str, Any], Any, Any], None]] = {
    "rate": run_rate,
    "slices": run_slices,
    "plan": run_plan,
    "commit": run_commit,
    "convert": run_convert,
    "total": run_total,
    "periods": run_periods,
    "refuse": run_refuse,
}
REFUSING: dict[str, Callable[[dict[str, Any]], Any]] = {
    "price": price_from,
    "plan": plan_from,
    "usage": lambda data: rate_plan(plan_from(data["plan"]), data["usage"]),
    "coupon": coupon_from,
    "convert": converted,
    "rate": _refuse_rate,
    "total": lambda data: total_of({}, data),
}
