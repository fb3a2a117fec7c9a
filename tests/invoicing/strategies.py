"""Generated invoices: requests as the domain takes them, customers, settings, times."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st

from invoicing.basis import Terms
from invoicing.requests import InvoiceRequest, ItemRequest

ZONES = ["UTC", "Europe/Berlin", "Pacific/Auckland", "America/Los_Angeles", "Asia/Kathmandu", "America/Sao_Paulo"]
# What JSON may hold and PostgreSQL can store.
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")


def texts(longest: int, shortest: int = 1) -> st.SearchStrategy[str]:
    """Any text that can be stored."""
    return st.text(CHARACTERS, min_size=shortest, max_size=longest)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value or None."""
    return st.none() | values


# hypothesis wants the bounds without a zone.
_FIRST, _LAST = dt.datetime(1990, 1, 1), dt.datetime(2100, 1, 1)  # noqa: DTZ001
INSTANTS = st.datetimes(_FIRST, _LAST, timezones=st.just(dt.UTC)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
METADATA = st.dictionaries(texts(8), texts(12, 0), max_size=3)
CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "KWD"])
AMOUNTS = st.integers(0, 300) | st.integers(0, 10**11)
ADDRESSES = st.fixed_dictionaries(
    {name: maybe(texts(8)) for name in ("line1", "line2", "city", "region", "postalCode", "country")}
)
CUSTOMERS = st.fixed_dictionaries(
    {
        "external_id": maybe(texts(20)),
        "name": maybe(texts(20)),
        "email": maybe(texts(20)),
        "address": maybe(ADDRESSES),
        "currency": maybe(CURRENCIES),
        "locale": maybe(st.sampled_from(["de", "pt-BR"])),
        "tax_exempt": st.booleans(),
        "vat_id": maybe(texts(10)),
    }
)  # fmt: skip
SETTINGS = st.fixed_dictionaries(
    {
        "default_currency": CURRENCIES,
        "tax_rate": st.sampled_from([0, 1, 100, 1001, 1900, 10_000]),
        "tax_label": texts(10),
        "time_zone": st.sampled_from(ZONES),
        "payment_terms_days": st.integers(0, 365),
        "locale": st.sampled_from(["en", "fr"]),
        "payment_instructions": maybe(texts(50)),
        "invoice_texts": st.dictionaries(
            st.sampled_from(["en", "fr", "de"]), st.fixed_dictionaries({"paymentInstructions": texts(20)}), max_size=2
        ),
    }
)  # fmt: skip
TERMS = st.builds(
    Terms, default_currency=CURRENCIES, tax_rate=st.integers(0, 10_000), tax_label=texts(10),
    payment_terms_days=st.integers(0, 365), time_zone=st.sampled_from(ZONES),
)  # fmt: skip


def item_requests(products: st.SearchStrategy[Any]) -> st.SearchStrategy[ItemRequest]:
    """One item; `products` gives its product id or None."""
    return st.builds(
        ItemRequest, description=texts(30), unit_price=AMOUNTS, quantity=st.integers(1, 5) | st.integers(1, 1000),
        product_id=products, tax_code=maybe(texts(10)), period_start=maybe(INSTANTS), period_end=maybe(INSTANTS),
        metadata=METADATA,
    )  # fmt: skip


def invoice_requests(products: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[InvoiceRequest]:
    """A whole request; amounts stay within the bound."""
    items = item_requests(st.none() if products is None else products)
    return st.builds(
        InvoiceRequest, items=st.lists(items, min_size=1, max_size=4), currency=maybe(CURRENCIES),
        notes=maybe(texts(30)), due_date=maybe(INSTANTS), period_start=maybe(INSTANTS), period_end=maybe(INSTANTS),
        skip_tax=st.booleans(), metadata=METADATA,
    )  # fmt: skip
