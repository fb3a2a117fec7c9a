"""Audit entries hold rows of tables, callers know objects: this translates names, ids and times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q

from common.api.filters import Filter, Refused, Zone
from common.api.names import camel
from common.clock import format_instant, parse_instant
from common.ids import InvalidId, decode_id, encode_id
from common.prefixes import PREFIXES, TENANT
from tenants.models import AuditEntry

PREFIX_OF_ENTITY: Mapping[str, str] = {camel(name.lower()): prefix for name, prefix in PREFIXES.items()}
_ENTITY_OF_PREFIX = {prefix: entity for entity, prefix in PREFIX_OF_ENTITY.items()}
# There is one row of settings per tenant; callers know it by the tenant.
_SETTINGS = "settings"
# `user_id` is a member of staff only here; on invoices it is the caller's own name for a customer.
_KNOWS_USERS = frozenset({"membership", "staffToken"})
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# How PostgreSQL writes a timestamptz in JSON; sessions run in UTC.
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?[+-]\d{2}:\d{2}")
_INSTANT_NAMES = ("_at", "_date", "_start", "_end", "_from", "_until", "_time")


def entity_id(entry: AuditEntry) -> str | None:
    """The object's TypeID; a plain UUID for objects that have none outside."""
    if entry.entity_type == _SETTINGS:
        return encode_id(TENANT, entry.tenant_id)
    if entry.entity_id is None:
        return None
    prefix = PREFIX_OF_ENTITY.get(entry.entity_type)
    return encode_id(prefix, entry.entity_id) if prefix else str(entry.entity_id)


def difference(
    entity: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> dict[str, dict[str, Any]]:
    """`{"taxRate": {"from": 0, "to": 1900}}`: every changed column in the API's spelling."""
    old, new = before or {}, after or {}
    names = [*new, *(name for name in old if name not in new)]
    return {
        camel(name): {"from": _shown(entity, name, old.get(name)), "to": _shown(entity, name, new.get(name))}
        for name in sorted(names)
    }


def _shown(entity: str, column: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if column.endswith("_id") and _UUID.fullmatch(value):
        prefix = _prefix_of_reference(entity, column.removesuffix("_id"))
        return encode_id(prefix, UUID(value)) if prefix else value
    if column.endswith(_INSTANT_NAMES) and _INSTANT.fullmatch(value):
        return format_instant(parse_instant(value))
    return value


def _prefix_of_reference(entity: str, name: str) -> str | None:
    """`customer` → cst; `default_payment_method` → pm: the longest end of the name that is a kind of object."""
    if name == "user" and entity not in _KNOWS_USERS:
        return None
    words = name.upper().split("_")
    for start in range(len(words)):
        prefix = PREFIXES.get("_".join(words[start:]))
        if prefix:
            return prefix
    return None


class EntityFilter(Filter):
    """`entityId`: a TypeID of any kind, or the UUID of an object that has none."""

    def condition(self, parameter: str, text: str, zone: Zone) -> Q:
        """Entries of that object and of no other kind with the same UUID."""
        if _UUID.fullmatch(text):
            return Q(entity_id=UUID(text))
        prefix = text.rpartition("_")[0]
        entity = _ENTITY_OF_PREFIX.get(prefix)
        if entity is None:
            raise Refused("invalid_id", "Expected an id such as inv_01hqx3qgf2c8mhwy9s6zwmf3yh.")
        try:
            value = decode_id(prefix, text)
        except InvalidId as wrong:
            raise Refused("invalid_id", "Expected an id such as inv_01hqx3qgf2c8mhwy9s6zwmf3yh.") from wrong
        if prefix == TENANT:
            return Q(entity_type=_SETTINGS, tenant_id=value) | Q(entity_type=entity, entity_id=value)
        return Q(entity_type=entity, entity_id=value)


def _not_read(text: str, zone: Zone) -> str:
    raise NotImplementedError("EntityFilter makes its condition itself")


ENTITY_ID = EntityFilter("entityId", "entity_id", _not_read)
