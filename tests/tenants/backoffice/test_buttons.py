"""Claims about buttons: who may press them, what a second press does, and what a refusal leaves behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from tenants.enums import Role
from tenants.models import Application, AuditEntry, Membership, ServiceKey, StaffToken, Tenant, User
from tenants.scope import tenant_scope
from tenants.services.staff import add_membership, create_staff_token
from tenants.services.tenants import create_application
from tests.clients import Api
from tests.conftest import AT

pytestmark = pytest.mark.django_db
CREATE = "/admin/tenants/application/do/create/"
KEYS = "/admin/tenants/servicekey/"


def hidden(browser: Client, path: str) -> dict[str, str]:
    """The hidden fields of a button's page, as a browser would send them."""
    page = browser.get(path)
    assert page.status_code == 200, page.get("Location")
    found = re.findall(r'<input type="hidden" name="(form_key|version)" value="([^"]*)"', page.content.decode())
    return dict(found)


def press(browser: Client, path: str, **fields: Any) -> Any:
    return browser.post(path, {**hidden(browser, path), **fields})


def count(tenant: Tenant, model: Any, **filters: Any) -> int:
    with tenant_scope(tenant.id):
        return int(model.objects.filter(**filters).count())


def test_a_press_calls_the_service_and_says_what_happened(tenant: Tenant, browser: Client) -> None:
    answer = press(browser, CREATE, name="Web shop", slug="shop")
    assert answer["Location"] == "/admin/tenants/application/"
    assert "Web shop has been created" in browser.get(answer["Location"]).content.decode()
    assert count(tenant, Application, slug="shop") == 1


def test_the_same_form_sent_twice_acts_once(tenant: Tenant, browser: Client) -> None:
    form = {**hidden(browser, CREATE), "name": "Web shop", "slug": "shop"}
    assert browser.post(CREATE, form).status_code == 302
    again = browser.post(CREATE, form)
    assert again.status_code == 302
    assert "Done before, not repeated" in browser.get(again["Location"]).content.decode()
    assert count(tenant, Application) == 1


def test_the_same_form_with_other_words_is_refused(tenant: Tenant, browser: Client) -> None:
    form = {**hidden(browser, CREATE), "name": "Web shop", "slug": "shop"}
    browser.post(CREATE, form)
    other = browser.post(CREATE, {**form, "slug": "other"})
    assert (other.status_code, b"was sent before" in other.content) == (409, True)
    assert count(tenant, Application) == 1


def test_a_form_without_its_key_does_nothing(tenant: Tenant, browser: Client) -> None:
    assert browser.post(CREATE, {"name": "Web shop", "slug": "shop"}).status_code == 422
    assert count(tenant, Application) == 0


def test_a_refusal_stands_on_the_page_and_changes_nothing(tenant: Tenant, browser: Client) -> None:
    for slug, said in (("Not A Slug", "lower-case"), ("x" * 65, "at most 64")):
        answer = press(browser, CREATE, name="Web shop", slug=slug)
        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert 'value="Web shop"' in answer.content.decode()
    assert count(tenant, Application) == 0


def test_a_refused_form_can_be_corrected_and_sent_again(tenant: Tenant, browser: Client) -> None:
    form = {**hidden(browser, CREATE), "name": "Web shop", "slug": "No!"}
    assert browser.post(CREATE, form).status_code == 422
    assert browser.post(CREATE, {**form, "slug": "yes"}).status_code == 302
    assert count(tenant, Application, slug="yes") == 1


def key_of(tenant: Tenant, api_of: Callable[..., Api]) -> tuple[Any, Api]:
    api = api_of(tenant)
    with tenant_scope(tenant.id):
        return ServiceKey.objects.get().pk, api


def test_a_reason_is_demanded_and_stands_in_the_trail(
    tenant: Tenant, browser: Client, api_of: Callable[..., Api]
) -> None:
    key, api = key_of(tenant, api_of)
    revoke = f"{KEYS}{key}/do/revoke/"
    assert press(browser, revoke, reason="  ").status_code == 422
    assert api.get("/api/settings").status_code == 200
    assert press(browser, revoke, reason="laptop stolen").status_code == 302
    assert api.get("/api/settings").status_code == 401
    with tenant_scope(tenant.id):
        entry = AuditEntry.objects.filter(entity_id=key).order_by("-id")[0]
    assert (entry.reason, entry.actor_type) == ("laptop stolen", "user")


