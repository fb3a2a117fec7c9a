"""What a lower app must ask of a higher one. Higher apps fill these in `AppConfig.ready()`, in that order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from uuid import UUID


class Eraser(Protocol):
    """Takes the personal data of erased objects out of the tables of one app, inside the tenant's transaction.

    `ids` are objects of any kind: a customer, their invoices, payments and so on; an eraser knows its own rows by them.
    When `erase` is called they are marked already (`tenants_erasedobject`), and what they are themselves is empty; left
    is what else was written about them. Answers count rows by kind: `{"events": 3}`.
    """

    def count(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """How many rows hold something about the objects; for a report beforehand. Changes nothing."""

    def erase(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """Erase, and say how many rows were changed. Must be repeatable."""

    def remaining(self, *, tenant_id: UUID) -> Mapping[str, int]:
        """How many rows still hold something about any object that is marked as erased. All must be 0."""


class RetentionBlocker(Protocol):
    """Says why a customer's data may not be erased yet."""

    def __call__(self, *, tenant_id: UUID, customer_id: UUID) -> str | None:
        """A reason for people ("2 unpaid invoices"), or None."""


class InUseGuard(Protocol):
    """Says why an object may not be deleted."""

    def __call__(self, *, tenant_id: UUID, object_id: UUID) -> str | None:
        """A reason for people ("has an open invoice"), or None."""


class OwnerHolder(Protocol):
    """Answers for the objects of one kind, which something of a lower app is to belong to."""

    def __call__(self, *, tenant_id: UUID, object_id: UUID) -> bool:
        """Whether there is such an object, kept from then on until the transaction ends. May raise why not."""


class DueSource(Protocol):
    """Work that becomes due as a clock moves: sweeps ask it of real time, test clocks of theirs."""

    def __call__(self, *, tenant_id: UUID, until: dt.datetime, customer_id: UUID | None) -> dt.datetime | None:
        """Run everything due at or before `until`; the instant of the next work, or None."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    name: str
    function: T


class Registry(Generic[T]):
    """Named functions of one kind, optionally per object type."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[tuple[str, str], _Entry[T]] = {}

    def register(self, name: str, function: T, *, entity: str = "") -> None:
        """Add `function` under a unique `name`; raises ValueError when the name is taken by another."""
        known = self._entries.get((entity, name))
        if known is not None and known.function is not function:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._entries[(entity, name)] = _Entry(name, function)

    def unregister(self, name: str, *, entity: str = "") -> None:
        """Remove one; for tests and plug-ins."""
        self._entries.pop((entity, name), None)

    def entries(self, entity: str = "") -> Iterator[tuple[str, T]]:
        """Names and functions registered for `entity`, in order of registration."""
        for (kind, _), entry in list(self._entries.items()):
            if kind == entity:
                yield entry.name, entry.function


erasers: Registry[Eraser] = Registry("eraser")
retention_blockers: Registry[RetentionBlocker] = Registry("retention blocker")
in_use_guards: Registry[InUseGuard] = Registry("in-use guard")
owner_holders: Registry[OwnerHolder] = Registry("owner holder")
due_sources: Registry[DueSource] = Registry("due source")


def reasons_to_keep(*, tenant_id: UUID, customer_id: UUID) -> list[str]:
    """Why the customer's data may not be erased yet; empty when nothing holds them."""
    found = (blocker(tenant_id=tenant_id, customer_id=customer_id) for _, blocker in retention_blockers.entries())
    return [reason for reason in found if reason]


def reasons_in_use(entity: str, *, tenant_id: UUID, object_id: UUID) -> list[str]:
    """Why the object may not be deleted; empty when nothing holds it."""
    found = (guard(tenant_id=tenant_id, object_id=object_id) for _, guard in in_use_guards.entries(entity))
    return [reason for reason in found if reason]


def hold_owner(entity: str, *, tenant_id: UUID, object_id: UUID) -> bool:
    """Whether an object of this kind exists, held for the transaction; nobody answers for an unknown kind: False."""
    return any(holder(tenant_id=tenant_id, object_id=object_id) for _, holder in owner_holders.entries(entity))
