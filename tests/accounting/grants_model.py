"""Granted credit in memory: what each service does at a business time, or why it refuses.

There are wallets, which take grants and are never overdrawn, and one shop without a bound. A wallet that is used is
settled first: what is due on it begins and ends in the order of time. A refusal takes that back as well.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests.accounting.side_by_side import DONE

SHOP = "shop"
KEPT_AT_LEAST = dt.timedelta(minutes=1)
FUNDING = {"promotional": "promotions", "purchased": "customer_credit", "included": "customer_credit"}


@dataclass(frozen=True)
class Give:
    """Grant an amount."""

    name: str
    wallet: str
    amount: int
    source: str
    priority: int
    begins: dt.datetime
    ends: dt.datetime | None
    rollover: tuple[int, int] | None
    at: dt.datetime


@dataclass(frozen=True)
class Revoke:
    """Take back what is left of a grant, which `terms` tell from others of the same name."""

    name: str
    terms: tuple[Any, ...]
    at: dt.datetime


@dataclass(frozen=True)
class Spend:
    """Transfer an amount; from the shop it is credit that nobody granted."""

    name: str
    source: str
    target: str
    amount: int
    at: dt.datetime


@dataclass(frozen=True)
class Void:
    """Take a transfer back."""

    transfer: str
    at: dt.datetime


@dataclass(frozen=True)
class Reserve:
    """Hold an amount."""

    name: str
    wallet: str
    amount: int
    ends: dt.datetime
    at: dt.datetime


@dataclass(frozen=True)
class Capture:
    """Spend what is held, or less of it; the rest is free again."""

    hold: str
    name: str
    target: str
    amount: int
    at: dt.datetime


@dataclass(frozen=True)
class Release:
    """Free what is held."""

    hold: str
    at: dt.datetime


@dataclass(frozen=True)
class Lapse:
    """The sweep of holds: those that are over are free."""

    at: dt.datetime


@dataclass(frozen=True)
class Settle:
    """The sweep of grants: what is due begins and ends."""

    at: dt.datetime


@dataclass(frozen=True)
class Suspend:
    """Let nobody use a wallet, or let everybody again."""

    wallet: str
    status: str
    at: dt.datetime


Operation = Give | Revoke | Spend | Void | Reserve | Capture | Release | Lapse | Settle | Suspend


@dataclass
class Grant:
    """Granted credit. What goes on in another grant bears the name of the first."""

    name: str
    wallet: str
    amount: int
    source: str
    priority: int
    begins: dt.datetime
    ends: dt.datetime | None
    rollover: tuple[int, int] | None
    remaining: int
    status: str = "scheduled"
    uses: list[int] = field(default_factory=list)

    @property
    def terms(self) -> tuple[Any, ...]:
        """What tells it from its heirs."""
        return (self.begins, self.ends, self.amount)

    @property
    def turn(self) -> tuple[Any, ...]:
        """Where it stands in the order of spending."""
        return (self.priority, self.ends is None, self.ends, self.begins)

    def due(self, at: dt.datetime) -> dt.datetime | None:
        """When it begins or ends next, unless that is after `at`."""
        time = {"scheduled": self.begins, "active": self.ends}.get(self.status)
        return time if time is not None and time <= at else None

    def take(self, amount: int, ending: str = "used") -> int:
        """Take what there is of the amount, or give back below zero."""
        part = min(amount, self.remaining)
        self.remaining -= part
        self.status = "active" if self.remaining else ending
        self.uses.append(part)
        return part


@dataclass
class Wallet:
    """An account that is never overdrawn."""

    posted: int = 0
    held: int = 0
    status: str = "active"


@dataclass
class Moved:
    """A transfer, and what it took from which grants (by their place in the list)."""

    source: str
    target: str
    amount: int
    taken: list[tuple[int, int]]
    status: str = "posted"


class Refused(Exception):
    """Why nothing was done."""


@dataclass
class Model:
    """Everything that stands in the books."""

    wallets: dict[str, Wallet] = field(default_factory=dict)
    books: Counter[str] = field(default_factory=Counter)
    grants: list[Grant] = field(default_factory=list)
    transfers: dict[str, Moved] = field(default_factory=dict)
    holds: dict[str, tuple[Reserve, str]] = field(default_factory=dict)

    def after(self, operation: Operation) -> tuple[Model, set[str]]:
        """The books afterwards and the answer; after a refusal nothing has changed."""
        then = Model(
            {name: copy.copy(one) for name, one in self.wallets.items()}, Counter(self.books),
            [replace(one, uses=list(one.uses)) for one in self.grants],
            {name: copy.copy(one) for name, one in self.transfers.items()}, dict(self.holds),
        )  # fmt: skip
        try:
            getattr(then, "_" + type(operation).__name__.lower())(operation)
        except Refused as refused:
            return self, {str(refused)}
        return then, {DONE}

    def _give(self, asked: Give) -> None:
        self._require_active(asked.wallet)
        made = Grant(
            asked.name, asked.wallet, asked.amount, asked.source, asked.priority, max(asked.begins, asked.at),
            asked.ends, asked.rollover, asked.amount,
        )  # fmt: skip
        self.grants.append(made)
        if made.begins <= asked.at:
            self._begin(made)

    def _revoke(self, asked: Revoke) -> None:
        wallet = next(one.wallet for one in self.grants if one.name == asked.name)
        self._settle_wallet(wallet, asked.at)
        grant = next(one for one in self.grants if (one.name, one.terms) == (asked.name, asked.terms))
        if grant.status == "revoked":
            return
        if grant.status == "scheduled":
            grant.status, grant.remaining = "revoked", 0
            return
        if grant.status != "active" or (grant.ends is not None and grant.ends <= asked.at):
            raise Refused("grant_not_active")
        self._require_active(wallet)
        self._credit(FUNDING[grant.source], grant.remaining)
        self.wallets[wallet].posted -= grant.take(grant.remaining, "revoked")
        self._require_funds(wallet)

    def _spend(self, asked: Spend) -> None:
        self._settle_both(asked.source, asked.target, asked.at)
        self._move(asked.name, asked.source, asked.target, asked.amount, asked.at)

    def _void(self, asked: Void) -> None:
        done = self.transfers[asked.transfer]
        if done.status == "voided":
            return
        self._settle_both(done.source, done.target, asked.at)
        for place, part in sorted(done.taken, key=lambda pair: self.grants[pair[0]].turn):
            grant = self.grants[place]
            if grant.status in ("active", "used") and (grant.ends is None or grant.ends > asked.at):
                grant.take(-part)
        self._credit(done.source, done.amount)
        self._debit(done.target, done.amount, asked.at)
        self._require_active(done.source, done.target)
        self._require_funds(done.source, done.target)
        done.status = "voided"

    def _reserve(self, asked: Reserve) -> None:
        self._settle_wallet(asked.wallet, asked.at)
        self._require_active(asked.wallet)
        self.wallets[asked.wallet].held += asked.amount
        self.holds[asked.name] = (asked, "active")
        self._require_funds(asked.wallet)

    def _capture(self, asked: Capture) -> None:
        hold, _ = self.holds[asked.hold]
        self._settle_both(hold.wallet, asked.target, asked.at)
        self._end_hold(asked.hold, "captured", asked.at)
        if asked.amount > hold.amount:
            raise Refused("amount_exceeds_hold")
        self._move(asked.name, hold.wallet, asked.target, asked.amount, asked.at)

    def _release(self, asked: Release) -> None:
        self._end_hold(asked.hold, "released", asked.at)

    def _lapse(self, asked: Lapse) -> None:
        for name, (hold, status) in self.holds.items():
            if status == "active" and hold.ends <= asked.at:
                self.holds[name] = (hold, "expired")
                self.wallets[hold.wallet].held -= hold.amount

    def _settle(self, asked: Settle) -> None:
        for name in self.wallets:
            self._settle_wallet(name, asked.at)

    def _suspend(self, asked: Suspend) -> None:
        self.wallets[asked.wallet].status = asked.status

    def _move(self, name: str, source: str, target: str, amount: int, at: dt.datetime) -> None:
        self._require_active(source, target)
        self.transfers[name] = Moved(source, target, amount, self._debit(source, amount, at))
        self._credit(target, amount)
        self._require_funds(source, target)

    def _debit(self, account: str, amount: int, at: dt.datetime) -> list[tuple[int, int]]:
        """Take from grants in their order, and what none covers from the rest."""
        if account not in self.wallets:
            self.books[account] -= amount
            return []
        self.wallets[account].posted -= amount
        taken = []
        for place, grant in sorted(self._active(account), key=lambda pair: pair[1].turn):
            if amount and (grant.ends is None or grant.ends > at):
                part = grant.take(amount)
                taken.append((place, part))
                amount -= part
        return taken

    def _credit(self, account: str, amount: int) -> None:
        if account in self.wallets:
            self.wallets[account].posted += amount
        else:
            self.books[account] += amount

    def _end_hold(self, name: str, status: str, at: dt.datetime) -> None:
        hold, before = self.holds[name]
        if before != "active" or hold.ends <= at:
            raise Refused("hold_not_active")
        self.holds[name] = (hold, status)
        self.wallets[hold.wallet].held -= hold.amount

    def _settle_both(self, source: str, target: str, at: dt.datetime) -> None:
        for name in {source, target} & set(self.wallets):
            self._settle_wallet(name, at)

    def _settle_wallet(self, name: str, at: dt.datetime) -> None:
        if self.wallets[name].status == "suspended":
            return
        while True:
            due = [one for one in self.grants if one.wallet == name and one.due(at)]
            if not due:
                return
            first = min(due, key=lambda grant: grant.due(at) or at)  # of two at once the older one
            if first.status == "scheduled":
                self._begin(first)
            else:
                self._end(first, at)

    def _begin(self, grant: Grant) -> None:
        grant.status = "active"
        self.wallets[grant.wallet].posted += grant.amount
        self.books[FUNDING[grant.source]] -= grant.amount

    def _end(self, grant: Grant, at: dt.datetime) -> None:
        """What is left rolls over, is kept for holds, or is breakage."""
        assert grant.ends is not None
        wallet, left = self.wallets[grant.wallet], grant.remaining
        low, high = grant.rollover or (1, 0)
        rolled = min(left, high) if left >= low else 0
        broken = min(left - rolled, wallet.posted - wallet.held)
        kept = left - rolled - broken
        held = [hold.ends for hold, status in self.holds.values() if status == "active" and hold.wallet == grant.wallet]
        until = max([*held, at + KEPT_AT_LEAST])
        wallet.posted -= broken
        self.books["breakage"] += broken
        for part, ends in ((broken, None), (rolled, grant.ends + (grant.ends - grant.begins)), (kept, until)):
            if part:
                grant.take(part, "expired")
            if part and ends is not None:
                heir = replace(
                    grant, amount=part, remaining=part, begins=grant.ends, ends=ends, rollover=None, status="active",
                    uses=[],
                )  # fmt: skip
                self.grants.append(heir)

    def _active(self, wallet: str) -> Iterator[tuple[int, Grant]]:
        for place, grant in enumerate(self.grants):
            if grant.wallet == wallet and grant.status == "active":
                yield place, grant

    def _require_active(self, *accounts: str) -> None:
        if any(name in self.wallets and self.wallets[name].status != "active" for name in accounts):
            raise Refused("account_suspended")

    def _require_funds(self, *accounts: str) -> None:
        """What is held and what has expired is not spent."""
        for name in set(accounts) & set(self.wallets):
            wallet, granted = self.wallets[name], sum(grant.remaining for _, grant in self._active(name))
            if wallet.posted < max(wallet.held, granted):
                raise Refused("insufficient_funds")
