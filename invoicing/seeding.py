"""Invented customers, products and fates of invoices for `manage.py seed_invoices`. Pure: the chances are an argument.

What is invented looks like a small company's books: a few currencies and languages, most invoices paid in time, some
late, some in part, a few given up. Nobody real is named; addresses are at example.com.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from invoicing.enums import InvoiceStatus
from invoicing.requests import ItemRequest

_WORDS = (
    "Alder", "Anchor", "Aurora", "Beacon", "Birch", "Bluebell", "Brook", "Cedar", "Cobalt", "Copper", "Coral",
    "Crown", "Delta", "Ember", "Falcon", "Fern", "Granite", "Harbour", "Hazel", "Heron", "Iris", "Juniper",
    "Kestrel", "Lantern", "Larch", "Linden", "Lotus", "Lunar", "Maple", "Marble", "Meadow", "Meridian", "Nova",
    "Oak", "Onyx", "Orchard", "Otter", "Pearl", "Pine", "Polar", "Quartz", "Raven", "Ridge", "River", "Robin",
    "Rowan", "Sable", "Sage", "Silver", "Spruce", "Summit", "Swift", "Tern", "Thistle", "Tidal", "Umber",
    "Vale", "Violet", "Willow", "Zenith",
)  # fmt: skip
_TRADES = (
    "Analytics", "Bakery", "Books", "Brewing", "Cargo", "Clinic", "Consulting", "Design", "Energy", "Foods", "Gardens",
    "Instruments", "Labs", "Logistics", "Media", "Optics", "Partners", "Press", "Robotics", "Software", "Studio",
    "Systems", "Textiles", "Tools", "Travel", "Works",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Country:
    code: str
    language: str
    currency: str
    company: str
    street: str
    places: tuple[tuple[str, str], ...]  # city and postal code


_COUNTRIES = (
    _Country("DE", "de", "EUR", "GmbH", "Lindenstraße {}", (("Berlin", "10969"), ("Köln", "50674"), ("Jena", "07743"))),
    _Country("AT", "de", "EUR", "GmbH", "Hauptplatz {}", (("Wien", "1010"), ("Graz", "8010"), ("Linz", "4020"))),
    _Country("FR", "fr", "EUR", "SARL", "{} rue de la Gare", (("Lyon", "69003"), ("Nantes", "44000"))),
    _Country("GB", "en", "GBP", "Ltd", "{} High Street", (("Leeds", "LS1 4DY"), ("Bristol", "BS1 5TR"))),
    _Country("US", "en", "USD", "Inc.", "{} Main Street", (("Portland", "97205"), ("Austin", "78701"))),
    _Country("JP", "en", "JPY", "K.K.", "{} Chuo-ku", (("Osaka", "541-0041"), ("Sapporo", "060-0042"))),
)
_SHARES = (40, 12, 14, 16, 14, 4)

# Name, kind, price in minor units, interval.
PRODUCTS: tuple[tuple[str, str, int, str | None], ...] = (
    ("Starter plan", "recurring", 1_900, "month"),
    ("Team plan", "recurring", 9_900, "month"),
    ("Business plan", "recurring", 49_900, "month"),
    ("Archive storage, 1 TB", "recurring", 2_400, "month"),
    ("Priority support", "recurring", 14_900, "month"),
    ("Additional seat", "recurring", 1_200, "month"),
    ("Onboarding workshop", "one_time", 85_000, None),
    ("Data migration", "one_time", 120_000, None),
    ("Consulting, per hour", "one_time", 13_500, None),
    ("Security review", "one_time", 240_000, None),
    ("Custom report", "one_time", 32_000, None),
    ("API calls, per thousand", "one_time", 45, None),
)
_VOID_REASONS = ("Issued twice", "Wrong customer", "Order cancelled before delivery", "Wrong service period")


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of an issued invoice. `paid` is in minor units."""

    status: str
    paid: int = 0
    paid_at: dt.datetime | None = None
    voided_at: dt.datetime | None = None
    void_reason: str | None = None


def customer_fields(chance: Random, number: int) -> dict[str, Any]:
    """The columns of an invented customer; `number` makes its external id."""
    country = chance.choices(_COUNTRIES, _SHARES)[0]
    word, trade = chance.choice(_WORDS), chance.choice(_TRADES)
    city, postal_code = chance.choice(country.places)
    return {
        "external_id": f"seed-{number:06d}",
        "name": f"{word} {trade} {country.company}",
        "email": f"billing@{word}-{trade}-{number}.example.com".lower(),
        "currency": country.currency,
        "locale": country.language,
        "address": {
            "line1": country.street.format(chance.randint(1, 180)), "line2": None, "city": city, "region": None,
            "postalCode": postal_code, "country": country.code,
        },
    }  # fmt: skip


def item_requests(chance: Random, products: Sequence[Any]) -> list[ItemRequest]:
    """One to four items of the given products, which have an id, a name and a price."""
    chosen = chance.sample(products, chance.choices((1, 2, 3, 4), (50, 30, 15, 5))[0])
    return [
        ItemRequest(
            description=product.name, unit_price=product.price, quantity=1 if product.price > 30_000 else
            chance.choice((1, 1, 1, 2, 3, 5, 12)), product_id=product.id,
        )
        for product in chosen
    ]  # fmt: skip


def fate_of(
    chance: Random, *, total: int, issued_at: dt.datetime, due_date: dt.datetime, now: dt.datetime
) -> Fate:  # fmt: skip
    """What became of an invoice until `now`. Nothing happens in the future; what fell due is not pending any more."""
    drawn = chance.randrange(1_000)
    paid_at = issued_at + dt.timedelta(seconds=int(chance.betavariate(2, 4) * 40 * 86_400) + 3_600)
    if drawn < 25:
        voided_at = issued_at + dt.timedelta(hours=chance.randint(1, 96))
        if voided_at < now:
            return Fate(InvoiceStatus.VOID, voided_at=voided_at, void_reason=chance.choice(_VOID_REASONS))
    elif drawn < 900 and paid_at < now:
        return Fate(InvoiceStatus.PAID, paid=total, paid_at=paid_at)
    if due_date > now:
        return Fate(InvoiceStatus.PENDING)
    if drawn < 940:
        return Fate(InvoiceStatus.UNCOLLECTIBLE)
    paid = total // 2 if drawn >= 985 and total > 1 and paid_at < now else 0
    return Fate(InvoiceStatus.PAST_DUE, paid=paid, paid_at=paid_at if paid else None)
