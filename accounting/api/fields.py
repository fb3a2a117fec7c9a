"""Fields and filters that only accounting has: units of a tenant, and lists by account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from accounting.models import JournalLine
from common.api.fields import PatternField, id_pattern, refuse
from common.api.filters import Filter, Refused, Zone
from common.api.names import snake
from common.ids import InvalidId, decode_id
from common.prefixes import ACCOUNT

UNIT_PATTERN = r"[A-Z][A-Z0-9_]{2,15}"
_HINT = "Expected an ISO 4217 code such as EUR, or a unit of the tenant such as CREDITS."


class UnitField(PatternField):
    """A currency of ISO 4217, or a unit of the tenant; whether there is such a unit the service says."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=16, min_length=3, pattern=UNIT_PATTERN, hint=_HINT, **kwargs)

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {**super().json_schema(), "examples": ["EUR"]}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or not self.pattern.fullmatch(data.strip()):
            raise refuse("invalid_currency", _HINT)
        return data.strip()


def unit_filter(name: str = "currency") -> Filter:
    """A currency or a unit."""
    field = UnitField()

    def read(text: str, _zone: Zone) -> str:
        if not field.pattern.fullmatch(text):
            raise Refused("invalid_currency", _HINT)
        return text

    return Filter(name, snake(name), read, schema={"type": "string", "pattern": f"^{UNIT_PATTERN}$"})


@dataclass(frozen=True, slots=True)
class _AccountFilter(Filter):
    means: Callable[[UUID], Q] = Q

    def condition(self, parameter: str, text: str, zone: Zone) -> Q:
        return self.means(self.read(text, zone))


def account_filter(means: Callable[[UUID], Q]) -> Filter:
    """`accountId`, where it is no column."""

    def read(text: str, _zone: Zone) -> UUID:
        try:
            return decode_id(ACCOUNT, text)
        except InvalidId as wrong:
            raise Refused("invalid_id", f"Expected an id that starts with {ACCOUNT}_.") from wrong

    schema = {"type": "string", "pattern": id_pattern(ACCOUNT)}
    return _AccountFilter("accountId", "", read, schema=schema, means=means)


def paged_by_account(_account_id: UUID) -> Q:
    """No condition: the view lists what the account has by an index of its own."""
    return Q()


def with_line(account_id: UUID) -> Q:
    """Entries with a line on the account."""
    lines = JournalLine.objects.filter(
        tenant_id=OuterRef("tenant_id"), entry_id=OuterRef("id"), account_id=account_id
    )  # fmt: skip
    return Q(Exists(lines))
