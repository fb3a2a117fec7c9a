"""From an object's type and id to its page, and from an id that somebody typed to the object.

Apps name their pages in their `admin.py`: `pages["invoice"] = "invoicing_invoice"`.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.urls import NoReverseMatch, reverse

from common.ids import InvalidId, decode_id, encode_id
from tenants.api.changes import PREFIX_OF_ENTITY
from tenants.backoffice import display
from tenants.backoffice.subjects import Subject

pages: Final[dict[str, str]] = {}
"""The page of each type of object, as Django names it: app and model."""

_TYPE_OF_PREFIX: Final = {prefix: name for name, prefix in PREFIX_OF_ENTITY.items()}


def path_of(subject: Subject) -> str:
    """The address of an object's page, empty when it has none."""
    page = pages.get(subject.type)
    try:
        return reverse(f"admin:{page}_change", args=[subject.id]) if page else ""
    except NoReverseMatch:
        return ""


def id_of(subject: Subject) -> str:
    """The id as the API shows it."""
    prefix = PREFIX_OF_ENTITY.get(subject.type)
    return encode_id(prefix, subject.id) if prefix else str(subject.id)


def link_to(subject: Subject, text: object = None) -> object:
    """A link to the object's page; just the text where there is no page. The text is the id unless it is given."""
    shown = display.code(id_of(subject)) if text is None else text
    href = path_of(subject)
    return display.link(href, shown) if href else shown


def subject_named(text: str) -> Subject | None:
    """The object whose id somebody typed (`inv_…`, or a plain UUID of no known type), or None."""
    text = text.strip()
    prefix = text.rpartition("_")[0]
    kind = _TYPE_OF_PREFIX.get(prefix)
    if kind is None:
        return None
    try:
        return Subject(kind, decode_id(prefix, text))
    except InvalidId:
        return None


def as_uuid(text: str) -> UUID | None:
    """A plain UUID, as addresses of pages hold it."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None
