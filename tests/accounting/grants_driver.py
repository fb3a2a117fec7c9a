"""The same operations on grants through the services, each in a transaction of its own, and what then stands there."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from accounting.granting import Rollover
from accounting.judging import TransferRequest
from accounting.models import Account
from accounting.models import Grant as Row
from accounting.services.accounts import activate_account, suspend_account
from accounting.services.grants import make_grant, revoke_grant
from accounting.services.holds import capture_hold, expire_holds, place_hold, release_hold
from accounting.services.settling_grants import settle_due
from accounting.services.transfers import make_transfer, void_transfer
from common.errors import DomainError
from tenants.scope import tenant_scope
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
)
from tests.accounting.side_by_side import DONE
from tests.conftest import AT

UNIT = "EUR"
WALLETS = ("left", "right")
REASON = "property"
_STANDING = """
SELECT
    (SELECT json_object_agg(a.code, json_build_array(b.posted, b.held, a.status))
        FROM accounting_account a JOIN accounting_balance b USING (tenant_id, id)),
    (SELECT json_object_agg(code, net) FROM (
        SELECT a.code, sum(CASE l.side WHEN 'credit' THEN l.amount ELSE -l.amount END) AS net
        FROM accounting_account a JOIN accounting_journalline l ON l.tenant_id = a.tenant_id AND l.account_id = a.id
        WHERE a.overdraft_policy = 'unlimited' GROUP BY a.code
    ) AS unbounded),
    (SELECT json_agg(json_build_array(
        g.metadata ->> 'name', a.code, g.amount, g.source, g.priority, extract(epoch FROM g.effective_at),
        extract(epoch FROM g.expires_at), g.rollover_min, g.rollover_max, g.remaining, g.status,
        ARRAY(SELECT u.amount FROM accounting_grantuse u WHERE u.tenant_id = g.tenant_id AND u.grant_id = g.id)
    )) FROM accounting_grant g JOIN accounting_account a ON a.tenant_id = g.tenant_id AND a.id = g.account_id),
    (SELECT json_object_agg(t.id, json_build_array(t.status, ARRAY(
        SELECT json_build_array(g.metadata ->> 'name', u.amount) FROM accounting_grantuse u
        JOIN accounting_grant g ON g.tenant_id = u.tenant_id AND g.id = u.grant_id
        WHERE u.tenant_id = t.tenant_id AND u.entry_id = t.entry_id
    ))) FROM accounting_transfer t),
    (SELECT json_object_agg(id, status) FROM accounting_hold)
