"""Claims about every page there is, walked through the site's own registry: whoever adds a page is covered."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client, RequestFactory

from common.ids import new_id
from tenants.backoffice.pages import BackofficeAdmin
from tenants.backoffice.site import backoffice
from tenants.backoffice.urls import load_pages
from tenants.enums import Role
from tenants.models import Tenant
from tenants.scopes import ALL, AREAS, ROLE_SCOPES, SCOPES, covers
from tests.tenants.backoffice.rows import a_row

pytestmark = pytest.mark.django_db
load_pages()
PAGES: list[BackofficeAdmin] = [*backoffice._registry.values()]
NAMES = [page.opts.label_lower for page in PAGES]
every_page = pytest.mark.parametrize("page", PAGES, ids=NAMES)
every_role = pytest.mark.parametrize("role", list(Role))


def test_every_page_extends_the_base_class_and_states_its_area() -> None:
    assert len(PAGES) >= 8
    for page in PAGES:
        assert isinstance(page, BackofficeAdmin), page
        assert page.area in (*AREAS, "any"), f"{page} has no area"
        for button in page.buttons.values():
            assert button.scope in SCOPES | {"any:read"}, f"{page}.{button.name}"


def test_no_page_adds_changes_or_deletes_by_itself() -> None:
    for page in PAGES:
        own = [cls for cls in type(page).__mro__ if cls.__module__.partition(".")[0] not in ("django", "unfold")]
        for name in ("save_model", "delete_model", "save_formset", "get_actions", "has_delete_permission"):
            defined = [cls for cls in own if name in vars(cls) and cls is not BackofficeAdmin]
            assert defined == [], f"{page}.{name}"
        assert not page.actions
        assert page.has_add_permission(None) is False  # type: ignore[arg-type]


@every_role
@every_page
def test_a_list_opens_for_the_roles_that_may_read_it(
    page: BackofficeAdmin, role: Role, tenant: Tenant, browser_of: Callable[..., Client]
) -> None:
    a_row(page.model, tenant)
    answer = browser_of(tenant, role=role).get(page.list_path(), follow=True)
    allowed = covers(ROLE_SCOPES[role], f"{page.area}:read")
    assert answer.status_code == (200 if allowed else 403)


@every_role
@every_page
def test_an_object_opens_for_the_roles_that_may_read_it_and_shows_only_buttons_they_may_press(
    page: BackofficeAdmin, role: Role, tenant: Tenant, browser_of: Callable[..., Client]
) -> None:
    browser = browser_of(tenant, role=role)
    row = a_row(page.model, tenant, user=_user(browser))
    answer = browser.get(page.object_path(row.pk))
    allowed = covers(ROLE_SCOPES[role], f"{page.area}:read")
    assert answer.status_code == (200 if allowed else 403)
    text = answer.content.decode()
    for button in page.buttons.values():
        if not covers(ROLE_SCOPES[role], button.scope):
            assert f"/do/{button.name}/" not in text


@every_page
def test_an_object_of_another_tenant_is_not_there(
    page: BackofficeAdmin, tenant: Tenant, other_tenant: Tenant, browser_of: Callable[..., Client]
) -> None:
    row = a_row(page.model, other_tenant)
    browser = browser_of(tenant)
    for path in (page.object_path(row.pk), page.object_path(new_id()), page.object_path("nonsense")):
        assert browser.get(path).status_code in (302, 404)
    for button in page.buttons.values():
        if button.on == "object":
            assert browser.post(page.button_path(button, row), {"reason": "x"}).status_code == 404


@every_role
@every_page
def test_a_button_is_refused_without_its_scope(
    page: BackofficeAdmin, role: Role, tenant: Tenant, browser_of: Callable[..., Client]
) -> None:
    browser = browser_of(tenant, role=role)
    row = a_row(page.model, tenant, user=_user(browser))
    for button in page.buttons.values():
        path = page.button_path(button, row if button.on == "object" else None)
        may = covers(ROLE_SCOPES[role], button.scope) and covers(ROLE_SCOPES[role], f"{page.area}:read")
        for answer in (browser.get(path), browser.post(path, {})):
            assert (answer.status_code == 403) is (not may), f"{button.name}: {answer.status_code}"
            assert answer.status_code < 500


@every_page
def test_nothing_is_edited_in_place_or_deleted(
    page: BackofficeAdmin, tenant: Tenant, browser_of: Callable[..., Client]
) -> None:
    browser = browser_of(tenant)
    row = a_row(page.model, tenant, user=_user(browser))
    path = page.object_path(row.pk)
    assert browser.post(path, {"name": "x"}).status_code == 403
    assert browser.post(path.replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
    assert browser.get(path.replace("/change/", "/delete/")).status_code == 403
    assert browser.post(path.replace(f"{row.pk}/change/", "add/"), {}).status_code == 403
    listed = browser.post(page.list_path(), {"action": "delete_selected", "_selected_action": str(row.pk)})
    assert listed.status_code in (200, 302, 403)
    assert browser.get(path).status_code == 200


@every_page
def test_a_list_takes_few_queries_however_long_it_is(
    page: BackofficeAdmin, tenant: Tenant, browser_of: Callable[..., Client], django_assert_max_num_queries: Any
) -> None:
    browser = browser_of(tenant)
    for _ in range(1 if page.singleton else 6):
        a_row(page.model, tenant, user=_user(browser))
    browser.get(page.list_path())
    # Two of them only exist in tests, where the transaction is inside another.
    with django_assert_max_num_queries(13):
        assert browser.get(page.list_path()).status_code in (200, 302)


@every_page
def test_a_list_of_several_pages_shows_each_row_once(
    page: BackofficeAdmin, tenant: Tenant, browser_of: Callable[..., Client], monkeypatch: Any
) -> None:
    if page.singleton:
        return
    browser = browser_of(tenant)
    for _ in range(5):
        a_row(page.model, tenant, user=_user(browser))
    monkeypatch.setattr(type(page), "list_per_page", 2)
    shown: list[Any] = []
    for number in (1, 2, 3):
        answer = browser.get(f"{page.list_path()}?p={number}")
        shown += [row.pk for row in answer.context["cl"].result_list] if answer.status_code == 200 else []
    assert len(shown) == len(set(shown)) >= 3
    assert browser.get(f"{page.list_path()}?p=99999").status_code == 302


def test_only_columns_that_say_how_are_sortable(tenant: Tenant, browser_of: Callable[..., Client]) -> None:
    browser, request = browser_of(tenant), RequestFactory().get("/")
    for page in PAGES:
        for name in page.get_sortable_by(request):
            assert hasattr(getattr(type(page), name), "admin_order_field")
        if not page.singleton:
            assert browser.get(f"{page.list_path()}?o=-1.2").status_code == 200


def test_the_list_of_scopes_covers_all_roles() -> None:
    assert set(ROLE_SCOPES) == set(Role)
    assert ROLE_SCOPES[Role.OWNER] == {ALL}


def test_button_methods_take_one_press() -> None:
    for page in PAGES:
        for button in page.buttons.values():
            assert list(inspect.signature(button.run).parameters) == ["self", "press"], f"{page}.{button.name}"


def _user(browser: Client) -> Any:
    from tenants.models import User

    return User.objects.get(pk=browser.session["_auth_user_id"])
