"""A tenant that trades at random: invoices on both ways of issuing, money for them, wallets, mishaps and time."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from accounting.services.holds import expire_holds
from accounting.services.settling_grants import settle_due
from invoicing.services.falling_due import mark_past_due
from invoicing.services.recognising import recognise_revenue
from tenants.models import Tenant
from tests.clients import Api

REASON = {"reason": "By chance"}
CURRENCIES = ("EUR", "EUR", "EUR", "JPY", "KWD")
CUSTOMERS = 12
REMEMBERED = 60


def iso(at: dt.datetime) -> str:
    """An instant as the API takes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Trade:
    """Asks the API for one thing after the other; `seen` counts kinds and statuses of the answers."""

    def __init__(self, *, tenant: Tenant, api: Api, dice: Random, clock: Any, begins: dt.datetime) -> None:
        """`clock` moves the time of the machine, which begins at `begins`."""
        self.tenant, self.api, self.dice, self.clock, self.now = tenant, api, dice, clock, begins
        self.seen: Counter[tuple[str, int]] = Counter()
        self.made: dict[str, list[dict[str, Any]]] = {name: [] for name in ("invoice", "transfer", "hold", "grant")}
        self.clock.move_to(self.now, tick=False)
        self.customers = [self._must("/api/customers", {"name": f"Customer {one}"}) for one in range(CUSTOMERS)]
        self.shop = self._must("/api/accounts", {"currency": "EUR", "overdraft": {"policy": "unlimited"}})
        self.wallets = [self._must("/api/accounts", {"currency": "EUR"}) for _ in range(4)]
        self.kinds: dict[Callable[[], None], int] = {
            self.issue: 22, self.draft: 8, self.pay: 22, self.void: 6, self.write_off: 4, self.move: 14, self.batch: 3,
            self.take_back: 4, self.enter: 3, self.reserve: 5, self.capture: 3, self.release: 2, self.grant: 5,
            self.revoke: 2, self.wait: 4,
        }  # fmt: skip

    def run(self, operations: int) -> None:
        """Do so many things."""
        for kind in self.dice.choices([*self.kinds], [*self.kinds.values()], k=operations):
            kind()

    def issue(self) -> None:
        """An invoice in one statement."""
        self._keep("invoice", self._post("issue", "/api/invoices", self._invoice()))

    def draft(self) -> None:
        """An invoice step by step: a draft that is finalised."""
        drafted = self._post("draft", "/api/invoices", self._invoice() | {"draft": True})
        if drafted is not None:
            self._keep("invoice", self._post("finalise", f"/api/invoices/{drafted['id']}/finalise", {}))

    def pay(self) -> None:
        """All that is due, or a part; sometimes more, or what is paid already."""
        invoice = self._pick("invoice")
        if invoice is not None:
            body = self.dice.choice([{}, {}, {"amount": self.dice.randint(1, max(1, invoice["total"]))}])
            self._post("pay", f"/api/invoices/{invoice['id']}/mark-paid", body)

    def void(self) -> None:
        """Declare an invoice void."""
        self._act("invoice", "invoices", "void")

    def write_off(self) -> None:
        """Give an invoice up."""
        self._act("invoice", "invoices", "mark-uncollectible")

    def move(self) -> None:
        """A transfer, mostly into wallets."""
        self._keep("transfer", self._post("move", "/api/transfers", self._transfer()))

    def batch(self) -> None:
        """Several transfers together, all or each."""
        body = {"transfers": [self._transfer() for _ in range(self.dice.randint(2, 5))]}
        self._post("batch", "/api/transfers/batch", body | {"atomic": self.dice.random() < 0.5})

    def take_back(self) -> None:
        """Void a transfer."""
        self._act("transfer", "transfers", "void")

    def enter(self) -> None:
        """An entry of two debits and a credit."""
        one, two = self.dice.randint(1, 500), self.dice.randint(1, 500)
        amounts = [(self.shop, "debit", one + two), *((self._wallet(), "credit", part) for part in (one, two))]
        lines = [{"accountId": account["id"], "side": side, "amount": part} for account, side, part in amounts]
        self._post("enter", "/api/entries", {"lines": lines})

    def reserve(self) -> None:
        """A hold on a wallet, for some days."""
        ends = self.now + dt.timedelta(days=self.dice.randint(1, 20))
        body = {"accountId": self._wallet()["id"], "amount": self._amount(), "currency": "EUR", "expiresAt": iso(ends)}
        self._keep("hold", self._post("reserve", "/api/holds", body))

    def capture(self) -> None:
        """Spend what is held."""
        hold = self._pick("hold")
        if hold is not None:
            body = {"toAccountId": self.shop["id"], "amount": self.dice.randint(1, hold["amount"])}
            self._post("capture", f"/api/holds/{hold['id']}/capture", body)

    def release(self) -> None:
        """Free what is held."""
        hold = self._pick("hold")
        if hold is not None:
            self._post("release", f"/api/holds/{hold['id']}/release", {})

    def grant(self) -> None:
        """Credit for a customer or on a wallet, with conditions or without."""
        whose = self.dice.choice(
            [{"customerId": self.dice.choice(self.customers)["id"]}, {"accountId": self._wallet()["id"]}]
        )  # fmt: skip
        begins = self.now + dt.timedelta(days=self.dice.choice([0, 0, 3]))
        body: dict[str, Any] = {"amount": self._amount(), "currency": "EUR", "priority": self.dice.randint(0, 9)}
        if self.dice.random() < 0.7:
            body |= {"expiresAt": iso(begins + dt.timedelta(days=self.dice.randint(1, 40)))}
            if self.dice.random() < 0.5:
                body |= {"rollover": {"min": 1, "max": self._amount()}}
        if begins > self.now:
            body |= {"effectiveAt": iso(begins)}
        self._keep("grant", self._post("grant", "/api/grants", whose | body))

    def revoke(self) -> None:
        """Take granted credit back."""
        self._act("grant", "grants", "revoke")

    def wait(self) -> None:
        """Time goes on, and the sweeps come by."""
        self.now += dt.timedelta(hours=self.dice.randint(1, 60))
        self.clock.move_to(self.now, tick=False)
        sweeps = (expire_holds, settle_due, recognise_revenue, mark_past_due)
        for sweep in self.dice.sample(sweeps, k=2):
            self.seen[f"sweep {sweep.__name__}", 0] += sweep(tenant_id=self.tenant.id, at=self.now)

    def _invoice(self) -> dict[str, Any]:
        items = [
            {"description": f"Part {one}", "unitPrice": self._amount() * 10, "quantity": self.dice.randint(1, 5)}
            for one in range(self.dice.randint(1, 3))
        ]
        body = {
            "customerId": self.dice.choice(self.customers)["id"], "items": items,
            "currency": self.dice.choice(CURRENCIES),
        }  # fmt: skip
        if self.dice.random() < 0.4:
            begins = self.now - dt.timedelta(days=self.dice.randint(0, 40))
            body |= {
                "periodStart": iso(begins),
                "periodEnd": iso(begins + dt.timedelta(days=self.dice.randint(1, 200))),
            }
        return body

    def _transfer(self) -> dict[str, Any]:
        pair = self.dice.choice([(self.shop, self._wallet()), (self._wallet(), self.shop), (self.shop, self._wallet())])
        return {
            "fromAccountId": pair[0]["id"], "toAccountId": pair[1]["id"], "amount": self._amount(), "currency": "EUR"
        }  # fmt: skip

    def _amount(self) -> int:
        return self.dice.choice([1, self.dice.randint(1, 99), self.dice.randint(100, 5_000)])

    def _wallet(self) -> dict[str, Any]:
        return self.dice.choice(self.wallets)

    def _act(self, kind: str, path: str, verb: str) -> None:
        one = self._pick(kind)
        if one is not None:
            self._post(f"{verb} {kind}", f"/api/{path}/{one['id']}/{verb}", REASON)

    def _pick(self, kind: str) -> dict[str, Any] | None:
        """One of the younger ones: of the older ones little more can be said."""
        return self.dice.choice(self.made[kind]) if self.made[kind] else None

    def _keep(self, kind: str, made: dict[str, Any] | None) -> None:
        if made is not None:
            self.made[kind] = [*self.made[kind], made][-REMEMBERED:]

    def _post(self, name: str, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """The object when it was made; what is refused by a rule is part of trading, and nothing else is."""
        answer = self.api.post(path, body)
        assert answer.status_code in (200, 201, 409, 422), (name, body, answer.status_code, answer.content)
        self.seen[name, answer.status_code] += 1
        return answer.json() if answer.status_code < 300 else None

    def _must(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        made = self._post("begin", path, body)
        assert made is not None, (path, body)
        return made
