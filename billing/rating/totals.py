"""`total`: from lines to what is to be paid, in one order: lines, coupons, taxes, total, credit (design, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from billing.rating.coupons import Coupon
from billing.rating.decimals import HUNDRED
from billing.rating.discounting import Discounted, discount
from billing.rating.errors import InvalidLine
from billing.rating.lines import Line
from billing.rating.rating import DERIVATION_VERSION
from billing.rating.steps import Step, steps_data
from billing.rating.taxing import Taxed, rows_data, split, tax
from common.errors import Problem
from common.money import round_ratio


@dataclass(frozen=True, slots=True)
class Total:
    """The amounts of an invoice in minor units: `total` = `subtotal` - `discount` + `tax`; `due` after credits.

    `net_amounts` and `net_discounts` are those of the lines without tax: `subtotal` and `discount` are their sums.
    Of an exclusive line they are its amount and its share of the coupons; the gross of an inclusive line is fixed, and
    its net is what the tax leaves.
    """

    currency: str
    discounted: Discounted
    taxed: Taxed
    credit: int
    net_amounts: Sequence[int]
    net_discounts: Sequence[int]
    subtotal: int
    discount: int
    tax: int
    total: int
    credit_used: int
    due: int
    steps: Sequence[Step] = field(repr=False, compare=False)  # after those of coupons and taxes

    @property
    def derivation(self) -> dict[str, Any]:
        """The canonical derivation, with the steps of coupons, taxes and totals; made when it is asked for."""
        of_coupons, lines = self.discounted.derivation, self.discounted.lines
        return {
            "version": DERIVATION_VERSION,
            "kind": "total",
            "currency": self.currency,
            "inputs": {**of_coupons["inputs"], "credit": self.credit},
            "steps": of_coupons["steps"] + steps_data(self.taxed.steps) + steps_data(self.steps),
            "amounts": {
                "subtotal": self.subtotal,
                "discount": self.discount,
                "tax": self.tax,
                "total": self.total,
                "creditUsed": self.credit_used,
                "due": self.due,
                "rows": rows_data(self.taxed.rows),
                "coupons": of_coupons["amounts"]["coupons"],
                "lines": {
                    line.key: [amount, share]
                    for line, amount, share in zip(lines, self.net_amounts, self.net_discounts, strict=True)
                },
            },
        }


def total(
    lines: Sequence[Line], coupons: Sequence[Coupon] = (), *, currency: str, credit: int = 0,
    version: int = DERIVATION_VERSION,
) -> Total:  # fmt: skip
    """The invoice of `lines`. `credit` is money that the customer has with us: it pays, and never shrinks a tax base.

    A negative total (a change of plan that gives back more than it charges) stays negative, and `due` is then 0: what
    becomes of it is decided elsewhere. `version` is that of `discount`. Raises what `discount` and `tax` raise, and
    `InvalidLine` for credit below 0.
    """
    if type(credit) is not int or credit < 0:
        raise InvalidLine([Problem("credit", "too_small", "Expected minor units, 0 or more.")])
    discounted = discount(lines, coupons, currency=currency, version=version)
    taxed = tax(lines, currency=currency, discounts=discounted.shares)
    steps: list[Step] = []
    net_discounts = _net_discounts(discounted, taxed, steps)
    net_amounts = [net + share for net, share in zip(taxed.nets, net_discounts, strict=True)]
    subtotal, taken, taxes = sum(net_amounts), sum(net_discounts), taxed.amount
    whole = subtotal - taken + taxes
    used = min(credit, max(0, whole))
    due = max(0, whole - used)
    steps += [
        Step("subtotal", (len(lines),), subtotal, 1, subtotal),
        Step("discount", (len(coupons),), taken, 1, taken),
        Step("tax", (len(taxed.rows),), taxes, 1, taxes),
        Step("total", (subtotal, taken, taxes), whole, 1, whole),
        Step("credit", (whole, credit), used, 1, used),
        Step("due", (whole, used), due, 1, due),
    ]
    return Total(
        currency,
        discounted,
        taxed,
        credit,
        net_amounts,
        net_discounts,
        subtotal,
        taken,
        taxes,
        whole,
        used,
        due,
        steps,
    )


def _net_discounts(discounted: Discounted, taxed: Taxed, steps: list[Step]) -> list[int]:
    """Each line's share of the coupons without tax: of inclusive lines rounded once per kind, then split."""
    shares = list(discounted.shares)
    for kind in taxed.kinds:
        gross = [shares[index] for index in kind.indexes] if kind.inclusive else []
        if not any(gross):
            continue
        whole, divisor = sum(gross), HUNDRED + kind.all_rates
        net = round_ratio(whole * HUNDRED, divisor)
        steps.append(Step("net_discount", (whole, kind.all_rates), whole * HUNDRED, divisor, net))
        parts = split(net, gross, (HUNDRED, divisor))
        for index, part in zip(kind.indexes, parts, strict=True):
            shares[index] = part
        named = {taxed.lines[index].key: part for index, part in zip(kind.indexes, parts, strict=True) if part}
        steps.append(Step("net_discount_shares", (net,), net, 1, net, named))
    return shares
