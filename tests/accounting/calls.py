"""Accounts and what moves between them, as a sibling service asks for it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connections

from accounting.models import Account, Balance
from common.ids import decode_id, encode_id
from common.prefixes import ACCOUNT
from events.models import Event
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.clients import Api
from tests.conftest import AT

UNLIMITED = {"policy": "unlimited"}


@dataclass
class Books:
    """Calls the routes of the ledger and looks behind them."""

    tenant: Tenant
    api: Api

    def open(self, currency: str = "EUR", **fields: Any) -> str:
        """A new account; its id."""
        return str(self.made(self.api.post("/api/accounts", {"currency": currency, **fields}))["id"])

    def source(self, currency: str = "EUR") -> str:
        """An account that may be overdrawn without bound."""
        return self.open(currency, overdraft=UNLIMITED)

    def filled(self, amount: int, currency: str = "EUR", **fields: Any) -> str:
        """An account with a balance."""
        account = self.open(currency, **fields)
        self.move(self.source(currency), account, amount, currency=currency)
        return account

    def system(self) -> str:
        """An account of the books, which only Ledger opens."""
        with tenant_scope(self.tenant.id):
            made = Account.objects.create(
                tenant_id=self.tenant.id, currency="EUR", owner_type="system", overdraft_policy="unlimited",
                created_at=AT, updated_at=AT,
            )  # fmt: skip
        return encode_id(ACCOUNT, made.id)

    def transfer(self, source: str, target: str, amount: int, **fields: Any) -> Any:
        """POST `/api/transfers`; the answer as it is. `key` becomes the header."""
        headers = {"key": fields.pop("key")} if "key" in fields else {}
        return self.api.post("/api/transfers", body_of(source, target, amount, **fields), **headers)

    def move(self, source: str, target: str, amount: int, **fields: Any) -> dict[str, Any]:
        """A transfer that must be accepted."""
        return self.made(self.transfer(source, target, amount, **fields))

    def entry(self, *lines: tuple[str, str, int], **fields: Any) -> Any:
        """POST `/api/entries` with lines of (account, side, amount)."""
        shown = [{"accountId": account, "side": side, "amount": amount} for account, side, amount in lines]
        return self.api.post("/api/entries", {"lines": shown, **fields})

    def hold(self, account: str, amount: int, **fields: Any) -> Any:
        """POST `/api/holds`."""
        return self.api.post("/api/holds", {"accountId": account, "amount": amount, "currency": "EUR", **fields})

    def act(self, path: str, verb: str, body: Any = None) -> Any:
        """POST `/api/{path}/{verb}`; of most verbs a reason is the body."""
        return self.api.post(f"/api/{path}/{verb}", {"reason": "Because"} if body is None else body)

    def listed(self, path: str, query: str = "") -> list[dict[str, Any]]:
        """The objects of a list."""
        answer = self.api.get(f"/api/{path}{query}")
        assert answer.status_code == 200, answer.content
        return list(answer.json()["data"])

    def made(self, answer: Any, status: int = 201) -> dict[str, Any]:
        """The body of an answer that must have this status."""
        assert answer.status_code == status, answer.content
        return dict(answer.json())

    def standing(self, account: str) -> tuple[int, int]:
        """Posted and held of a bounded account."""
        with tenant_scope(self.tenant.id):
            row = Balance.objects.get(account_id=uuid_of(account))
            return row.posted, row.held

    def events(self, *types: str) -> list[Event]:
        """The events of these types, oldest first."""
        with tenant_scope(self.tenant.id):
            return list(Event.objects.filter(type__in=types).order_by("id"))

    def at_once(self, *calls: Callable[[Books], Any]) -> Counter[Any]:
        """Runs calls in threads of their own and counts (status, code or None)."""
        seen: Counter[Any] = Counter()
        ready = threading.Barrier(len(calls))

        def one(call: Callable[[Books], Any]) -> None:
            mine = Books(self.tenant, Api(dict(self.api.headers)))
            ready.wait()
            answer = call(mine)
            seen[answer.status_code, answer.json().get("code")] += 1
            connections.close_all()

        threads = [threading.Thread(target=one, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return seen


def body_of(source: str, target: str, amount: int, **fields: Any) -> dict[str, Any]:
    """The body of a transfer."""
    return {"fromAccountId": source, "toAccountId": target, "amount": amount, "currency": "EUR", **fields}


def uuid_of(account: str) -> UUID:
    """The id as the database has it."""
    return decode_id(ACCOUNT, account)


def refusal(answer: Any) -> tuple[int, str, list[tuple[str, str]]]:
    """Status, code, and the path and code of each problem."""
    body = answer.json()
    return answer.status_code, body["code"], [(one["path"], one["code"]) for one in body.get("details", [])]


def brief(answer: Any) -> tuple[int, str]:
    """Status and code of a refusal."""
    return refusal(answer)[:2]
