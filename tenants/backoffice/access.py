"""Who works in the back office, in which tenant: what the middleware found out and everything else asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import HttpRequest

from common.ids import encode_id
from common.prefixes import SERVICE_KEY, USER
from tenants.context import Context
from tenants.enums import Role, TenantStatus
from tenants.identity import Caller
from tenants.models import Membership, ServiceKey, TenantSettings, User
from tenants.scopes import ROLE_SCOPES, covers

_NAMED = 1000
SESSION_TENANT = "backoffice_tenant"
_PAGES = ("/admin/", "/accounts/")
_PAGES_BARE = frozenset({"/admin", "/accounts"})


def is_page(path: str) -> bool:
    """Whether a path belongs to people: the back office or sign-in. Each request of the API pays for this."""
    return path.startswith(_PAGES) or path in _PAGES_BARE


@dataclass(frozen=True, slots=True)
class Place:
    """A tenant of which the user is an active member."""

    tenant_id: UUID
    slug: str
    name: str
    role: Role
    active: bool

    @property
    def role_name(self) -> str:
        """For people."""
        return str(self.role.label)


@dataclass(frozen=True)
class Access:
    """One request of one member of staff in one tenant. Made by the middleware, inside the tenant's scope."""

    user: User
    place: Place
    caller: Caller
    context: Context
    settings: TenantSettings

    @property
    def tenant_id(self) -> UUID:
        """The chosen tenant."""
        return self.place.tenant_id

    def may(self, scope: str) -> bool:
        """Whether the role covers `scope` (`invoices:write`)."""
        return covers(self.caller.scopes, scope)

    @cached_property
    def actors(self) -> Mapping[str, str]:
        """Names of the tenant's members and service keys, by the ids of the audit trail; read when asked for."""
        members = Membership.objects.filter(tenant_id=self.tenant_id).select_related("user")[:_NAMED]
        keys = ServiceKey.objects.filter(tenant_id=self.tenant_id).order_by("-id").values_list("id", "name")[:_NAMED]
        people = {encode_id(USER, one.user_id): one.user.name or one.user.email for one in members}
        return people | {encode_id(SERVICE_KEY, key): name for key, name in keys}


_current: ContextVar[Access | None] = ContextVar("backoffice_access", default=None)


@contextmanager
def working(access: Access) -> Iterator[None]:
    """Columns of lists know their row but not their request; within this they may ask for names."""
    token = _current.set(access)
    try:
        yield
    finally:
        _current.reset(token)


def actor_name(actor_id: str) -> str:
    """The name behind an actor of the audit trail; its id where there is none."""
    access = _current.get()
    return access.actors.get(actor_id, actor_id) if access is not None else actor_id


def places_of(user_id: UUID) -> list[Place]:
    """The tenants of a user, by name. Crosses tenants through a function of its own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tenant_id, slug, name, role, tenant_status FROM tenants_memberships(%s) ORDER BY name, slug",
            [user_id],
        )
        return [
            Place(tenant_id, slug, name, Role(role), status == TenantStatus.ACTIVE)
            for tenant_id, slug, name, role, status in cursor.fetchall()
        ]


def scopes_of(role: Role) -> frozenset[str]:
    """What a role may do."""
    return ROLE_SCOPES[role]


def access_of(request: HttpRequest) -> Access:
    """The access of a request that has passed the middleware. Raises `LookupError` outside the back office."""
    found = find_access(request)
    if found is None:
        raise LookupError("This request is not in a tenant of the back office.")
    return found


def find_access(request: HttpRequest) -> Access | None:
    """The access of a request, or None: nobody is signed in, or no tenant is chosen."""
    access: Access | None = getattr(request, "backoffice", None)
    return access


def places_of_request(request: HttpRequest) -> list[Place]:
    """The tenants of the signed-in user, read once per request."""
    if not hasattr(request, "backoffice_places"):
        user = request.user
        found = [] if isinstance(user, AnonymousUser) else places_of(user.pk)
        request.backoffice_places = found  # type: ignore[attr-defined]
    places: list[Place] = request.backoffice_places  # type: ignore[attr-defined]
    return places
