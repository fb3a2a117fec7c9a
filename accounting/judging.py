"""Deciding about transfers before anything is written: who may move what, one after the other. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from accounting.enums import AccountStatus, OwnerType, Side
from accounting.errors import AccountReserved, AccountSuspended, InsufficientFunds, PostingToClosed, WrongUnit
from accounting.posting import natural
from common.errors import DomainError, NotFound, Problem


@dataclass(frozen=True, slots=True)
class Facts:
    """What an account is. `room`: how far its balance may fall, in minor units; None where the database decides.

    `grants_due`: when the next of its grants begins or expires; None when none will.
    """

    account_id: UUID
    currency: str
    type: str
    status: str
    owner_type: str
    room: int | None = None
    grants_due: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """`amount` minor units of `currency` from one account to another.

    `path` says where the caller wrote it (`transfers[3]`), for refusals; empty when it is the whole request. `spelt`
    are fields that the caller calls otherwise: `{"fromAccountId": "from"}`.
    """

    from_account_id: UUID
    to_account_id: UUID
    amount: int
    currency: str
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None
    path: str = ""
    spelt: Mapping[str, str] = field(default_factory=dict)

    def named(self, name: str) -> str:
        """The path of one of its fields."""
        spelt = self.spelt.get(name, name)
        return f"{self.path}.{spelt}" if self.path else spelt


class Judge:
    """Decides about requests in their order, each as if those that were allowed before it had been posted."""

    def __init__(self, accounts: Mapping[UUID, Facts], *, on_books: bool) -> None:
        """`on_books`: Ledger itself asks, which may post to the accounts of the system."""
        self.accounts, self.on_books = accounts, on_books
        self.room = {account.account_id: account.room for account in accounts.values()}

    def refusal(self, request: TransferRequest) -> DomainError | None:
        """Why the transfer is refused, or None: then its amount has moved, for what is judged next."""
        for name, account_id in (("fromAccountId", request.from_account_id), ("toAccountId", request.to_account_id)):
            if account_id not in self.accounts:
                return NotFound(path=request.named(name))
        source, target = self.accounts[request.from_account_id], self.accounts[request.to_account_id]
        refused: type[DomainError] | None = None
        for account in (source, target):
            refused = refused or self._against(account, request.currency)
        if refused is None and not self._move(source, target, request.amount):
            refused = InsufficientFunds
        return None if refused is None else at_path(refused, request.path)

    def _against(self, account: Facts, currency: str) -> type[DomainError] | None:
        if account.owner_type == OwnerType.SYSTEM and not self.on_books:
            return AccountReserved
        if account.currency != currency:
            return WrongUnit
        return {AccountStatus.SUSPENDED: AccountSuspended, AccountStatus.CLOSED: PostingToClosed}.get(
            AccountStatus(account.status)
        )

    def _move(self, source: Facts, target: Facts, amount: int) -> bool:
        """Whether both accounts have the room; it is taken then."""
        moved = {}
        for account, side in ((source, Side.DEBIT), (target, Side.CREDIT)):
            room = self.room[account.account_id]
            if room is not None:
                moved[account.account_id] = room + natural(account.type, side, amount)
        if any(room < 0 for room in moved.values()):
            return False
        self.room.update(moved)
        return True


def at_path(error: type[DomainError], path: str) -> DomainError:
    """The error, which names `path` when there is one."""
    return error(details=[Problem(path, error.code, error.message)] if path else ())
