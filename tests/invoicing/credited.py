"""Credit of customers for the tests of invoices: given, looked at, and compared with what was paid with it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from accounting.models import Account
from accounting.services.verifying import verify_books
from billing.models import Payment
from common.clock import SystemClock
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.invoicing.documents import Invoices


def in_hours(hours: float) -> str:
    """An instant as the API takes it."""
    return (SystemClock().now() + dt.timedelta(hours=hours)).isoformat()


def customer_of(invoices: Invoices, name: str = "user-1") -> str:
    """The id of the customer that `Invoices` bills, made when there is none."""
    found = invoices.api.get(f"/api/customers?externalId={name}").json()["data"]
    if found:
        return str(found[0]["id"])
    answer = invoices.api.post("/api/customers", {"externalId": name})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def grant(invoices: Invoices, amount: int, *, name: str = "user-1", currency: str = "EUR", **fields: Any) -> Any:
    """A grant in the customer's wallet."""
    body = {"customerId": customer_of(invoices, name), "amount": amount, "currency": currency, **fields}
    answer = invoices.api.post("/api/grants", body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def credit(invoices: Invoices, amount: int, *, name: str = "user-1", **fields: Any) -> None:
    """Credit without conditions."""
    body = {"amount": amount, "reason": "Goodwill", **fields}
    answer = invoices.api.post(f"/api/customers/{customer_of(invoices, name)}/credit", body)
    assert answer.status_code == 201, answer.content


def wallet(invoices: Invoices, currency: str = "EUR") -> dict[str, Any]:
    """Posted and held in the customer's wallet."""
    with tenant_scope(invoices.tenant.id):
        account = Account.objects.select_related("balance").get(is_wallet=True, currency=currency)
        return {"posted": account.balance.posted, "held": account.balance.held}


def left_of(invoices: Invoices, *grants: Any) -> list[tuple[int, str]]:
    """What remains of each grant, and its status."""
    found = {one["id"]: one for one in invoices.api.get("/api/grants?limit=100").json()["data"]}
    return [(found[one["id"]]["remaining"], found[one["id"]]["status"]) for one in grants]


def paid_with_credit(tenant: Tenant) -> list[tuple[int, int]]:
    """Amount and refunded amount of each payment with credit, in their order."""
    with tenant_scope(tenant.id):
        return list(Payment.objects.filter(method="credit").order_by("id").values_list("amount", "amount_refunded"))


def wrong(tenant: Tenant) -> list[str]:
    """What `verify_books` finds."""
    with tenant_scope(tenant.id):
        return [f"{one.place}: {one.problem}" for one in verify_books(tenant_id=tenant.id).findings]
