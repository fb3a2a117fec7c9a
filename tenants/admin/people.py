"""Who may work in the tenant, and the tokens of whoever looks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest

from common.clock import SystemClock
from common.prefixes import USER
from tenants.backoffice.api import (
    BackofficeAdmin,
    BackofficeForm,
    Press,
    Secret,
    access_of,
    action_button,
    backoffice_page,
    badge,
    column,
    instant,
    person,
    type_id,
)
from tenants.enums import Role
from tenants.models import Membership, StaffToken
from tenants.services.staff import (
    change_role,
    create_staff_token,
    invite_member,
    revoke_staff_token,
    set_membership_active,
)


class RoleForm(BackofficeForm):
    """A role."""

    role = forms.ChoiceField(
        choices=Role.choices,
        initial=Role.MEMBER,
        help_text="Owners and admins may do everything; only owners make owners. Members may do all but settings, "
        "providers and the audit trail. Read-only staff look.",
    )


class MemberForm(RoleForm):
    """Somebody new."""

    field_order = ("email", "name", "role")
    email = forms.EmailField(label="E-mail address", max_length=254)
    name = forms.CharField(max_length=255, required=False, help_text="Only for somebody who has no account yet.")


def _role(page: Any, request: HttpRequest, row: Membership) -> Mapping[str, Any]:
    return {"role": row.role}


@backoffice_page(Membership)
class MembershipPage(BackofficeAdmin):
    """Members of the tenant."""

    area, nav_group, nav_icon, nav_order = "settings", "Tenant", "group", 30
    title = "Members"
    intro = "Who may work in this tenant. Their password and second factor are theirs alone."
    list_display = ("who", "shown_role", "state", "since")
    list_select_related = ("user",)
    list_filter = ("role", "active")
    fields = ("who", "shown_role", "state", "since", "last_sign_in", "user_id_shown")

    def name_of(self, row: Membership) -> str:
        """Whose."""
        return row.user.name or row.user.email

    @column("Member", ordering="id")
    def who(self, row: Membership) -> str:
        """Name and address."""
        return person(row.user.name, row.user.email)

    @column("Role")
    def shown_role(self, row: Membership) -> str:
        """For people."""
        return Role(row.role).label

    @column("State")
    def state(self, row: Membership) -> str:
        """Whether they get in."""
        if not row.user.is_active:
            return badge("disabled", "Deactivated everywhere")
        return badge("active") if row.active else badge("ended", "Ended")

    @column("Since")
    def since(self, row: Membership) -> str:
        """When it began."""
        return instant(row.created_at)

    @column("Last sign-in")
    def last_sign_in(self, row: Membership) -> str:
        """To any tenant."""
        return instant(row.user.last_login)

    @column("User id")
    def user_id_shown(self, row: Membership) -> str:
        """As the audit trail shows it."""
        return type_id(USER, row.user_id)

    @action_button("Add member", "settings:write", on="list", fields=MemberForm, tone="primary", icon="person_add")
    def add(self, press: Press) -> str | Secret:
        """By e-mail address; an account that is missing is made."""
        given = press.data
        _, password = invite_member(
            tenant_id=press.tenant_id, email=given["email"], name=given["name"], role=Role(given["role"]),
            by=press.access.place.role, at=press.at,
        )  # fmt: skip
        if password is None:
            return f"{given['email']} is a member now, and signs in as before."
        note = (
            f"The first password of {given['email']}. Give it to them in person; they can change it after signing in."
        )
        return Secret("The member has been added", password, note)

    @action_button(
        "Change role", "settings:write", reason="optional", fields=RoleForm, initial=_role,
        shown=lambda row: row.active, icon="badge",
    )  # fmt: skip
    def change_role(self, press: Press) -> str:
        """Another role, from the next request on."""
        change_role(
            tenant_id=press.tenant_id, membership_id=press.object.pk, role=Role(press.data["role"]),
            by=press.access.place.role, at=press.at,
        )  # fmt: skip
        return "The role has been changed."

    @action_button(
        "End membership", "settings:write", reason="required", tone="danger", shown=lambda row: row.active,
        confirm="They can no longer open this tenant, from the next request on. Their tokens stop working here too.",
    )  # fmt: skip
    def deactivate(self, press: Press) -> str:
        """Keep them out."""
        self._set(press, active=False)
        return "The membership has ended."

    @action_button("Let in again", "settings:write", reason="optional", shown=lambda row: not row.active)
    def reactivate(self, press: Press) -> str:
        """With the role they had."""
        self._set(press, active=True)
        return "The membership is active again."

    def _set(self, press: Press, *, active: bool) -> None:
        set_membership_active(
            tenant_id=press.tenant_id, membership_id=press.object.pk, active=active, by=press.access.place.role,
            at=press.at,
        )  # fmt: skip


class TokenForm(BackofficeForm):
    """A new token."""

    name = forms.CharField(max_length=255, help_text="What it is for.")
    days = forms.IntegerField(label="Days until it expires", min_value=1, max_value=3650, initial=90)


@backoffice_page(StaffToken)
class StaffTokenPage(BackofficeAdmin):
    """One's own bearer tokens."""

    area, nav_group, nav_icon, nav_order = "any", "Tenant", "badge", 60
    title = "My tokens"
    intro = "Tokens with which your scripts call the API as you, in every tenant you are a member of."
    show_audit = False
    list_display = ("name", "state", "expires", "created")
    fields = ("name", "state", "expires", "created")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only one's own."""
        return super().get_queryset(request).filter(user_id=access_of(request).user.pk)

    @column("State")
    def state(self, row: StaffToken) -> str:
        """Whether it works."""
        return _state(row.revoked_at, row.expires_at)

    @column("Expires")
    def expires(self, row: StaffToken) -> str:
        """When, if ever."""
        return instant(row.expires_at)

    @column("Created", ordering="id")
    def created(self, row: StaffToken) -> str:
        """When."""
        return instant(row.created_at)

    @action_button("New token", "any:read", on="list", fields=TokenForm, tone="primary", icon="add")
    def create(self, press: Press) -> Secret:
        """Shown once."""
        now = SystemClock().now()
        _, secret = create_staff_token(
            user=press.access.user, name=press.data["name"], at=now,
            expires_at=now + dt.timedelta(days=press.data["days"]),
        )  # fmt: skip
        return Secret("The token has been made", secret)

    @action_button(
        "Revoke", "any:read", tone="danger", shown=lambda row: row.revoked_at is None,
        confirm="It is refused from the next request on. This cannot be undone.",
    )  # fmt: skip
    def revoke(self, press: Press) -> str:
        """Refuse it."""
        revoke_staff_token(user_id=press.access.user.pk, token_id=press.object.pk, at=SystemClock().now())
        return "The token has been revoked."


def _state(revoked_at: dt.datetime | None, expires_at: dt.datetime | None) -> str:
    if revoked_at is not None:
        return badge("revoked")
    if expires_at is not None and expires_at <= SystemClock().now():
        return badge("expired")
    return badge("active")
