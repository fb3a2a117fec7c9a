"""Granting credit and taking it back, and what time does to grants: they begin, and they end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import Final
from uuid import UUID

from django.db.models import Max, Q

from accounting.chart import BREAKAGE
from accounting.enums import AccountStatus, EntryKind, GrantSource, GrantStatus, HoldStatus, OwnerType
from accounting.errors import AccountReserved, GrantNotActive, WrongUnit
from accounting.granting import DEFAULT_PRIORITY, FUNDING, Rollover, ending
from accounting.judging import Facts
from accounting.models import Grant, Hold
from accounting.posting import EntryDraft, Source, credit, debit
from accounting.selectors import facts_of, get_grant, grants, lock_accounts
from accounting.services.chart import books_account, books_accounts
from accounting.services.posting import post_entries, refusals
from common.errors import NotFound
from tenants.scope import state_reason

SOURCE: Final = "grant"
_KEPT_AT_LEAST: Final = dt.timedelta(minutes=1)


def make_grant(
    *, tenant_id: UUID, account_id: UUID, amount: int, currency: str, at: dt.datetime,
    source: str = GrantSource.PROMOTIONAL, priority: int = DEFAULT_PRIORITY, effective_at: dt.datetime | None = None,
    expires_at: dt.datetime | None = None, rollover: Rollover | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Grant:  # fmt: skip
    """Grant `amount` minor units on an account: from `effective_at` (at once when that is not after `at`) on.

    `expires_at` is later than both. Raises `NotFound` (path `accountId`), `AccountReserved`, `WrongUnit`,
    `AccountSuspended`, `PostingToClosed`, `NotAWallet`, `AmountTooLarge`.
    """
    account = facts_of(tenant_id=tenant_id, account_ids=[account_id]).get(account_id)
    if account is None:
        raise NotFound(path="accountId")
    if account.owner_type == OwnerType.SYSTEM:
        raise AccountReserved()
    if account.currency != currency:
        raise WrongUnit()
    # Also those that its end will need: they are made before any balance is held.
    roles = {FUNDING[GrantSource(source)], BREAKAGE}
    books_accounts(tenant_id=tenant_id, roles=roles, currency=currency, at=at)
    grant = Grant(
        tenant_id=tenant_id, account_id=account_id, amount=amount, remaining=amount, currency=currency, source=source,
        priority=priority, effective_at=max(effective_at or at, at), expires_at=expires_at,
        rollover_min=rollover.min if rollover else None, rollover_max=rollover.max if rollover else None,
        metadata=dict(metadata or {}), created_at=at, updated_at=at,
    )  # fmt: skip
    with refusals():
        grant.save(force_insert=True)
    if grant.effective_at <= at:
        _begin(grant, at=at)
    return grant


def revoke_grant(*, tenant_id: UUID, grant_id: UUID, reason: str, at: dt.datetime) -> Grant:
    """Take back what is left of a grant; one that is revoked stays as it is.

    Raises `NotFound`, `GrantNotActive` when it is used up or has expired, `InsufficientFunds` when a hold needs it,
    `AccountSuspended`.
    """
    grant = get_grant(tenant_id=tenant_id, grant_id=grant_id)
    settle_accounts(tenant_id=tenant_id, account_ids=[grant.account_id], at=at)
    grant = get_grant(tenant_id=tenant_id, grant_id=grant_id)
    if grant.status == GrantStatus.REVOKED:
        return grant
    state_reason(reason)
    if grant.status == GrantStatus.SCHEDULED:
        _cancel(grant, at=at)
        return grant
    if grant.status != GrantStatus.ACTIVE or (grant.expires_at is not None and grant.expires_at <= at):
        raise GrantNotActive()
    funding = _funding(grant, at)
    draft = EntryDraft(
        lines=[debit(grant.account_id, grant.remaining), credit(funding, grant.remaining)], at=at,
        kind=EntryKind.GRANT_REVOKED, source=Source(SOURCE, grant.id), description=reason,
    )  # fmt: skip
    post_entries(tenant_id=tenant_id, drafts=[draft])
    grant.refresh_from_db()
    return grant


def settled_facts(*, tenant_id: UUID, account_ids: Collection[UUID], at: dt.datetime) -> dict[UUID, Facts]:
    """What `facts_of` says, after grants of these accounts have begun and ended as they were due at `at`."""
    facts = facts_of(tenant_id=tenant_id, account_ids=account_ids)
    if not _due(facts.values(), at):
        return facts
    settle_accounts(tenant_id=tenant_id, account_ids=account_ids, at=at)
    return facts_of(tenant_id=tenant_id, account_ids=account_ids)


def lock_settled(*, tenant_id: UUID, account_ids: Collection[UUID], at: dt.datetime) -> dict[UUID, Facts]:
    """What `lock_accounts` says and holds, after grants have begun and ended as they were due at `at`."""
    facts = lock_accounts(tenant_id=tenant_id, account_ids=account_ids)
    if not _due(facts.values(), at):
        return facts
    settle_accounts(tenant_id=tenant_id, account_ids=account_ids, at=at)
    return lock_accounts(tenant_id=tenant_id, account_ids=account_ids)


def settle_accounts(*, tenant_id: UUID, account_ids: Collection[UUID], at: dt.datetime) -> int:
    """Let grants begin and end that are due at `at`, in the order of their times; how many.

    What ends may go on in a new grant, whose own end may be due as well. Grants of suspended accounts wait. The
    balances of all the accounts are held until the transaction ends.
    """
    accounts = lock_accounts(tenant_id=tenant_id, account_ids=account_ids)
    due = [one.account_id for one in accounts.values() if _due([one], at)]
    return sum(_settle(tenant_id, account_id, at) for account_id in sorted(due))


def _settle(tenant_id: UUID, account_id: UUID, at: dt.datetime) -> int:
    done = 0
    while True:
        account = lock_accounts(tenant_id=tenant_id, account_ids=[account_id])[account_id]
        grant = _next_due(tenant_id, account_id, at)
        if grant is None:
            return done
        if grant.status == GrantStatus.ACTIVE:
            _end(grant, room=account.room or 0, at=at)
        elif account.status == AccountStatus.CLOSED:
            _cancel(grant, at=at)
        else:
            _begin(grant, at=grant.effective_at)
        done += 1


def _due(accounts: Iterable[Facts], at: dt.datetime) -> bool:
    return any(
        one.grants_due is not None and one.grants_due <= at and one.status != AccountStatus.SUSPENDED
        for one in accounts
    )  # fmt: skip


def _next_due(tenant_id: UUID, account_id: UUID, at: dt.datetime) -> Grant | None:
    """The earliest that is due at `at`."""
    due = Q(status=GrantStatus.SCHEDULED, effective_at__lte=at) | Q(status=GrantStatus.ACTIVE, expires_at__lte=at)
    found = grants(tenant_id=tenant_id, condition=due).filter(account_id=account_id)
    return min(found, key=lambda grant: (_time_of(grant), grant.id), default=None)


def _time_of(grant: Grant) -> dt.datetime:
    if grant.status == GrantStatus.SCHEDULED:
        return grant.effective_at
    assert grant.expires_at is not None
    return grant.expires_at


def _begin(grant: Grant, *, at: dt.datetime) -> None:
    """Post a scheduled grant: from now on it is part of the balance."""
    funding = _funding(grant, at)
    draft = EntryDraft(
        lines=[debit(funding, grant.amount), credit(grant.account_id, grant.amount)], at=at,
        kind=EntryKind.GRANT_ACTIVATED, source=Source(SOURCE, grant.id),
    )  # fmt: skip
    post_entries(tenant_id=grant.tenant_id, drafts=[draft])
    _activate(grant, at=at)


def _funding(grant: Grant, at: dt.datetime) -> UUID:
    role = FUNDING[GrantSource(grant.source)]
    return books_account(tenant_id=grant.tenant_id, role=role, currency=grant.currency, at=at)


def _activate(grant: Grant, *, at: dt.datetime) -> None:
    grant.status, grant.updated_at = GrantStatus.ACTIVE, max(grant.updated_at, at)
    grant.save(update_fields=["status", "updated_at"])


def _cancel(grant: Grant, *, at: dt.datetime) -> None:
    """Revoke what was never posted."""
    grant.status, grant.remaining, grant.updated_at = GrantStatus.REVOKED, 0, max(grant.updated_at, at)
    grant.save(update_fields=["status", "remaining", "updated_at"])


def _end(grant: Grant, *, room: int, at: dt.datetime) -> None:
    """Post what becomes of the rest of a grant, as of its end. `room` is what is not held on its account."""
    assert grant.expires_at is not None
    rollover = (
        None if grant.rollover_max is None else Rollover(grant.rollover_min or 0, grant.rollover_max)
    )  # fmt: skip
    end = ending(remaining=grant.remaining, rollover=rollover, room=room)
    drafts, heirs = [], []
    if end.expired:
        breakage = books_account(tenant_id=grant.tenant_id, role=BREAKAGE, currency=grant.currency, at=at)
        drafts.append(
            EntryDraft(
                lines=[debit(grant.account_id, end.expired), credit(breakage, end.expired)], at=grant.expires_at,
                kind=EntryKind.GRANT_EXPIRED, source=Source(SOURCE, grant.id),
            )
        )  # fmt: skip
    if end.rolled:
        heirs.append(_heir(grant, end.rolled, grant.expires_at + (grant.expires_at - grant.effective_at), at))
    if end.kept:
        heirs.append(_heir(grant, end.kept, _holds_until(grant, at), at))
    for heir in heirs:
        heir.save(force_insert=True)
        drafts.append(
            EntryDraft(
                lines=[debit(grant.account_id, heir.amount), credit(grant.account_id, heir.amount)],
                at=grant.expires_at, kind=EntryKind.GRANT_ROLLED_OVER, source=Source(SOURCE, heir.id),
            )
        )  # fmt: skip
    post_entries(tenant_id=grant.tenant_id, drafts=drafts)
    for heir in heirs:
        _activate(heir, at=at)


def _heir(grant: Grant, amount: int, expires_at: dt.datetime, at: dt.datetime) -> Grant:
    """The grant in which a part of another goes on. It is not rolled over again."""
    assert grant.expires_at is not None
    return Grant(
        tenant_id=grant.tenant_id, account_id=grant.account_id, amount=amount, remaining=amount,
        currency=grant.currency, source=grant.source, priority=grant.priority, effective_at=grant.expires_at,
        expires_at=expires_at, rolled_from=grant, metadata=grant.metadata, created_at=at, updated_at=at,
    )  # fmt: skip


def _holds_until(grant: Grant, at: dt.datetime) -> dt.datetime:
    """When the last hold on the account is over. One that is overdue is about to be freed."""
    held = Hold.objects.filter(
        tenant_id=grant.tenant_id, account_id=grant.account_id, status=HoldStatus.ACTIVE
    )  # fmt: skip
    last = held.aggregate(last=Max("expires_at"))["last"]
    return max(last or at, at + _KEPT_AT_LEAST)
