"""Claims about what commands refuse before they do anything, and about a tenant whose work fails."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tenants.errors import TenantExists
from tenants.management.base import TenantCommand
from tenants.models import Application, ServiceKey, StaffToken, Tenant, User
from tenants.scope import tenant_scope
from tenants.selectors import all_tenants

pytestmark = pytest.mark.django_db

TENANT = ("create_tenant", "--slug", "acme")
APPLICATION = ("create_application", "--slug", "shop")
KEY = ("create_service_key", "--scope", "*")
TOKEN = ("create_staff_token", "--create", "--email", "ada@example.com")
BAD_TEXTS = {
    "": "must not be empty",
    "  \t": "must not be empty",
    "a\x00b": "control characters",
    "a\nb": "control characters",
    "a\x1b[31mb": "control characters",
    "a\x85b": "control characters",
    "a\u2028b": "control characters",
    "a\udcffb": "control characters",
    "x" * 256: "at most 255",
}


def refusal(*arguments: str) -> str:
    with pytest.raises(CommandError) as refused:
        call_command(*arguments, "--json", stdout=io.StringIO(), stderr=io.StringIO())
    return str(refused.value)


@pytest.mark.parametrize("text", BAD_TEXTS)
@pytest.mark.parametrize("command", [TENANT, APPLICATION, KEY, TOKEN], ids=lambda one: str(one[0]))
def test_a_name_is_text_on_one_line(tenant: Tenant, command: tuple[str, ...], text: str) -> None:
    whose = () if command is TENANT else ("--tenant", tenant.slug)
    said = refusal(*command, *whose, f"--name={text}")
    assert "--name" in said
    assert BAD_TEXTS[text] in said
    assert [slug for _, slug in all_tenants()] == [tenant.slug]
    with tenant_scope(tenant.id):
        assert (Application.objects.count(), ServiceKey.objects.count()) == (0, 0)
    assert (User.objects.count(), StaffToken.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "email",
    ["", " ", "not an email", "ada", "ada@", "@example.com", "ada@example", "a@b..de", "a\nb@c.de", "a@b.de,c@d.de"],
)
def test_an_e_mail_address_has_the_shape_of_one(tenant: Tenant, email: str) -> None:
    said = refusal("create_staff_token", "--tenant", tenant.slug, "--create", f"--email={email}")
    assert "--email" in said
    assert "\n" not in said
    assert User.objects.count() == 0


def test_the_reason_of_a_revocation_is_text_on_one_line(tenant: Tenant) -> None:
    said = refusal("revoke_service_key", "--tenant", tenant.slug, "--key", "key_x", "--reason", "a\nb")
    assert "--reason" in said


def test_spaces_around_a_name_are_not_part_of_it() -> None:
    out = io.StringIO()
    call_command(*TENANT, "--name", "  Müller & Söhne GmbH ", "--json", stdout=out)
    assert json.loads(out.getvalue())["name"] == "Müller & Söhne GmbH"


class _Fails(TenantCommand):
    help = "A command of the tests that fails in the first tenant."
    examples = "manage.py fails"

    def __init__(self, failure: Callable[[], Any]) -> None:
        super().__init__()
        self.failure, self.seen = failure, list[str]()

    def handle_tenant(self, tenant_id: Any, slug: str, **options: Any) -> dict[str, Any]:
        self.seen.append(slug)
        with tenant_scope(tenant_id):
            if len(self.seen) == 1:
                self.failure()
        return {"ok": True, "count": 1}


def of_python() -> None:
    raise KeyError("label")


def of_the_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")


def of_the_domain() -> None:
    raise TenantExists("Something of this tenant is wrong.")


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (of_python, "unexpected error, KeyError: 'label'"),
        (of_the_database, "division by zero"),
        (of_the_domain, "Something of this tenant is wrong."),
    ],
)
def test_a_tenant_whose_work_fails_is_not_ok_and_the_others_are_done(
    tenant: Tenant, other_tenant: Tenant, failure: Callable[[], Any], said: str
) -> None:
    command, out, err = _Fails(failure), io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(command, stdout=out, stderr=err)
    assert ended.value.code == 1
    first, second = command.seen
    one, other = out.getvalue().splitlines()
    assert one.startswith(f"{first}: NOT OK. ")
    assert said in one
    assert other == f"{second}: ok. count 1"
    assert "Traceback" not in out.getvalue() + err.getvalue()


def test_the_traceback_of_a_failed_tenant_is_shown_when_asked_for(tenant: Tenant) -> None:
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit):
        call_command(_Fails(of_python), "--json", "--traceback", stdout=out, stderr=err)
    assert "Traceback" in err.getvalue()
    (result,) = json.loads(out.getvalue())["tenants"]
    assert (result["ok"], "KeyError" in result["error"]) == (False, True)
