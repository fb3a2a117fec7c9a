"""Invoices as a sibling service asks for them, and what is in the tables afterwards."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from common.ids import decode_id
from common.prefixes import INVOICE
from events.models import Event
from invoicing.models import Invoice
from invoicing.selectors import content_of, items_of
from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope
from tests.clients import Api

ITEM = {"description": "Consulting", "unitPrice": 10_000}


def asked(*amounts: int, **fields: Any) -> dict[str, Any]:
    """The body of a request: one item per amount (minor units), or one of 100.00."""
    items = [{"description": f"Part {index}", "unitPrice": amount} for index, amount in enumerate(amounts)] or [ITEM]
    who = {} if "customerId" in fields or "userId" in fields else {"userId": "user-1"}
    return {**who, "items": items, **fields}


@dataclass
class Invoices:
    """Calls the routes of invoices and looks behind them."""

    tenant: Tenant
    api: Api

    def post(self, body: Any, **headers: Any) -> Any:
        """POST `/api/invoices`; the answer as it is."""
        return self.api.post("/api/invoices", body, **headers)

    def make(self, *amounts: int, **fields: Any) -> dict[str, Any]:
        """A new invoice that must be accepted."""
        answer = self.post(asked(*amounts, **fields))
        assert answer.status_code == 201, answer.content
        body: dict[str, Any] = answer.json()
        return body

    def draft(self, *amounts: int, **fields: Any) -> dict[str, Any]:
        """A new draft."""
        return self.make(*amounts, draft=True, **fields)

    def act(self, invoice: dict[str, Any], verb: str, body: Any = None, **headers: Any) -> Any:
        """POST `/api/invoices/{id}/{verb}`."""
        return self.api.post(f"/api/invoices/{invoice['id']}/{verb}", {} if body is None else body, **headers)

    def get(self, invoice: dict[str, Any]) -> dict[str, Any]:
        """GET one."""
        answer = self.api.get(f"/api/invoices/{invoice['id']}")
        assert answer.status_code == 200, answer.content
        body: dict[str, Any] = answer.json()
        return body

    def patch(self, invoice: dict[str, Any], changes: Any) -> Any:
        """PATCH one."""
        return self.api.patch(f"/api/invoices/{invoice['id']}", changes)

    def listed(self, query: str = "") -> list[dict[str, Any]]:
        """The first page of the list."""
        answer = self.api.get(f"/api/invoices{query}")
        assert answer.status_code == 200, answer.content
        data: list[dict[str, Any]] = answer.json()["data"]
        return data

    def status_after(self, *steps: tuple[str, Any]) -> dict[str, Any]:
        """An invoice of 100.00 that has gone through `steps` (verb and body)."""
        invoice = self.make(10_000)
        for verb, body in steps:
            answer = self.act(invoice, verb, body)
            assert answer.status_code == 200, answer.content
        return self.get(invoice)

    def events(self) -> list[str]:
        """The types of all published events about invoices, in the order of publishing."""
        with tenant_scope(self.tenant.id):
            rows = Event.objects.filter(tenant_id=self.tenant.id, object_type="invoice").order_by("id")
            return [row.type for row in rows]

    def audit(self, entity_type: str = "invoice") -> list[AuditEntry]:
        """The trail of a kind of object, oldest first."""
        with tenant_scope(self.tenant.id):
            return list(AuditEntry.objects.filter(tenant_id=self.tenant.id, entity_type=entity_type).order_by("id"))

    def numbers(self) -> list[str]:
        """All numbers, sorted by series, year and number."""
        with tenant_scope(self.tenant.id):
            rows = Invoice.objects.filter(tenant_id=self.tenant.id, number__isnull=False)
            return [row.invoice_number or "" for row in rows.order_by("series", "year", "number")]

    def row(self, invoice: dict[str, Any]) -> Invoice:
        """The stored row."""
        with tenant_scope(self.tenant.id):
            return Invoice.objects.select_related("buyer").get(id=uuid_of(invoice))

    def stored_digest(self, invoice: dict[str, Any]) -> bytes:
        """The digest of what the tables hold now."""
        with tenant_scope(self.tenant.id):
            row = Invoice.objects.get(id=uuid_of(invoice))
            return content_of(row, items_of(row)).digest(bytes(row.buyer_digest or b""))


def uuid_of(invoice: dict[str, Any]) -> UUID:
    """The id in the database."""
    return decode_id(INVOICE, invoice["id"])


def rows_of(table: str, *, tenant: Tenant) -> list[dict[str, Any]]:
    """Whole rows of a table, by column, in the order of their ids: a new column cannot be forgotten."""
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY id")
        return [json.loads(text) for (text,) in cursor.fetchall()]
