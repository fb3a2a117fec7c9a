"""`compose`: the one place where a request becomes amounts. Pure: no database, no clock.

The engine of `billing.rating` computes them, for the hot path, the ordinary services and previews alike.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from billing.errors import CouponNotApplicable
from billing.rating.conversion import Converted, convert
from billing.rating.decimals import SCALE, scaled_text
from billing.rating.derivation import invoice_derivation
from billing.rating.errors import CurrencyDoesNotFit, InvalidUsage
from billing.rating.lines import Line
from billing.rating.prices import OF_TRANSACTIONS, PricingModel, TaxBehavior
from billing.rating.rating import Rated, rate
from billing.rating.totals import Total, total
from common.canonical import typed_json
from common.clock import format_instant, local_date, start_of_day
from common.errors import Problem
from common.ids import encode_id, new_id
from common.money import MAX_AMOUNT, exponent, round_ratio
from common.prefixes import COUPON, PLAN, PRICE, PRODUCT
from invoicing.basis import Basis, CataloguePrice, Exchange, Taxes, Terms, exempt_taxes
from invoicing.content import Content, Item, number_out, plain
from invoicing.enums import ItemType
from invoicing.errors import AmountTooLarge, NegativeTotal
from invoicing.requests import InvoiceRequest, ItemRequest

ONE: Final = Decimal(1)
NO_TRANSACTIONS: Final = "This price charges for each transaction: an item names their amounts, and no quantity."


class Position(NamedTuple):
    """A line of the document before discount and tax. `amount` is gross where the price contains its tax."""

    asked: ItemRequest
    id: UUID | None
    type: ItemType
    description: str
    quantity: Decimal
    unit_price: Decimal
    amount: int
    taxes: Taxes
    tax_code: str | None
    product_id: UUID | None
    price_id: UUID | None = None
    usage: Sequence[str] | None = None
    inclusive: bool = False
    exchange: Mapping[str, Any] | None = None
    plan_id: UUID | None = None


@dataclass(slots=True)
class Ratings:
    """How the lines of prices came about: by the keys of their lines, and by position what was converted."""

    rated: list[tuple[list[str], Rated]] = field(default_factory=list)
    converted: dict[int, Converted] = field(default_factory=dict)


def compose(
    request: InvoiceRequest, *, customer_id: UUID, currency: str, basis: Basis, issued_at: dt.datetime | None,
    invoice_id: UUID | None = None, subscription_id: UUID | None = None,
) -> Content:  # fmt: skip
    """The document's content. `issued_at` is None for a draft, whose due date then stays open unless given.

    Order and rounding: lines, coupons, taxes, total (docs/rating.md). Every price that an item names is in the basis.
    Raises `AmountTooLarge` when an item or the total is beyond 10^15, `NegativeTotal` when credits are more than what
    is charged, `CurrencyDoesNotFit` and `InvalidUsage` with the path of the item, and `CouponNotApplicable` for a
    coupon that is restricted to what none of the items is.
    """
    positions, ratings = _positions(request, currency=currency, basis=basis)
    derived = bool(ratings.rated or basis.coupons)
    text_of = cache(encode_id)  # many lines name few products and prices
    lines = [
        Line(
            str(number), one.amount, one.taxes, one.inclusive,
            text_of(PLAN, one.plan_id) if one.plan_id is not None else None,
            text_of(PRODUCT, one.product_id) if derived and one.product_id is not None else None,
            text_of(PRICE, one.price_id) if one.price_id is not None else None,
        )
        for number, one in enumerate(positions, start=1)
    ]  # fmt: skip
    for index, coupon in enumerate(basis.coupons):
        if coupon.terms.restricted and not any(coupon.terms.names(line) for line in lines):
            raise CouponNotApplicable(f"coupons[{index}]", "None of the items is what the coupon is for.")
    found = total(lines, [coupon.terms for coupon in basis.coupons], currency=currency)
    _check_amounts(found)
    derivation = None
    if derived and issued_at is not None:
        # Made of typed values, so that the quick spelling is the canonical one.
        derivation = typed_json(invoice_derivation(found, ratings.rated, ratings.converted))
    terms = basis.terms
    return Content(
        id=invoice_id or new_id(),
        customer_id=customer_id,
        currency=currency,
        items=list(_items(positions, found)),
        subtotal=found.subtotal,
        discount=found.discount,
        tax=found.tax,
        total=found.total,
        tax_breakdown=_breakdown(found),
        due_date=request.due_date or due_date(issued_at, terms),
        issued_at=issued_at,
        period_start=request.period_start,
        period_end=request.period_end,
        subscription_id=subscription_id,
        skip_tax=request.skip_tax,
        settings_version=terms.version if issued_at is not None else None,
        coupons=_coupons(basis, found),
        derivation_digest=None if derivation is None else hashlib.sha256(derivation).digest(),
        derivation=derivation,
        taken=found.discounted.taken,
    )


def due_date(issued_at: dt.datetime | None, terms: Terms) -> dt.datetime | None:
    """Midnight, in the tenant's zone, of the issue day plus the payment terms; None for a draft."""
    if issued_at is None:
        return None
    day = local_date(issued_at, terms.time_zone) + dt.timedelta(days=terms.payment_terms_days)
    return start_of_day(day, terms.time_zone)


