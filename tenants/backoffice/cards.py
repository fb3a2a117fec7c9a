"""The cards of the first page. Each app registers its own in its `admin.py`:

cards.register("invoicing.open", open_amounts)  # def open_amounts(access: Access) -> list[Card]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tenants.backoffice.access import Access
from tenants.registries import Registry


@dataclass(frozen=True, slots=True)
class Line:
    """A figure of a card. `value` is text or safe HTML (`display.money`); `tone`: danger, warning or success."""

    label: str
    value: object
    href: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """Some figures under a heading. `scope` hides it from roles that may not see them."""

    title: str
    lines: Sequence[Line]
    scope: str = "any:read"
    href: str = ""
    icon: str = ""
    note: str = ""


class CardSource(Protocol):
    """Makes cards, with few and cheap queries: it runs on each visit of the first page, in the tenant's scope."""

    def __call__(self, access: Access) -> Sequence[Card]:
        """The cards to show; empty when there is nothing to say."""


cards: Registry[CardSource] = Registry("card")


def cards_for(access: Access) -> Iterator[Card]:
    """The cards this member of staff may see, in the order of the apps."""
    for _, source in cards.entries():
        for card in source(access):
            if access.may(card.scope):
                yield card
