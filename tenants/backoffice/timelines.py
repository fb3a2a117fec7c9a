"""The timeline of an object: its audit trail, and what every app knows of it and of what belongs to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from common.ids import InvalidId, decode_id
from common.prefixes import USER
from tenants.backoffice.access import Access, actor_name
from tenants.backoffice.pages import audit_moment
from tenants.backoffice.panels import Moment, Panel, Timeline
from tenants.backoffice.subjects import SHOWN, Subject, moment_sources, panel_sources, related_sources
from tenants.models import AuditEntry, User


def timeline_of(access: Access, subject: Subject, *, title: str = "Timeline") -> Timeline:
    """Everything that happened to an object and to what belongs to it, from all sources, in one list."""
    subjects = [subject]
    for _, related in related_sources.entries(subject.type):
        subjects += related(access, subject)
    moments = [*audit_about(access, subjects)]
    for _, source in moment_sources.entries():
        moments += source(access, subjects)
    return Timeline(title, moments, note="Newest first")


def panels_of(access: Access, subject: Subject) -> list[Panel]:
    """What apps further right add to the page of an object."""
    return [panel for _, source in panel_sources.entries(subject.type) for panel in source(access, subject)]


def audit_about(access: Access, subjects: Sequence[Subject]) -> list[Moment]:
    """The entries of the audit trail about the objects: who did what and why. The entry itself tells every column."""
    if not access.may("audit:read"):
        return []
    ids = [subject.id for subject in subjects]
    rows = AuditEntry.objects.filter(tenant_id=access.tenant_id, entity_id__in=ids).order_by("-id")[:SHOWN]
    names = names_of(row.actor_id for row in rows)
    return [
        replace(
            audit_moment(row),
            kind="audit",
            detail=row.reason or "",
            actor=names.get(row.actor_id) or actor_name(row.actor_id),
        )
        for row in rows
    ]


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """The names of members of staff by their ids (`usr_…`); other actors are not in it."""
    ids = {}
    for actor in set(actors):
        try:
            ids[decode_id(USER, actor)] = actor
        except InvalidId:
            continue
    found = User.objects.filter(id__in=ids).values_list("id", "name", "email") if ids else ()
    return {ids[user_id]: name or email for user_id, name, email in found}
