"""What the events app keeps about an object: the events with its data, errors of their delivery, and mails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from django.db import connection

from events.services.leases import ABANDONED, MAILS
from events.services.sending import ERASED
from tenants.erasing import number

_EVENTS: Final = (
    "FROM events_event e WHERE e.tenant_id = %s AND e.object_id = ANY(%s::uuid[]) "
    "AND e.data <> ledger_document_erased(e.data)"
)
# An error may quote what could not be handled.
_ERRORS: Final = """
    d.tenant_id = %s AND d.last_error IS NOT NULL AND d.event_id IN (
        SELECT e.id FROM events_event e WHERE e.tenant_id = d.tenant_id AND e.object_id = ANY(%s::uuid[])
    )
"""
_MAIL_CONTENT: Final = ("recipients", "reply_to", "subject", "text", "html")
# Errors may quote an address; these are our own words.
_NOT_EMPTY: Final = (
    f"(num_nonnulls({', '.join(f'm.{column}' for column in _MAIL_CONTENT)}) > 0 "
    f"OR m.last_error NOT IN ('{ERASED}', '{ABANDONED}'))"
)
# Whoever is sending it now can record nothing any more, not even an error. The queue then gives it up, and says so.
_ERASE_MAILS: Final = f"""
    UPDATE events_mail m SET {", ".join(f"{column} = NULL" for column in (*_MAIL_CONTENT, "last_error"))},
        status = CASE WHEN m.status = %s THEN %s ELSE m.status END, lease_token = NULL, lease_until = NULL
    WHERE m.tenant_id = %s AND m.object_id = ANY(%s::uuid[]) AND {_NOT_EMPTY}
"""  # noqa: S608 - constants of this module
_MAILS: Final = f"""
    SELECT count(*) FROM events_mail m WHERE m.tenant_id = %s AND m.object_id = ANY(%s::uuid[]) AND {_NOT_EMPTY}
"""  # noqa: S608


class EventTraces:
    """Events keep their place and what is a number, a state or a time; mails keep that they were sent, and when."""

    def count(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """Events and mails about the objects."""
        return {
            "events": number(f"SELECT count(*) {_EVENTS}", [tenant_id, list(ids)]),
            "mails": number(_MAILS, [tenant_id, list(ids)]),
        }

    def erase(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """Empty them."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE events_eventdelivery d SET last_error = NULL WHERE {_ERRORS}",  # noqa: S608
                [tenant_id, list(ids)],
            )
            cursor.execute(_ERASE_MAILS, [MAILS.running, MAILS.waiting, tenant_id, list(ids)])
            mails = int(cursor.rowcount)
        return {"events": number("SELECT events_erase(%s::uuid[])", [list(ids)]), "mails": mails}

    def remaining(self, *, tenant_id: UUID) -> Mapping[str, int]:
        """What still tells something about erased objects. An error since then is about data that were erased."""
        erased = "FROM tenants_erasedobject o JOIN {} ON x.tenant_id = o.tenant_id AND x.object_id = o.id"
        mails = _NOT_EMPTY.replace("m.", "x.")
        events = (
            f"SELECT count(*) {erased.format('events_event x')} "
            "WHERE o.tenant_id = %s AND x.data <> ledger_document_erased(x.data)"
        )
        return {
            "events": number(events, [tenant_id]),
            "mails": number(
                f"SELECT count(*) {erased.format('events_mail x')} WHERE o.tenant_id = %s AND {mails}", [tenant_id]
            ),
        }
