"""Claims about the operators' commands."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class

from common.crypto import DecryptionFailed
from common.ids import encode_id
from common.prefixes import SERVICE_KEY, TENANT
from tenants.keyring import SMTP_PASSWORD, keyring
from tenants.management.base import OperatorCommand, TenantCommand
from tenants.models import AuditEntry, ServiceKey, Tenant, User
from tenants.scope import tenant_scope
from tenants.selectors import all_tenants, get_settings
from tenants.services.settings import smtp_password, update_settings
from tenants.services.tenants import create_application
from tests.clients import Api
from tests.conftest import AT

pytestmark = pytest.mark.django_db

OWN = ["create_tenant", "create_service_key", "revoke_service_key", "create_staff_token", "rotate_encryption_key"]
NEW_KEY, OLD_KEY, LOST_KEY = "b2" * 32, "a1" * 32, "c3" * 32


def run(name: str, *arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command(name, *arguments, "--json", stdout=out, stderr=io.StringIO())
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def refusal(name: str, *arguments: str) -> str:
    with pytest.raises(CommandError) as refused:
        run(name, *arguments)
    return str(refused.value)


def test_every_command_of_ours_explains_itself_with_an_example() -> None:
    for name, app in get_commands().items():
        command = load_command_class(str(app), name)
        if isinstance(command, OperatorCommand):
            text = command.create_parser("manage.py", name).format_help()
            assert f"manage.py {name}" in text.partition("Examples:")[2], name
            assert len(command.help) > 60, name
            assert "--json" in text, name
    assert all(isinstance(load_command_class("tenants", name), OperatorCommand) for name in OWN)


def test_a_tenant_is_created_with_its_settings() -> None:
    made = run("create_tenant", "--slug", "acme", "--name", "Acme GmbH", "--test")
    assert (made["slug"], made["name"], made["isTest"]) == ("acme", "Acme GmbH", True)
    found = {slug: tenant_id for tenant_id, slug in all_tenants()}
    assert made["id"] == encode_id(TENANT, found["acme"])
    with tenant_scope(found["acme"]):
        assert get_settings(tenant_id=found["acme"]).legal_name == "Acme GmbH"
        assert {entry.actor_id for entry in AuditEntry.objects.all()} == {"command:create_tenant"}


def test_a_taken_or_malformed_slug_is_one_sentence() -> None:
    run("create_tenant", "--slug", "acme", "--name", "Acme")
    assert "exists already" in refusal("create_tenant", "--slug", "acme", "--name", "Again")
    assert "lower-case" in refusal("create_tenant", "--slug", "Acme!", "--name", "Acme")


def test_a_service_key_works_until_it_is_revoked(tenant: Tenant) -> None:
    made = run("create_service_key", "--tenant", tenant.slug, "--name", "shop", "--scope", "settings:read")
    caller = Api.with_key(made["secret"])
    assert made["scopes"] == ["settings:read"]
    assert caller.get("/api/settings").status_code == 200
    gone = run("revoke_service_key", "--tenant", encode_id(TENANT, tenant.id), "--key", made["id"], "--reason", "lost")
    assert gone["revokedAt"].endswith("Z")
    assert caller.get("/api/settings").status_code == 401
    assert run("revoke_service_key", "--tenant", tenant.slug, "--key", made["id"]) == gone
    with tenant_scope(tenant.id):
        assert AuditEntry.objects.order_by("-id").values_list("reason", flat=True)[0] == "lost"


def test_an_application_is_made_once(tenant: Tenant) -> None:
    made = run("create_application", "--tenant", tenant.slug, "--slug", "shop", "--name", "Web shop")
    assert made["id"].startswith("app_")
    again = ("create_application", "--tenant", tenant.slug, "--name", "Web shop", "--slug")
    assert "exists already" in refusal(*again, "shop")
    assert "slug has 1 to 64" in refusal(*again, "Web Shop")


def test_a_key_takes_application_expiry_and_limit(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        application = create_application(tenant_id=tenant.id, slug="web", name="Web", at=AT)
    made = run(
        "create_service_key", "--tenant", tenant.slug, "--name", "x", "--scope", "invoices:read", "--scope",
        "customers:read", "--application", "web", "--expires-in-days", "3", "--rate-limit", "60",
    )  # fmt: skip
    assert made["scopes"] == ["customers:read", "invoices:read"]
    assert made["rateLimitPerMinute"] == 60
    assert made["expiresAt"] is not None
    with tenant_scope(tenant.id):
        assert ServiceKey.objects.get(name="x").application_id == application.id


def test_the_secret_of_a_key_is_stored_nowhere(tenant: Tenant) -> None:
    secret = run("create_service_key", "--tenant", tenant.slug, "--name", "x", "--scope", "*")["secret"]
    with tenant_scope(tenant.id):
        rows = str(list(ServiceKey.objects.values())) + str(list(AuditEntry.objects.values()))
    assert secret not in rows


def test_wrong_options_are_refused_in_one_sentence(tenant: Tenant) -> None:
    key = ("create_service_key", "--tenant", tenant.slug, "--name", "x", "--scope")
    assert "no tenant 'nobody'" in refusal("create_service_key", "--tenant", "nobody", "--name", "x", "--scope", "*")
    assert "invoices:delete" in refusal(*key, "invoices:delete")
    assert "no application" in refusal(*key, "*", "--application", "none")
    assert "--rate-limit" in refusal(*key, "*", "--rate-limit", "0")
    assert "key_…" in refusal("revoke_service_key", "--tenant", tenant.slug, "--key", "sk_svc_abc")
    unknown = encode_id(SERVICE_KEY, tenant.id)
    assert "does not exist" in refusal("revoke_service_key", "--tenant", tenant.slug, "--key", unknown)


def test_a_staff_token_needs_user_and_membership_unless_told_to_create_them(tenant: Tenant) -> None:
    person = ("create_staff_token", "--tenant", tenant.slug, "--email", "Ada@Example.com")
    assert "no user ada@example.com" in refusal(*person)
    made = run(*person, "--role", "read_only", "--create")
    assert (made["email"], made["role"]) == ("ada@example.com", "read_only")
    caller = Api.with_token(made["token"], encode_id(TENANT, tenant.id))
    assert caller.get("/api/settings").status_code == 200
    assert caller.patch("/api/settings", {"taxRate": 1}).status_code == 403
    again = run(*person)
    assert again["token"] != made["token"]
    assert User.objects.count() == 1


def test_a_member_of_staff_is_made_and_given_a_role(tenant: Tenant) -> None:
    made = run("create_user", "--email", "Ada@Example.com", "--name", "Ada Lovelace")
    user = User.objects.get(email="ada@example.com")
    assert user.check_password(made["password"])
    assert "exists already" in refusal("create_user", "--email", "ada@example.com")
    for role in ("member", "owner"):
        added = run("add_member", "--tenant", tenant.slug, "--email", "ada@example.com", "--role", role)
        assert (added["role"], added["email"]) == (role, "ada@example.com")
    assert "create_user" in refusal("add_member", "--tenant", tenant.slug, "--email", "nobody@example.com")


def test_a_suspended_tenant_is_refused_until_it_is_active_again(tenant: Tenant, api: Api) -> None:
    status = ("set_tenant_status", "--tenant", tenant.slug, "--reason", "contract", "--status")
    for _ in range(2):
        assert run(*status, "suspended")["status"] == "suspended"
    assert api.get("/api/settings").status_code == 403
    assert run(*status, "active")["status"] == "active"
    assert api.get("/api/settings").status_code == 200
    with tenant_scope(tenant.id):
        entries = AuditEntry.objects.filter(entity_type="tenant").order_by("-id")[:2]
        assert [(entry.action, entry.reason) for entry in entries] == [
            ("tenant.active", "contract"), ("tenant.suspended", "contract"),
        ]  # fmt: skip


def test_resetting_a_second_factor_needs_a_user() -> None:
    assert "no user" in refusal("reset_second_factor", "--user", "nobody@example.com")


def test_a_refused_token_leaves_no_user_behind(tenant: Tenant, other_tenant: Tenant) -> None:
    run("create_staff_token", "--tenant", tenant.slug, "--email", "a@b.de", "--create")
    assert "not a member" in refusal("create_staff_token", "--tenant", other_tenant.slug, "--email", "a@b.de")


@pytest.fixture
def secrets(tenant: Tenant, other_tenant: Tenant) -> list[Tenant]:
    for one in (tenant, other_tenant):
        with tenant_scope(one.id):
            update_settings(tenant_id=one.id, changes={"smtp": {"password": f"of {one.slug}"}}, at=AT)
    return [tenant, other_tenant]


def tokens(tenants: list[Tenant]) -> list[str | None]:
    found = []
    for one in tenants:
        with tenant_scope(one.id):
            found.append(get_settings(tenant_id=one.id).smtp_password_encrypted)
    return found


def test_rotation_moves_every_secret_to_the_new_key_and_a_second_run_does_nothing(
    secrets: list[Tenant], settings: Any
) -> None:
    settings.ENCRYPTION_KEY, settings.ENCRYPTION_KEYS_OLD = NEW_KEY, [OLD_KEY]
    before = tokens(secrets)
    counted = run("rotate_encryption_key", "--dry-run")
    assert [one["rotated"] for one in counted["tenants"]] == [1, 1]
    assert tokens(secrets) == before
    assert [one["rotated"] for one in run("rotate_encryption_key")["tenants"]] == [1, 1]
    assert all(token and token.startswith(f"v1:{keyring().current_key_id}:") for token in tokens(secrets))
    settings.ENCRYPTION_KEYS_OLD = []
    for one in secrets:
        with tenant_scope(one.id):
            assert smtp_password(get_settings(tenant_id=one.id)) == f"of {one.slug}"
    done = tokens(secrets)
    assert [one["rotated"] for one in run("rotate_encryption_key")["tenants"]] == [0, 0]
    assert tokens(secrets) == done


def test_rotation_of_one_tenant_leaves_the_others(secrets: list[Tenant], settings: Any) -> None:
    settings.ENCRYPTION_KEY, settings.ENCRYPTION_KEYS_OLD = NEW_KEY, [OLD_KEY]
    before = tokens(secrets)
    result = run("rotate_encryption_key", "--tenant", secrets[0].slug)
    assert [one["tenant"] for one in result["tenants"]] == [secrets[0].slug]
    assert tokens(secrets)[0] != before[0]
    assert tokens(secrets)[1] == before[1]


def test_what_no_key_opens_is_listed_and_left_alone_and_the_exit_status_is_1(
    secrets: list[Tenant], settings: Any
) -> None:
    settings.ENCRYPTION_KEY = LOST_KEY
    before = tokens(secrets)
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("rotate_encryption_key", "--json", stdout=out, stderr=io.StringIO())
    assert ended.value.code == 1
    result = json.loads(out.getvalue())
    assert result["ok"] is False
    assert all("smtp_password_encrypted" in one["unreadable"][0] for one in result["tenants"])
    assert tokens(secrets) == before


def test_rotation_without_a_key_says_what_is_missing(secrets: list[Tenant], settings: Any) -> None:
    settings.ENCRYPTION_KEY = ""
    assert "ENCRYPTION_KEY" in refusal("rotate_encryption_key")


def test_a_token_of_another_row_is_not_accepted(secrets: list[Tenant]) -> None:
    stolen = tokens(secrets)[1]
    assert stolen is not None
    with tenant_scope(secrets[0].id):
        row = get_settings(tenant_id=secrets[0].id)
        with pytest.raises(DecryptionFailed):
            SMTP_PASSWORD.decrypt(stolen, tenant_id=row.tenant_id, primary_key=row.id)


def test_words_go_to_stdout_and_progress_to_stderr(secrets: list[Tenant], settings: Any) -> None:
    settings.ENCRYPTION_KEY, settings.ENCRYPTION_KEYS_OLD = NEW_KEY, [OLD_KEY]
    out, err = io.StringIO(), io.StringIO()
    call_command("rotate_encryption_key", stdout=out, stderr=err)
    assert f"{secrets[0].slug}: ok. 1 re-encrypted." in out.getvalue()
    assert "[1/2]" in err.getvalue()
    assert "[1/2]" not in out.getvalue()


class _Checks(TenantCommand):
    help = "A check of the tests, which finds something wrong in the second tenant and goes on to the third."
    examples = "manage.py checks"
    bad = ""

    def handle_tenant(self, tenant_id: Any, slug: str, **options: Any) -> dict[str, Any]:
        return {"ok": slug != self.bad, "seen": slug}


def test_a_finding_in_one_tenant_does_not_stop_the_others(secrets: list[Tenant]) -> None:
    command, out = _Checks(), io.StringIO()
    command.bad = sorted(one.slug for one in secrets)[0]
    with pytest.raises(SystemExit) as ended:
        call_command(command, "--json", stdout=out, stderr=io.StringIO())
    assert ended.value.code == 1
    assert len(json.loads(out.getvalue())["tenants"]) == 2
    call_command(command, "--json", "--tenant", sorted(one.slug for one in secrets)[1], stdout=io.StringIO())


class _Counts(TenantCommand):
    help = "Counts to ten thousand."
    examples = "manage.py counts"

    def handle_tenant(self, tenant_id: Any, slug: str, **options: Any) -> dict[str, Any]:
        for done in range(10_001):
            self.bar(slug, done, 10_000, "numbers")
        return {}


def test_a_bar_shows_the_beginning_and_the_end_of_each_tenant_and_is_not_a_line_for_every_thing(
    secrets: list[Tenant],
) -> None:
    err = io.StringIO()
    call_command(_Counts(), stdout=io.StringIO(), stderr=err)
    for tenant in secrets:
        bars = [line for line in err.getvalue().splitlines() if line.startswith(f"{tenant.slug}: [")]
        assert bars[0].endswith("0 %, 0 of 10,000 numbers")
        assert bars[-1].endswith("100 %, 10,000 of 10,000 numbers")
        assert len(bars) < 10_000
