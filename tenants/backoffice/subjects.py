"""What other apps know about an object: its timeline, what belongs to it, and panels below it.

The page of an invoice stands in `invoicing`, but callbacks about it are known further right, in `webhooks`. So each app
says in its `admin.py` what it knows:

    moment_sources.register("webhooks.callbacks", callbacks_about)
    related_sources.register("invoicing.invoices", invoices_of_customer, entity="customer")
    panel_sources.register("invoicing.invoices", invoices_panel, entity="customer")

and a page shows `timelines.timeline_of(access, Subject("invoice", id))`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from tenants.backoffice.access import Access
from tenants.backoffice.panels import Moment, Panel
from tenants.registries import Registry

SHOWN: Final = 60
"""How many moments of one source a timeline shows."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An object by its type in the API and its id."""

    type: str
    id: UUID


class MomentSource(Protocol):
    """Says what happened to objects, newest first, at most `SHOWN`, in the tenant's scope, with one or two queries.

    It answers nothing to those who may not read it.
    """

    def __call__(self, access: Access, subjects: Sequence[Subject]) -> Sequence[Moment]:
        """The moments of all subjects together."""


class RelatedSource(Protocol):
    """Says which further objects a timeline covers: the invoices and payments of a customer."""

    def __call__(self, access: Access, subject: Subject) -> Sequence[Subject]:
        """The newest of them; a few dozen at most."""


class PanelSource(Protocol):
    """Adds panels to the page of an object of a lower app."""

    def __call__(self, access: Access, subject: Subject) -> Sequence[Panel]:
        """The panels, none to those who may not see them."""


moment_sources: Registry[MomentSource] = Registry("moment source")
related_sources: Registry[RelatedSource] = Registry("related source")
panel_sources: Registry[PanelSource] = Registry("panel source")