def issue_year(issued_at: dt.datetime, time_zone: str) -> int:
    """The year of a document's number: that of its issue date where the tenant is."""
    return local_date(issued_at, time_zone).year


def _positions(request: InvoiceRequest, *, currency: str, basis: Basis) -> tuple[list[Position], Ratings]:
    """The lines in the order of the document, and of those that a price gives how they were rated."""
    taxes_of: dict[str | None, Taxes] = {}

    def taxes(code: str | None) -> Taxes:
        if code not in taxes_of:
            taxes_of[code] = exempt_taxes(basis.terms) if request.skip_tax else basis.taxes_of(code)
        return taxes_of[code]

    positions: list[Position] = []
    ratings = Ratings()
    for index, asked in enumerate(request.items):
        if asked.price_id is None:
            positions.append(_plain(asked, taxes(asked.tax_code)))
            continue
        price = basis.prices[asked.price_id]
        path, first = asked.path(index), len(positions) + 1
        rated = rate(price.terms, _usage(asked, price, path), path=path)
        foreign = price.terms.currency != currency
        exchange = _exchange(price, currency=currency, basis=basis, path=path) if foreign else None
        if foreign and abs(rated.amount) > MAX_AMOUNT:  # the document shows it beside what it comes to
            raise AmountTooLarge()
        converted = None if exchange is None else _converted(rated.amount, exchange, rated, currency)
        positions += _rated(asked, price, rated, taxes(asked.tax_code or price.tax_code), exchange, converted)
        if converted is not None:
            ratings.converted[len(ratings.rated)] = converted
        ratings.rated.append(([str(number) for number in range(first, len(positions) + 1)], rated))
    return positions, ratings


def _plain(asked: ItemRequest, taxes: Taxes) -> Position:
    """What the caller priced: whole quantities of whole minor units."""
    amount = int(asked.quantity) * asked.unit_price
    return Position(
        asked, asked.id, asked.type, asked.description, Decimal(asked.quantity), Decimal(asked.unit_price), amount,
        taxes, asked.tax_code, asked.product_id,
    )  # fmt: skip


def _usage(asked: ItemRequest, price: CataloguePrice, path: str) -> Sequence[Decimal] | Decimal | int:
    """What the price is asked for. A quantity, the 1 of an item that says none above all, is no transaction."""
    if price.terms.model in OF_TRANSACTIONS and not asked.transactions:
        field = "quantity" if asked.place else "transactions"
        raise InvalidUsage([Problem(f"{path}.{field}", "required", NO_TRANSACTIONS)])
    return list(asked.transactions) or asked.quantity


def _exchange(price: CataloguePrice, *, currency: str, basis: Basis, path: str) -> Exchange:
    found = basis.exchange.get(price.terms.currency)
    if found is None:
        raise CurrencyDoesNotFit(price.terms.currency, currency, path=f"{path}.priceId")
    return found


def _converted(amount: int, exchange: Exchange, rated: Rated, currency: str) -> Converted:
    return convert(amount, exchange.rate, source=rated.price.currency, target=currency)


def _rated(
    asked: ItemRequest, price: CataloguePrice, rated: Rated, taxes: Taxes, exchange: Exchange | None,
    converted: Converted | None,
) -> Iterator[Position]:  # fmt: skip
    """The line of a price, and a second one for what only its minimum brings in.

    In another currency the whole and the second line are converted; the first has what that leaves of the whole.
    """
    terms = price.terms
    original = rated.amount - rated.top_up
    amount, top_up = original, rated.top_up
    if exchange is not None and converted is not None:
        top_up = _converted(rated.top_up, exchange, rated, converted.target).amount
        amount = converted.amount - top_up
    code = asked.tax_code or price.tax_code
    inclusive = terms.tax_behavior is TaxBehavior.INCLUSIVE
    quantity, unit_price = _shown(rated, amount, converted)
    first = Position(
        asked, asked.id, ItemType.USAGE if terms.metered else ItemType.ONE_TIME,
        asked.description or price.product_name, quantity, unit_price, amount, taxes, code, price.product_id, price.id,
        [scaled_text(part) for part in rated.usage], inclusive, _exchange_data(terms.currency, original, exchange),
        asked.plan_id,
    )  # fmt: skip
    yield first
    if rated.top_up:
        yield first._replace(
            id=asked.minimum_id, type=ItemType.MINIMUM, quantity=ONE, unit_price=Decimal(top_up), amount=top_up,
            usage=None, exchange=_exchange_data(terms.currency, rated.top_up, exchange),
        )  # fmt: skip


