"""How an invoice was computed, told from its derivation: as JSON for programs, as text for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from billing.rating.derivation import digest, of_minimum
from billing.rating.explain import explain_text, money_text
from billing.rating.steps import steps_data
from common.ids import encode_id
from common.prefixes import INVOICE, INVOICE_ITEM
from invoicing.content import Content, Item, number_out, plain
from invoicing.derivations import line_amount
from invoicing.enums import ItemType

_OF_MINIMUM: Final = ("minimum_spend", "minimum_share", "minimum")
_DISCOUNTS: Final = ("coupon_", "net_discount")
_TAXES: Final = ("tax_", "net_of_gross", "net_shares")


@dataclass(frozen=True, slots=True)
class Explained:
    """A document with its derivation. Without ids (a preview) it has not been written."""

    content: Content
    derivation: Mapping[str, Any]
    number: str | None = None
    preview: bool = False


def explanation(one: Explained) -> dict[str, Any]:
    """The explanation of the contract. Keys of shares are positions of lines, from 1."""
    whole = one.derivation["total"]
    steps = whole["steps"]
    ratings = _by_line(one.derivation)
    return {
        "invoiceId": None if one.preview else encode_id(INVOICE, one.content.id),
        "engineVersion": one.derivation["version"],
        "lines": [
            {
                "itemId": None if one.preview else encode_id(INVOICE_ITEM, item.id),
                "position": position,
                "description": item.description,
                "steps": _steps(item, ratings.get(str(position))),
            }
            for position, item in enumerate(one.content.items, start=1)
        ],
        "discounts": [step for step in steps if _is(step, _DISCOUNTS)],
        "taxes": [step for step in steps if _is(step, _TAXES)],
        "totals": {name: whole["amounts"][name] for name in ("subtotal", "discount", "tax", "total")},
        "digest": digest(one.derivation),
        "derivation": one.derivation,
    }


def explanation_text(one: Explained) -> str:
    """The same for a customer to read."""
    currency = one.content.currency
    name = one.number or ("this invoice" if one.preview else "this draft")
    parts = [f"How {name} was computed\n"]
    ratings = _by_line(one.derivation)
    told: set[int] = set()
    names = {}
    for position, item in enumerate(one.content.items, start=1):
        rating = ratings.get(str(position))
        head = f"Line {position}: {item.description}"
        names[str(position)] = f"Line {position}, {item.description}"
        if rating is None:
            price = money_text(Fraction(item.unit_price), currency)
            amount = money_text(line_amount(item), currency)
            parts.append(f"{head}\n  {plain(item.quantity)} × {price} = {amount}\n")
        elif id(rating) in told:
            converted = of_minimum(rating)[1]
            text = "" if converted is None else "\n" + explain_text(converted.derivation).rstrip("\n")
            parts.append(f"{head}\n  What the minimum adds: {money_text(line_amount(item), currency)}{text}\n")
        else:
            told.add(id(rating))
            text = explain_text(rating["conversion"]) if "conversion" in rating else ""
            line = ""
            if len(rating["lines"]) > 1:  # the minimum has a line of its own, and the amount is that of both
                line = f"On this line: {money_text(line_amount(item), currency)}\n"
            parts.append(f"{head}\n{explain_text(rating['derivation'])}{text}{line}")
    return "\n".join([*parts, explain_text(one.derivation["total"], names)])


def _by_line(derivation: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The rating behind each line that a price has made."""
    return {key: one for one in derivation["ratings"] for key in one["lines"]}


def _steps(item: Item, rating: Mapping[str, Any] | None) -> Sequence[Any]:
    """Those of the price; of what a minimum adds those of the minimum, for the others stand with the line before it.

    Where there are both lines each ends with the step to its own amount.
    """
    if rating is not None:
        steps = rating["derivation"]["steps"]
        whole = rating["conversion"] if "conversion" in rating else rating["derivation"]
        amount, (added, converted) = rating["derivation"]["amounts"]["amount"], of_minimum(rating)
        of_it = [*steps, *(whole["steps"] if "conversion" in rating else [])]
        if len(rating["lines"]) == 1:
            return of_it
        if item.type == ItemType.MINIMUM:
            last = _less("minimum_adds", amount, "used", amount - added)
            conversion = [] if converted is None else steps_data(converted.steps)
            return [*(step for step in steps if step["rule"] in _OF_MINIMUM), last, *conversion]
        less = added if converted is None else converted.amount
        return [*of_it, _less("without_minimum", whole["amounts"]["amount"], "minimumAdds", less)]
    exact = Decimal(item.quantity) * Decimal(item.unit_price)
    return [
        {
            "rule": "given",
            "inputs": {"quantity": number_out(item.quantity), "unitPrice": number_out(item.unit_price)},
            "formula": "round(quantity * unitPrice)", "exact": plain(exact), "rounded": line_amount(item),
        }
    ]  # fmt: skip


def _less(rule: str, amount: int, name: str, less: int) -> dict[str, Any]:
    """A step that takes off, in minor units: it is in no derivation, for the amounts there say it."""
    rest = amount - less
    return {
        "rule": rule, "inputs": {"amount": amount, name: less}, "formula": f"amount - {name}", "exact": str(rest),
        "rounded": rest,
    }  # fmt: skip


def _is(step: Mapping[str, Any], prefixes: tuple[str, ...]) -> bool:
    return str(step["rule"]).startswith(prefixes)
