"""Writing the items of a document: one statement for all of them, however many they are."""

from __future__ import annotations

from typing import Any, Final

import orjson
from django.db import connection

from invoicing.content import Content, Item, plain
from invoicing.models import Invoice

COLUMNS: Final = """
        id, tenant_id, invoice_id, position, type, description, quantity, unit_price, total, discount, tax_rate, taxes,
        tax_code, product_id, price_id, period_start, period_end, metadata, usage, inclusive, exchange,
        plan_id
"""
VALUES: Final = """
        r.id, {tenant}::uuid, {invoice}::uuid, r.p, r.type, r.d, r.q, r.u, r.t, COALESCE(r.less, 0), r.rate, r.taxes,
        r.code, r.product, r.price, r.starts, r.ends, r.meta, r.usage, COALESCE(r.incl, false), r.exchange,
        r.plan
"""
ROWS: Final = """json_to_recordset({items}::json) AS r(
        id uuid, p integer, type varchar, d varchar, q numeric, u numeric, t bigint, less bigint, rate numeric,
        taxes jsonb, code varchar, product uuid, price uuid, starts timestamptz, ends timestamptz, meta jsonb,
        usage jsonb, incl boolean, exchange jsonb, plan uuid
    )"""
_INSERT: Final = (
    f"INSERT INTO invoicing_invoiceitem ({COLUMNS}) SELECT {VALUES.format(tenant='%s', invoice='%s')} "  # noqa: S608
    f"FROM {ROWS.format(items='%s')}"
)


def insert_items(invoice: Invoice, content: Content) -> None:
    """Write the items in the order of the document."""
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [invoice.tenant_id, invoice.id, item_rows(content)])


def item_rows(content: Content) -> str:
    """The items as `ROWS` reads them; what an item does not have is left out."""
    return orjson.dumps([_row(position, item) for position, item in enumerate(content.items)]).decode()


def _row(position: int, item: Item) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": item.id, "p": position, "type": str(item.type), "d": item.description, "q": plain(item.quantity),
        "u": plain(item.unit_price), "t": item.total, "rate": plain(item.tax_rate), "taxes": item.taxes,
        "meta": dict(item.metadata),
    }  # fmt: skip
    more = {
        "code": item.tax_code, "product": item.product_id, "starts": item.period_start, "ends": item.period_end,
        "less": item.discount, "price": item.price_id, "usage": item.usage, "incl": item.inclusive,
        "exchange": item.exchange, "plan": item.plan_id,
    }  # fmt: skip
    row.update((name, value) for name, value in more.items() if value)
    return row
