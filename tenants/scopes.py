"""Scopes `<area>:read|write` and what each role of staff is given."""

from __future__ import annotations

from collections.abc import Iterable

from tenants.enums import Role

AREAS = (
    "invoices", "customers", "products", "accounts", "catalogue", "payments", "providers", "subscriptions", "usage",
    "entitlements", "webhooks", "settings", "audit",
)  # fmt: skip
ALL = "*"
ANY_READ = "any:read"  # a route that any read scope opens
SCOPES = frozenset(f"{area}:{access}" for area in AREAS for access in ("read", "write"))
_OWNERS_ONLY = ("providers", "settings", "audit")

ROLE_SCOPES: dict[Role, frozenset[str]] = {
    Role.OWNER: frozenset({ALL}),
    Role.ADMIN: frozenset({ALL}),
    Role.MEMBER: frozenset(scope for scope in SCOPES if scope.partition(":")[0] not in _OWNERS_ONLY),
    Role.READ_ONLY: frozenset(scope for scope in SCOPES if scope.endswith(":read")),
}


def covers(granted: Iterable[str], needed: str) -> bool:
    """Whether `granted` allows `needed`. Writing does not include reading."""
    scopes = frozenset(granted)
    if ALL in scopes or needed in scopes:
        return True
    return needed == ANY_READ and any(scope.endswith(":read") for scope in scopes)


def unknown_scopes(scopes: Iterable[str]) -> list[str]:
    """Those that name no area and access of ours."""
    return sorted(scope for scope in scopes if scope != ALL and scope not in SCOPES)