def _exchange_data(currency: str, amount: int, exchange: Exchange | None) -> dict[str, Any] | None:
    """What the document says about a conversion."""
    if exchange is None:
        return None
    return {
        "currency": currency, "amount": amount, "rate": plain(exchange.rate),
        "date": format_instant(exchange.valid_from), "source": exchange.source,
    }  # fmt: skip


def _shown(rated: Rated, amount: int, converted: Converted | None) -> tuple[Decimal, Decimal]:
    """Quantity and unit price as the document shows them: their product, rounded, is the line's amount.

    They are those of the price where nothing but a price per unit has made the amount; else it is one of the amount.
    """
    price, quantity = rated.price, sum(rated.usage)
    if price.model is PricingModel.PER_UNIT and not price.included_units and quantity:
        unit = price.unit_amount if converted is None else _unit_in(converted, price.unit_amount)
        if unit is not None and round_ratio(quantity * unit, SCALE * SCALE) == amount:
            return Decimal(scaled_text(quantity)), Decimal(scaled_text(unit))
    return ONE, Decimal(amount)


def _unit_in(converted: Converted, unit_amount: int) -> int | None:
    """A scaled unit amount in the other currency, where it has no more than twelve places and is no more than 10^15."""
    exact = unit_amount * converted.rate * 10 ** exponent(converted.target)
    unit, rest = divmod(exact, SCALE * 10 ** exponent(converted.source))
    return None if rest or unit > MAX_AMOUNT * SCALE else unit


def _check_amounts(found: Total) -> None:
    largest = max((abs(line.amount) for line in found.discounted.lines), default=0)
    if max(largest, found.subtotal, found.total, found.total - found.tax) > MAX_AMOUNT:
        raise AmountTooLarge()
    if found.total < 0 or found.subtotal < found.discount:
        raise NegativeTotal()


def _items(positions: Sequence[Position], found: Total) -> Iterator[Item]:
    shown: dict[Taxes, tuple[list[dict[str, Any]], Decimal]] = {}
    for one, amount, discount in zip(positions, found.net_amounts, found.net_discounts, strict=True):
        if one.taxes not in shown:
            taxes = [
                {"label": tax.label, "rate": number_out(tax.basis_points), "category": str(tax.category)}
                for tax in one.taxes
            ]  # fmt: skip
            shown[one.taxes] = taxes, sum((tax.basis_points for tax in one.taxes), Decimal(0))
        taxes, rate_of_all = shown[one.taxes]
        asked = one.asked
        yield Item(
            id=one.id or new_id(), type=one.type, description=one.description, quantity=one.quantity,
            unit_price=one.unit_price, total=amount, discount=discount, tax_rate=rate_of_all, taxes=taxes,
            tax_code=one.tax_code, product_id=one.product_id, price_id=one.price_id, period_start=asked.period_start,
            period_end=asked.period_end, metadata=asked.metadata, usage=one.usage, inclusive=one.inclusive,
            exchange=one.exchange, plan_id=one.plan_id,
        )  # fmt: skip


def _breakdown(found: Total) -> list[dict[str, Any]]:
    return [
        {
            "label": row.rate.label, "rate": number_out(row.rate.basis_points), "category": str(row.rate.category),
            "taxable": row.taxable, "tax": row.tax, "note": row.rate.reason,
        }
        for row in found.taxed.rows
    ]  # fmt: skip


def _coupons(basis: Basis, found: Total) -> list[dict[str, Any]]:
    """What each coupon took: of prices that contain their tax, with it."""
    taken = {one.coupon.code: one.amount for one in found.discounted.taken}
    return [
        {
            "couponId": encode_id(COUPON, one.id), "code": one.terms.code, "name": one.name,
            "amount": taken[one.terms.code],
        }
        for one in basis.coupons
    ]  # fmt: skip
