"""Buttons: the only way a page changes anything. A page asks, a POST calls one service function.

A button is hidden from roles without its scope and refused to them (403). Sent twice, it happens once: each form has a
key, kept like the API's idempotency keys. The key begins with the tenant, so that a form which was left open while its
reader went to another tenant does nothing there. A refusal of the domain stands on the page, and nothing is changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from common.clock import SystemClock
from common.errors import Conflict, DomainError, IdempotencyConflict
from common.ids import new_id
from tenants import idempotency
from tenants.backoffice.access import Access
from tenants.backoffice.forms import BackofficeForm, refusal_on
from tenants.clocks import business_now
from tenants.context import Context
from tenants.scope import state_reason

Reason = Literal["required", "optional", "none"]
TOKEN_FIELD = "form_key"  # noqa: S105 - names a field
VERSION_FIELD = "version"
REASON_MAX = 500


class ChangedMeanwhile(Conflict):
    """Somebody else has saved the object after this form was opened."""

    code = "changed_meanwhile"
    message = "Somebody else has changed this since you opened the form. Below are the values as they are now."


class OpenedElsewhere(Conflict):
    """The form was opened in another tenant than the one its reader works in now."""

    code = "opened_elsewhere"
    message = "This form was opened in another tenant, and nothing was done. Below it is empty, for the tenant of now."


@dataclass(frozen=True, slots=True)
class Secret:
    """What a button may return instead of a sentence: a secret, shown once and kept nowhere."""

    title: str
    secret: str
    note: str = "It cannot be shown again. Copy it now."


@dataclass(frozen=True, slots=True)
class Press:
    """One press of a button, as its method sees it."""

    request: HttpRequest
    access: Access
    object: Any
    """The row, or None for a button of a list."""
    data: Mapping[str, Any]
    """The validated fields of the form."""
    reason: str
    at: dt.datetime
    """Business time of the tenant."""
    form: Any = None

    @property
    def tenant_id(self) -> UUID:
        """The tenant."""
        return self.access.tenant_id

    @property
    def context(self) -> Context:
        """For services that open a scope themselves; it carries the reason."""
        return self.access.context.because(self.reason)


Outcome = str | Secret | HttpResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """How a button looks, whom it is shown to and what it asks."""

    name: str
    label: str
    scope: str
    run: Callable[[Any, Press], Outcome]
    reason: Reason = "none"
    confirm: str = ""
    fields: type[BackofficeForm] | None = None
    initial: Callable[[Any, HttpRequest, Any], Mapping[str, Any]] | None = None
    shown: Callable[[Any], bool] | None = None
    on: Literal["object", "list"] = "object"
    tone: Literal["default", "primary", "danger"] = "default"
    icon: str = ""
    versioned: bool = False
    help: str = ""

    @property
    def tone_of_submit(self) -> str:
        """The colour of the button that does it."""
        return "danger" if self.tone == "danger" else "primary"

    def offered(self, access: Access, row: Any = None) -> bool:
        """Whether the role has the scope and the state of the object allows it."""
        return access.may(self.scope) and (self.shown is None or row is None or self.shown(row))


Method = TypeVar("Method", bound=Callable[..., Outcome])


def action_button(
    label: str, scope: str, *, reason: Reason = "none", confirm: str = "", fields: type[BackofficeForm] | None = None,
    initial: Callable[[Any, HttpRequest, Any], Mapping[str, Any]] | None = None,
    shown: Callable[[Any], bool] | None = None, on: Literal["object", "list"] = "object",
    tone: Literal["default", "primary", "danger"] = "default", icon: str = "", versioned: bool = False, help: str = "",  # noqa: A002
) -> Callable[[Method], Method]:  # fmt: skip
    """Make a method of a `BackofficeAdmin` a button: it takes a `Press`, calls a service and says what happened.

    `confirm` is the question of the page. `fields` are asked for besides; `initial(admin, request, row)` fills them.
    `shown(row)` tells whether the state allows it (the service decides all the same). `on="list"` puts it above the
    list. `versioned` refuses when the row has been saved since the form was opened. Returned: a sentence, a `Secret`,
    or a response of its own.
    """

    def decorate(method: Method) -> Method:
        method.button = Button(  # type: ignore[attr-defined]
            name=method.__name__, label=label, scope=scope, run=method, reason=reason, confirm=confirm, fields=fields,
            initial=initial, shown=shown, on=on, tone=tone, icon=icon, versioned=versioned, help=help,
        )  # fmt: skip
        return method

    return decorate


def buttons_of(page: type) -> dict[str, Button]:
    """The buttons of a class by name, in the order they are written; a subclass may replace one."""
    found: dict[str, Button] = {}
    for base in reversed(page.__mro__):
        for name, value in vars(base).items():
            button = getattr(value, "button", None)
            if isinstance(button, Button):
                found[name] = button
            elif name in found:
                del found[name]
    return found


@dataclass
class Pressing:
    """One visit of a button's page: the form, and what became of it."""

    button: Button
    page: Any
    request: HttpRequest
    access: Access
    row: Any
    form: BackofficeForm = field(init=False)
    problem: str = ""
    status: int = 200

    def __post_init__(self) -> None:
        if not self.access.may(self.button.scope):
            raise PermissionDenied(f"Your role in this tenant does not have the scope {self.button.scope}.")
        self.form = self._form(self.request.POST if self.request.method == "POST" else None)

    def submit(self) -> Outcome | None:
        """Run the button; None when the form has to be shown again, with `problem` or errors at its fields."""
        if not self.form.is_valid():
            self.status = 422
            return None
        data = dict(self.form.cleaned_data)
        token, version = data.pop(TOKEN_FIELD), data.pop(VERSION_FIELD, None)
        reason = data.pop("reason", "")
        press = Press(self.request, self.access, self.row, data, reason, business_now(self.access.tenant_id), self.form)
        guard = idempotency.Guard(self.access.tenant_id, f"backoffice:{self.access.user.pk}:{token}", self._asked())
        try:
            self._require_same_tenant(token)
            with transaction.atomic():
                return self._once(guard, press, version)
        except OpenedElsewhere as refused:
            self.form = self._form(None)
            self.problem, self.status = refused.message, refused.status
        except ChangedMeanwhile as refused:
            self.row.refresh_from_db()
            self.form = self._form(None)
            self.problem, self.status = refused.message, refused.status
        except IdempotencyConflict:
            self.problem, self.status = "This form was sent before. Open it again to do it once more.", 409
        except DomainError as refused:
            self.problem, self.status = refusal_on(self.form, refused), refused.status
        return None

    def _require_same_tenant(self, token: str) -> None:
        if not token.startswith(self.access.tenant_id.hex):
            raise OpenedElsewhere()

    def _once(self, guard: idempotency.Guard, press: Press, version: str | None) -> Outcome:
        idempotency.lock_key(guard)
        now = SystemClock().now()
        done = idempotency.find_answer(guard, now=now)
        if done is not None:
            return "Done before, not repeated."
        if press.reason:
            state_reason(press.reason)
        if self.button.versioned and not self._unchanged(version):
            raise ChangedMeanwhile()
        outcome = self.button.run(self.page, press)
        # Only that it was done is kept: what was said may name somebody whose data are erased before the key expires.
        expires = now + dt.timedelta(hours=settings.IDEMPOTENCY_KEY_HOURS)
        idempotency.store_answer(guard, idempotency.StoredAnswer(200, b"", None), expires_at=expires)
        return outcome

    def _unchanged(self, version: str | None) -> bool:
        rows = type(self.row)._default_manager.select_for_update(no_key=True)
        return _version_of(rows.get(pk=self.row.pk)) == version

    def _asked(self) -> bytes:
        given = [
            (name, value)
            for name, values in self.request.POST.lists()
            for value in values
            if name != "csrfmiddlewaretoken"
        ]
        return idempotency.fingerprint("POST", self.request.path, given, None)

    def _form(self, data: Any) -> BackofficeForm:
        initial: dict[str, Any] = {}
        if self.button.initial is not None:
            initial |= self.button.initial(self.page, self.request, self.row)
        initial[TOKEN_FIELD] = self.access.tenant_id.hex + new_id().hex
        if self.button.versioned:
            initial[VERSION_FIELD] = _version_of(self.row)
        extra: dict[str, Any] = {}
        if data is not None and self.request.FILES:
            extra["files"] = self.request.FILES
        form = _class_of(self.button)(data, initial=initial, **extra)
        prepare = getattr(form, "prepare", None)
        if prepare is not None:
            prepare(self.access, self.row)
        return form


def _version_of(row: Any) -> str:
    """What moves whenever a row is saved: its `version`, or its `updated_at` where it has none."""
    return str(row.version) if hasattr(row, "version") else row.updated_at.isoformat()


def _class_of(button: Button) -> type[BackofficeForm]:
    fields: dict[str, Any] = {
        TOKEN_FIELD: forms.RegexField(r"^[0-9a-zA-Z_-]{1,64}$", widget=forms.HiddenInput),
    }
    if button.versioned:
        fields[VERSION_FIELD] = forms.CharField(max_length=40, widget=forms.HiddenInput)
    if button.reason != "none":
        fields["reason"] = forms.CharField(
            max_length=REASON_MAX, required=button.reason == "required", strip=True,
            widget=forms.Textarea(attrs={"rows": 2}), help_text="Kept in the audit trail.",
        )  # fmt: skip
    return type("PressForm", (button.fields or BackofficeForm,), fields)