"""


@dataclass(frozen=True)
class Standing:
    """What stands in the database: wallets, what was credited to accounts without a bound, grants with their uses,
    states of transfers with what they took from grants, and states of holds.
    """

    wallets: dict[str, list[Any]]
    unbounded: dict[str, int]
    grants: Counter[tuple[Any, ...]]
    transfers: dict[str, tuple[str, list[tuple[str, int]]]]
    holds: dict[str, str]


@dataclass(frozen=True)
class Driver:
    """Operations of one tenant, as the API, the sweeps and the back office ask for them."""

    tenant_id: UUID
    accounts: dict[str, UUID] = field(default_factory=dict)
    ids: dict[str, UUID] = field(default_factory=dict)

    def open(self) -> None:
        """Make the wallets and the shop."""
        with tenant_scope(self.tenant_id):
            for name in (*WALLETS, SHOP):
                made = Account.objects.create(
                    tenant_id=self.tenant_id, currency=UNIT, code=name, created_at=AT, updated_at=AT,
                    overdraft_policy="unlimited" if name == SHOP else "none",
                )  # fmt: skip
                self.accounts[name] = made.id

    def run(self, operation: Operation) -> str:
        """`DONE`, or the code of the refusal."""
        try:
            if isinstance(operation, Lapse):
                expire_holds(tenant_id=self.tenant_id, at=operation.at)
            elif isinstance(operation, Settle):
                settle_due(tenant_id=self.tenant_id, at=operation.at)
            else:
                with tenant_scope(self.tenant_id):
                    getattr(self, "_" + type(operation).__name__.lower())(operation)
        except DomainError as refused:
            return refused.code
        return DONE

    def _give(self, asked: Give) -> None:
        make_grant(
            tenant_id=self.tenant_id, account_id=self.accounts[asked.wallet], amount=asked.amount, currency=UNIT,
            at=asked.at, source=asked.source, priority=asked.priority, effective_at=asked.begins,
            expires_at=asked.ends, rollover=Rollover(*asked.rollover) if asked.rollover else None,
            metadata={"name": asked.name},
        )  # fmt: skip

    def _revoke(self, asked: Revoke) -> None:
        begins, ends, amount = asked.terms
        row = Row.objects.filter(metadata__name=asked.name, effective_at=begins, expires_at=ends, amount=amount).first()
        assert row is not None
        revoke_grant(tenant_id=self.tenant_id, grant_id=row.id, reason=REASON, at=asked.at)

    def _spend(self, asked: Spend) -> None:
        request = TransferRequest(self.accounts[asked.source], self.accounts[asked.target], asked.amount, UNIT)
        self.ids[asked.name] = make_transfer(tenant_id=self.tenant_id, request=request, at=asked.at).id

    def _void(self, asked: Void) -> None:
        void_transfer(tenant_id=self.tenant_id, transfer_id=self.ids[asked.transfer], reason=REASON, at=asked.at)

    def _reserve(self, asked: Reserve) -> None:
        made = place_hold(
            tenant_id=self.tenant_id, account_id=self.accounts[asked.wallet], amount=asked.amount, currency=UNIT,
            at=asked.at, expires_at=asked.ends,
        )  # fmt: skip
        self.ids[asked.name] = made.id

    def _capture(self, asked: Capture) -> None:
        _, made = capture_hold(
            tenant_id=self.tenant_id, hold_id=self.ids[asked.hold], to_account_id=self.accounts[asked.target],
            at=asked.at, amount=asked.amount,
        )  # fmt: skip
        self.ids[asked.name] = made.id

    def _release(self, asked: Release) -> None:
        release_hold(tenant_id=self.tenant_id, hold_id=self.ids[asked.hold], at=asked.at)

    def _suspend(self, asked: Suspend) -> None:
        change = suspend_account if asked.status == "suspended" else activate_account
        change(tenant_id=self.tenant_id, account_id=self.accounts[asked.wallet], reason=REASON, at=asked.at)

    def standing(self) -> Standing:
        """Everything that now stands in the database."""
        with tenant_scope(self.tenant_id), connection.cursor() as cursor:
            cursor.execute(_STANDING)
            wallets, unbounded, grants, transfers, holds = (
                json.loads(one) if isinstance(one, str) else one for one in cursor.fetchone()
            )
        found = Counter((*row[:-1], tuple(sorted(row[-1]))) for row in grants or ())
        moved = {name: (status, sorted(map(tuple, took))) for name, (status, took) in (transfers or {}).items()}
        return Standing(wallets, unbounded or {}, found, moved, holds or {})

    def compare(self, model: Model, standing: Standing) -> None:
        """What stands there is what the model says."""
        assert standing.wallets == {name: [one.posted, one.held, one.status] for name, one in model.wallets.items()}
        said = {name if name == SHOP else f"{name}:{UNIT}": amount for name, amount in model.books.items() if amount}
        assert {name: amount for name, amount in standing.unbounded.items() if amount} == said
        grants = Counter(
            (
                one.name, one.wallet, one.amount, one.source, one.priority, one.begins.timestamp(),
                one.ends.timestamp() if one.ends else None, *(one.rollover or (None, None)), one.remaining, one.status,
                tuple(sorted(one.uses)),
            )
            for one in model.grants
        )  # fmt: skip
        assert standing.grants == grants, (standing.grants - grants, grants - standing.grants)
        moved = {
            str(self.ids[name]): (one.status, sorted((model.grants[place].name, part) for place, part in one.taken))
            for name, one in model.transfers.items()
        }
        assert standing.transfers == moved
        assert standing.holds == {str(self.ids[name]): status for name, (_, status) in model.holds.items()}
