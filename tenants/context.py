"""Who acts, for which tenant, from where and why: what every transaction tells the database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

import orjson


class ActorType(StrEnum):
    """The kinds of actors an audit entry names. `database` is somebody with a SQL client."""

    USER = "user"
    SERVICE = "service"
    SYSTEM = "system"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a staff user (`usr_…`), a service key (`key_…`) or a part of the system (`command:void`)."""

    type: ActorType
    id: str


@dataclass(frozen=True, slots=True)
class Context:
    """One unit of work for one tenant. Nothing of it outlives the transaction."""

    tenant_id: UUID
    actor: Actor
    trace_id: str = ""
    ip_address: str = ""
    reason: str = ""

    def because(self, reason: str) -> Context:
        """The same work with its reason stated."""
        return replace(self, reason=reason)

    def audit_setting(self) -> str:
        """The value of `ledger.context`, which the audit trigger reads."""
        return orjson.dumps(
            {
                "actorType": self.actor.type,
                "actorId": self.actor.id,
                "traceId": self.trace_id,
                "ip": self.ip_address,
                "reason": self.reason,
            }
        ).decode()


def system_context(tenant_id: UUID, name: str, *, reason: str = "") -> Context:
    """The context of a job or command called `name`."""
    return Context(tenant_id=tenant_id, actor=Actor(ActorType.SYSTEM, name), reason=reason)
