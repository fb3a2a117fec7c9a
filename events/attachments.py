"""Files that a mail carries, by reference. Apps say in `AppConfig.ready()` where a kind of file comes from.

A mail names its files (`{"kind": "invoice_document", "id": "<uuid>"}`) and the bytes are fetched at each attempt: the
queue holds no copies, a document that is rendered later can be mailed now, and what was erased meanwhile stays here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from tenants.context import Context


@dataclass(frozen=True, slots=True)
class AttachmentRef:
    """A file that a mail will carry: what kind it is, and the object that it belongs to."""

    kind: str
    id: UUID

    def stored(self) -> dict[str, str]:
        """As the mail's row keeps it."""
        return {"kind": self.kind, "id": str(self.id)}

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> AttachmentRef:
        """The reverse of `stored`."""
        return cls(stored["kind"], UUID(stored["id"]))


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file as it goes into the mail."""

    filename: str
    content_type: str  # "application/pdf"
    content: bytes


class AttachmentErased(Exception):
    """The file is gone for good: the mail cannot be sent any more."""


class AttachmentProvider(Protocol):
    """Gives the bytes of one kind of file."""

    def __call__(self, *, context: Context, object_id: UUID, now: dt.datetime) -> Attachment:
        """The file of this object. Called outside of any transaction; opens the scopes that it needs itself.

        Raises `AttachmentErased` when it will never be there again. Whatever else it raises is a failed attempt, and
        repeated like one that the mail server refused for now.
        """


_providers: dict[str, AttachmentProvider] = {}


def register_attachment(kind: str, provider: AttachmentProvider) -> None:
    """Say who provides a kind of file. Raises ValueError when another provides it already."""
    known = _providers.setdefault(kind, provider)
    if known is not provider:
        raise ValueError(f"The attachment {kind!r} is registered twice.")


def unregister_attachment(kind: str) -> None:
    """Remove a kind; for tests and plug-ins."""
    _providers.pop(kind, None)


def fetch_attachment(reference: AttachmentRef, *, context: Context, now: dt.datetime) -> Attachment:
    """The file behind a reference. Raises LookupError for a kind that nobody provides, and what the provider raises."""
    provider = _providers.get(reference.kind)
    if provider is None:
        # An older worker during a release: a later attempt, or an operator, decides.
        raise LookupError(f"Nothing in this process provides attachments of the kind {reference.kind!r}.")
    return provider(context=context, object_id=reference.id, now=now)
