"""The lives of accounts, holds and transfers. A transfer has one step, which a trigger guards too."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from accounting.enums import AccountCommand, AccountStatus, HoldCommand, HoldStatus, TransferStatus
from accounting.errors import AccountClosed, HoldNotActive
from accounting.models import Account, Hold, Transfer
from common.states import StateMachine, TransitionRefused

ACCOUNT = StateMachine(
    "account",
    {
        (AccountStatus.ACTIVE, AccountCommand.SUSPEND): AccountStatus.SUSPENDED,
        (AccountStatus.ACTIVE, AccountCommand.ACTIVATE): AccountStatus.ACTIVE,
        (AccountStatus.ACTIVE, AccountCommand.CLOSE): AccountStatus.CLOSED,
        (AccountStatus.SUSPENDED, AccountCommand.SUSPEND): AccountStatus.SUSPENDED,
        (AccountStatus.SUSPENDED, AccountCommand.ACTIVATE): AccountStatus.ACTIVE,
        (AccountStatus.SUSPENDED, AccountCommand.CLOSE): AccountStatus.CLOSED,
    },
    initial=AccountStatus.ACTIVE,
)

HOLD = StateMachine(
    "hold",
    {
        (HoldStatus.ACTIVE, HoldCommand.CAPTURE): HoldStatus.CAPTURED,
        (HoldStatus.ACTIVE, HoldCommand.RELEASE): HoldStatus.RELEASED,
        (HoldStatus.ACTIVE, HoldCommand.EXPIRE): HoldStatus.EXPIRED,
    },
    initial=HoldStatus.ACTIVE,
)


def apply_account_transition(account: Account, command: AccountCommand, *, at: dt.datetime) -> None:
    """Set the status that `command` leads to; repeating a state is no change. Raises `AccountClosed`."""
    try:
        account.status = ACCOUNT.next_state(AccountStatus(account.status), command)
    except TransitionRefused as refused:
        raise AccountClosed() from refused
    account.updated_at = at


def apply_hold_transition(hold: Hold, command: HoldCommand, *, at: dt.datetime) -> None:
    """Set the status that `command` leads to. Raises `HoldNotActive`."""
    try:
        hold.status = HOLD.next_state(HoldStatus(hold.status), command)
    except TransitionRefused as refused:
        raise HoldNotActive() from refused
    hold.updated_at = at


def apply_void(transfer: Transfer, *, entry_id: UUID, reason: str, at: dt.datetime) -> None:
    """A posted transfer is voided by the entry that reverses its own."""
    transfer.status = TransferStatus.VOIDED
    transfer.void_entry_id, transfer.void_reason, transfer.updated_at = entry_id, reason, at