def test_a_button_that_the_state_does_not_allow_leads_back(
    tenant: Tenant, browser: Client, api_of: Callable[..., Api]
) -> None:
    key, _ = key_of(tenant, api_of)
    press(browser, f"{KEYS}{key}/do/revoke/", reason="lost")
    assert "do/revoke" not in browser.get(f"{KEYS}{key}/change/").content.decode()
    assert browser.get(f"{KEYS}{key}/do/revoke/")["Location"] == f"{KEYS}{key}/change/"


def test_a_new_key_is_shown_once_and_works(tenant: Tenant, browser: Client) -> None:
    path = f"{KEYS}do/create/"
    form = {**hidden(browser, path), "name": "shop", "scopes": ["settings:read"], "days": "30"}
    answer = browser.post(path, form)
    secret = re.search(r"sk_svc_[\w-]{20,}", answer.content.decode())
    assert secret
    assert Api.with_key(secret[0]).get("/api/settings").status_code == 200
    assert "no-store" in answer["Cache-Control"]
    again = browser.post(path, form)
    assert b"sk_svc_" not in again.content
    assert secret[0] not in browser.get(again["Location"]).content.decode()
    assert count(tenant, ServiceKey) == 1
    from tenants.models import IdempotencyKey

    with tenant_scope(tenant.id):
        assert secret[0] not in str(list(IdempotencyKey.objects.values()))


def test_the_key_of_another_tenant_is_not_there(
    other_tenant: Tenant, browser: Client, api_of: Callable[..., Api]
) -> None:
    key, api = key_of(other_tenant, api_of)
    assert browser.get(f"{KEYS}{key}/do/revoke/").status_code == 404
    assert browser.post(f"{KEYS}{key}/do/revoke/", {"reason": "x"}).status_code == 404
    assert browser.get(f"{KEYS}{key}/change/").status_code == 302
    assert api.get("/api/settings").status_code == 200


def test_an_application_of_another_tenant_cannot_be_chosen(other_tenant: Tenant, browser: Client) -> None:
    with tenant_scope(other_tenant.id):
        foreign = create_application(tenant_id=other_tenant.id, slug="theirs", name="Theirs", at=AT)
    answer = press(browser, f"{KEYS}do/create/", name="x", scopes=["*"], application=str(foreign.pk))
    assert answer.status_code == 422


MEMBERS = "/admin/tenants/membership/"


def membership(tenant: Tenant, user: User) -> Any:
    with tenant_scope(tenant.id):
        return Membership.objects.get(user_id=user.pk)


def test_somebody_new_is_added_with_a_password_that_opens_the_door(tenant: Tenant, browser: Client) -> None:
    answer = press(browser, f"{MEMBERS}do/add/", email="Grace@Example.com", name="Grace Hopper", role="member")
    password = re.search(r'id="secret">([^<]+)<', answer.content.decode())
    assert password
    own = Client()
    entered = own.post("/accounts/login/", {"login": "grace@example.com", "password": password[1]})
    assert (entered.status_code, entered["Location"]) == (302, "/admin/")
    assert own.get("/admin/").status_code == 200


def test_somebody_known_is_added_without_a_new_password(
    tenant: Tenant, browser: Client, make_member: Callable[..., User]
) -> None:
    known = make_member(password="correct horse battery")
    answer = press(browser, f"{MEMBERS}do/add/", email=known.email, role="read_only")
    assert answer.status_code == 302
    assert membership(tenant, known).role == Role.READ_ONLY
    assert press(browser, f"{MEMBERS}do/add/", email=known.email, role="admin").status_code == 409


