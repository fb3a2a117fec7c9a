"""What the webhooks app keeps about an object: the bodies of callbacks, and what subscribers answered to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from tenants.erasing import number

_BODIES: Final = """
    SELECT count(*) FROM events_event e JOIN webhooks_message m ON m.tenant_id = e.tenant_id AND m.id = e.id
    WHERE e.tenant_id = %s AND e.object_id = ANY(%s::uuid[]) AND m.body IS NOT NULL
"""
# What was sent or answered before the object was erased; a later callback is made of an event that is empty already.
_LEFT: Final = """
    FROM tenants_erasedobject o
    JOIN events_event e ON e.tenant_id = o.tenant_id AND e.object_id = o.id
    JOIN webhooks_message m ON m.tenant_id = e.tenant_id AND m.id = e.id
"""
_BODIES_LEFT: Final = f"""
    SELECT count(*) {_LEFT} WHERE o.tenant_id = %s AND m.body IS NOT NULL AND m.created_at < o.recorded_at
"""
_ANSWERS_LEFT: Final = f"""
    SELECT count(*) {_LEFT}
    JOIN webhooks_delivery d ON d.tenant_id = m.tenant_id AND d.message_id = m.id
    JOIN webhooks_attempt a ON a.tenant_id = d.tenant_id AND a.delivery_id = d.id
    WHERE o.tenant_id = %s AND a.at < o.recorded_at AND num_nonnulls(a.response_body, a.error) > 0
"""


class CallbackTraces:
    """Bodies, answers and errors go; which event went to whom, when and with which status stays."""

    def count(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """Callbacks about the objects."""
        return {"callbacks": number(_BODIES, [tenant_id, list(ids)])}

    def erase(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """Empty them; those not delivered yet are not sent any more."""
        return {"callbacks": number("SELECT webhooks_erase(%s::uuid[])", [list(ids)])}

    def remaining(self, *, tenant_id: UUID) -> Mapping[str, int]:
        """What still tells something about erased objects."""
        return {
            "callbacks": number(_BODIES_LEFT, [tenant_id]),
            "callbackAnswers": number(_ANSWERS_LEFT, [tenant_id]),
        }
