"""The examples of docs/rating.md are what the engine gives."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from billing.rating.conversion import convert
from billing.rating.coupons import coupon_from
from billing.rating.explain import explain_text
from billing.rating.lines import lines_from
from billing.rating.plans import plan_from, rate_plan
from billing.rating.prices import PricingModel, price_from
from billing.rating.rating import NOTHING_BEFORE, progress, rate
from billing.rating.totals import total
from ledger_project.environment import BASE_DIR

PAGE = (BASE_DIR / "docs/rating.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```\n(?:\n```text\n(.*?)```)?", PAGE, re.DOTALL)
EXAMPLES = [(yaml.safe_load(data), text) for data, text in BLOCKS]
PRICES = [one for one in EXAMPLES if "price" in one[0]]
PLANS = [example for example, _ in EXAMPLES if "plan" in example]
CONVERSIONS = [one for one in EXAMPLES if "convert" in one[0]]
INVOICES = [one for one in EXAMPLES if "lines" in one[0]]


@pytest.mark.parametrize(("example", "text"), PRICES, ids=lambda value: str(value)[:60])
def test_a_price_comes_to_what_the_page_says(example: dict[str, Any], text: str):
    before = progress(**example["before"]) if "before" in example else NOTHING_BEFORE
    found = rate(price_from(example["price"]), example["usage"], share=example.get("share", 1), before=before)
    assert (found.amount, found.top_up) == (example["amount"], example.get("topUp", 0))
    assert text in ("", explain_text(found.derivation))


@pytest.mark.parametrize("example", PLANS, ids=["plan"])
def test_a_plan_comes_to_what_the_page_says(example: dict[str, Any]):
    assert rate_plan(plan_from(example["plan"]), example["usage"]).amounts == example["amounts"]


@pytest.mark.parametrize(("example", "text"), CONVERSIONS, ids=["conversion"])
def test_an_amount_is_converted_as_the_page_says(example: dict[str, Any], text: str):
    given = example["convert"]
    found = convert(given["amount"], given["rate"], source=given["from"], target=given["to"])
    assert found.amount == example["amount"]
    assert explain_text(found.derivation) == text


@pytest.mark.parametrize(("example", "text"), INVOICES, ids=["beside a credit", "invoice"])
def test_an_invoice_comes_to_what_the_page_says(example: dict[str, Any], text: str):
    coupons = [coupon_from(one) for one in example["coupons"]]
    found = total(lines_from(example["lines"]), coupons, currency=example["currency"], credit=example.get("credit", 0))
    data = found.derivation["amounts"]
    assert {name: data[name] for name in example["amounts"]} == example["amounts"]
    assert text in ("", explain_text(found.derivation))


def test_every_model_has_an_example_and_a_heading():
    assert {example["price"]["model"] for example, _ in PRICES} == set(PricingModel)
    assert all(f"\n### {model}\n" in PAGE for model in PricingModel)
    assert len(EXAMPLES) == len(PRICES) + len(PLANS) + len(CONVERSIONS) + len(INVOICES) == PAGE.count("```yaml")