def test_the_last_owner_stays(tenant: Tenant, make_member: Callable[..., User]) -> None:
    owner = make_member(tenant)
    browser = Client()
    browser.force_login(owner)
    own = f"{MEMBERS}{membership(tenant, owner).pk}/do/"
    for path, fields in ((f"{own}deactivate/", {"reason": "x"}), (f"{own}change_role/", {"role": "member"})):
        answer = press(browser, path, **fields)
        assert answer.status_code == 409
        assert "last owner" in answer.content.decode()
    make_member(tenant)
    assert press(browser, f"{own}change_role/", role="admin").status_code == 302


def test_only_owners_make_owners_or_change_them(
    tenant: Tenant, browser_of: Callable[..., Client], make_member: Callable[..., User]
) -> None:
    owner, member, admin = (
        make_member(tenant),
        make_member(tenant, role=Role.MEMBER),
        browser_of(tenant, role=Role.ADMIN),
    )
    for user, action, fields in (
        (member, "change_role", {"role": "owner"}),
        (owner, "change_role", {"role": "member"}),
        (owner, "deactivate", {"reason": "x"}),
    ):
        assert press(admin, f"{MEMBERS}{membership(tenant, user).pk}/do/{action}/", **fields).status_code == 422
    assert press(admin, f"{MEMBERS}do/add/", email="new@example.com", role="owner").status_code == 422
    assert membership(tenant, owner).role == Role.OWNER
    assert not User.objects.filter(email="new@example.com").exists()


def test_who_is_put_out_is_out_and_comes_back(
    tenant: Tenant, browser: Client, make_member: Callable[..., User]
) -> None:
    user = make_member(tenant, role=Role.MEMBER)
    own = Client()
    own.force_login(user)
    path = f"{MEMBERS}{membership(tenant, user).pk}/do/"
    assert own.get("/admin/").status_code == 200
    press(browser, f"{path}deactivate/", reason="left")
    assert own.get("/admin/").status_code == 403
    press(browser, f"{path}reactivate/")
    assert own.get("/admin/").status_code == 200


def test_everybody_sees_only_their_own_tokens_and_revokes_them(
    tenant: Tenant, make_member: Callable[..., User]
) -> None:
    ada, grace = make_member(tenant, role=Role.READ_ONLY), make_member(tenant)
    foreign, _ = create_staff_token(user=grace, name="of-grace", at=AT)
    browser = Client()
    browser.force_login(ada)
    answer = press(browser, "/admin/tenants/stafftoken/do/create/", name="of-ada", days="7")
    secret = re.search(r"st_[\w-]{20,}", answer.content.decode())
    assert secret
    page = browser.get("/admin/tenants/stafftoken/").content.decode()
    assert "of-ada" in page
    assert "of-grace" not in page
    assert browser.post(f"/admin/tenants/stafftoken/{foreign.pk}/do/revoke/", {}).status_code == 404
    own = StaffToken.objects.get(user_id=ada.pk)
    assert press(browser, f"/admin/tenants/stafftoken/{own.pk}/do/revoke/").status_code == 302
    assert Api.with_token(secret[0]).get("/api/settings").status_code == 401


def test_two_owners_who_leave_at_once_do_not_both_leave(tenant: Tenant, make_member: Callable[..., User]) -> None:
    """The second sees the first gone, because owners are counted under a lock."""
    first, second = make_member(tenant), make_member(tenant)
    from tenants.errors import LastOwner
    from tenants.services.staff import set_membership_active

    with tenant_scope(tenant.id):
        for user, refused in ((first, False), (second, True)):
            row = Membership.objects.get(user_id=user.pk)
            if refused:
                with pytest.raises(LastOwner):
                    set_membership_active(tenant_id=tenant.id, membership_id=row.pk, active=False, by=None, at=AT)
            else:
                set_membership_active(tenant_id=tenant.id, membership_id=row.pk, active=False, by=None, at=AT)
        add_membership(tenant_id=tenant.id, user_id=first.pk, role=Role.OWNER, at=AT)


def test_the_log_of_django_stays_empty(tenant: Tenant, browser: Client) -> None:
    """It has no tenant: names of one tenant's objects would stand on another's first page."""
    press(browser, CREATE, name="Web shop", slug="shop")
    assert LogEntry.objects.count() == 0
    assert "Recent actions" not in browser.get("/admin/").content.decode()
