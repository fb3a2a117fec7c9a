"""How an invoice was computed, told from its derivation: as JSON for programs, as text for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from billing.rating.derivation import digest
from billing.rating.explain import explain_text, money_text
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
            parts.append(f"{head}\n  What the minimum adds: {money_text(line_amount(item), currency)}\n")
        else:
            told.add(id(rating))
            converted = explain_text(rating["conversion"]) if "conversion" in rating else ""
            line = ""
            if len(rating["lines"]) > 1:  # the minimum has a line of its own, and the amount is that of both
                line = f"On this line: {money_text(line_amount(item), currency)}\n"
            parts.append(f"{head}\n{explain_text(rating['derivation'])}{converted}{line}")
    return "\n".join([*parts, explain_text(one.derivation["total"], names)])


def _by_line(derivation: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The rating behind each line that a price has made."""
    return {key: one for one in derivation["ratings"] for key in one["lines"]}


def _steps(item: Item, rating: Mapping[str, Any] | None) -> Sequence[Any]:
    """Those of the price; of what a minimum adds those of the minimum, for the others stand with the line before it."""
    if rating is not None and item.type == ItemType.MINIMUM:
        return [step for step in rating["derivation"]["steps"] if step["rule"] in _OF_MINIMUM]
    if rating is not None:
        return [*rating["derivation"]["steps"], *(rating["conversion"]["steps"] if "conversion" in rating else [])]
    exact = Decimal(item.quantity) * Decimal(item.unit_price)
    return [
        {
            "rule": "given",
            "inputs": {"quantity": number_out(item.quantity), "unitPrice": number_out(item.unit_price)},
            "formula": "round(quantity * unitPrice)", "exact": plain(exact), "rounded": line_amount(item),
        }
    ]  # fmt: skip


def _is(step: Mapping[str, Any], prefixes: tuple[str, ...]) -> bool:
    return str(step["rule"]).startswith(prefixes)
