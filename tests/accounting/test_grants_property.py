"""Any operations on granted credit in any order, one after the other and at once, while time goes on."""

from __future__ import annotations

import datetime as dt
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import initialize

from accounting.granting import Rollover, ending
from tests.accounting.grants_driver import WALLETS, Driver
from tests.accounting.grants_model import (
    SHOP,
    Capture,
    Give,
    Lapse,
    Model,
    Operation,
    Release,
    Reserve,
    Revoke,
    Settle,
    Spend,
    Suspend,
    Void,
    Wallet,
)
from tests.accounting.side_by_side import DONE, PATIENCE_SECONDS, SideBySide, drive
from tests.conftest import AT

HOUR = dt.timedelta(hours=1)
INSTANT = dt.timedelta(milliseconds=1)
KINDS = {
    "give": 6, "spend": 7, "top up": 1, "void": 2, "revoke": 2, "reserve": 3, "capture": 2, "release": 1, "settle": 1,
    "lapse": 1, "suspend": 1,
}  # fmt: skip


class Granted(SideBySide):
    """Two wallets and a shop. `now` is the business time; no two things are due at the same instant."""

    driver: Driver
    model: Model

    @initialize()
    def open(self) -> None:
        """Nothing is granted yet."""
        self.driver, self.model = Driver(self.make_tenant().id), Model()
        self.driver.open()
        self.model.wallets = {name: Wallet() for name in WALLETS}
        self.now, self.count = AT, 0
        self.times: set[dt.datetime] = set()

    def ask(self, dice: Random, *, alone: bool) -> Operation:
        """Alone, time goes on before it or not; together, some are later than others."""
        at = self._later(dice)
        if alone:
            self.now = at
        self.count += 1
        name = f"{self.count}"
        wallet = dice.choice(WALLETS)
        amount = dice.randint(1, 30)
        # The sweep of holds leaves those to others which they are just ending, so no order explains it.
        kind = self._kind(dice, without=set() if alone else {"lapse"})
        if kind == "give":
            return self._give(dice, name, wallet, at, lasts=0 if alone else 24)
        if kind == "spend":
            return Spend(
                name, wallet, dice.choice([SHOP, SHOP, *(one for one in WALLETS if one != wallet)]), amount, at
            )
        if kind == "top up":
            return Spend(name, SHOP, wallet, amount, at)
        if kind == "void":
            return Void(dice.choice([*self.model.transfers]), at)
        if kind == "revoke":
            grant = dice.choice(self.model.grants)
            return Revoke(grant.name, grant.terms, at)
        if kind == "reserve":
            return Reserve(name, wallet, amount, at + self._some(dice, 8), at)
        if kind == "settle":
            return Settle(at)
        if kind == "lapse":
            return Lapse(at)
        if kind == "suspend":
            return Suspend(wallet, dice.choice(["suspended", "active", "active"]), at)
        hold = self._hold(dice)
        if kind == "release":
            return Release(hold, at)
        held, _ = self.model.holds[hold]
        target = dice.choice([SHOP, *(one for one in WALLETS if one != held.wallet)])
        part = dice.choice([held.amount, max(1, held.amount // 2), held.amount + 1])
        return Capture(hold, name, target, part, at)

    def _kind(self, dice: Random, *, without: set[str]) -> str:
        if not self.model.transfers:
            without = without | {"void"}
        if not self.model.grants:
            without = without | {"revoke"}
        if not self.model.holds:
            without = without | {"capture", "release"}
        kinds = [name for name in KINDS if name not in without]
        return dice.choices(kinds, [KINDS[name] for name in kinds])[0]

    def _hold(self, dice: Random) -> str:
        """Mostly one that is active."""
        active = [name for name, (_, status) in self.model.holds.items() if status == "active"]
        return dice.choice(active * 3 + [*self.model.holds])

    def _give(self, dice: Random, name: str, wallet: str, at: dt.datetime, *, lasts: int) -> Give:
        """Made together with others it outlasts them: a service asks what is due before it waits for others."""
        at = self._unused(at)
        begins = at if dice.random() < 0.7 else self._unused(at + self._some(dice, 4))
        ends = None if dice.random() < 0.3 else self._unused(begins + lasts * HOUR + self._some(dice, 6))
        low = dice.randint(0, 10)
        rollover = dice.choice([None, (low, low + dice.randint(1, 10))]) if ends else None
        source = dice.choice(["promotional", "purchased", "included"])
        return Give(name, wallet, dice.randint(1, 20), source, dice.randint(0, 3), begins, ends, rollover, at)

    def _later(self, dice: Random) -> dt.datetime:
        """Now, a while later, or the very instant at which something is due."""
        due = [time for one in self.model.grants for time in (one.begins, one.ends) if time and time > self.now]
        due += [hold.ends for hold, status in self.model.holds.values() if status == "active" and hold.ends > self.now]
        return dice.choice([self.now, self.now, self.now + self._some(dice, 2), min(due, default=self.now)])

    def _some(self, dice: Random, hours: int) -> dt.timedelta:
        """So long, and an instant that says whose time it is."""
        return dice.randint(1, hours) * HOUR + self.count * INSTANT

    def _unused(self, time: dt.datetime) -> dt.datetime:
        """A time at which no other grant begins or ends: of two of a time only their ids tell the older one."""
        while time in self.times:
            time += dt.timedelta(microseconds=1)
        self.times.add(time)
        return time


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(PATIENCE_SECONDS)
def test_whatever_happens_grants_are_spent_as_the_model_says(make_tenant):
    seen = drive(Granted, make_tenant)
    done = {kind for kind, answer in seen if answer == DONE}
    assert done == {kind.__name__ for kind in get_args(Operation)}, seen
    refusals = {"insufficient_funds", "account_suspended", "grant_not_active", "hold_not_active", "amount_exceeds_hold"}
    assert refusals == {answer for _, answer in seen} - {DONE}, seen


@given(
    remaining=st.integers(1, 1000), room=st.integers(0, 2000),
    rollover=st.none() | st.tuples(st.integers(0, 500), st.integers(1, 500)).filter(lambda pair: pair[0] <= pair[1]),
)  # fmt: skip
def test_nothing_is_lost_at_the_end_of_a_grant(remaining: int, room: int, rollover: tuple[int, int] | None):
    rule = Rollover(*rollover) if rollover else None
    end = ending(remaining=remaining, rollover=rule, room=room)
    assert end.rolled + end.kept + end.expired == remaining
    assert min(end.rolled, end.kept, end.expired) >= 0
    assert end.expired <= room
    assert end.kept == 0 or end.expired == room
    if rule is None or remaining < rule.min:
        assert end.rolled == 0
    else:
        assert end.rolled == min(remaining, rule.max)
