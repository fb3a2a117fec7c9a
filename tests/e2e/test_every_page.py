"""Every page of the back office in Chromium, for each role: it opens or refuses, and no script of it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page

from tenants.backoffice.site import backoffice
from tenants.backoffice.urls import load_pages
from tenants.enums import Role
from tenants.models import Tenant, User
from tenants.scope import tenant_scope
from tenants.scopes import ROLE_SCOPES, covers
from tenants.services.staff import add_membership, create_user
from tests.conftest import AT
from tests.e2e.conftest import DESKTOP
from tests.tenants.backoffice.rows import a_row

load_pages()


@pytest.mark.parametrize("role", list(Role))
def test_every_list_object_button_and_report_opens_for_the_roles_that_may_see_it(
    role: Role, page: Page, live_server: Any, make_tenant: Callable[..., Tenant], settings: Any
) -> None:
    settings.REQUIRE_MFA = False
    tenant = make_tenant("nordlicht", "Nordlicht Software GmbH")
    user: User = create_user(email="mina@nordlicht.example.com", name="Mina Harker", at=AT)
    with tenant_scope(tenant.id):
        add_membership(tenant_id=tenant.id, user_id=user.pk, role=role, at=AT)
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    for one in backoffice._registry.values():
        row = a_row(one.model, tenant, user=user)
        reads = covers(ROLE_SCOPES[role], f"{one.area}:read")
        addresses = {one.list_path(): reads, one.object_path(row.pk): reads}
        for button in one.buttons.values():
            offered = button.shown is None or button.on == "list" or button.shown(row)
            if offered:
                path = one.button_path(button, row if button.on == "object" else None)
                addresses[path] = reads and covers(ROLE_SCOPES[role], button.scope)
        for path, allowed in addresses.items():
            opens(page, path, allowed=allowed)
    for report in backoffice.reports.values():
        about = None if report.of is None else a_row(report.of, tenant, user=user)
        opens(page, report.list_path(about), allowed=covers(ROLE_SCOPES[role], f"{report.area}:read"))


def opens(page: Page, path: str, *, allowed: bool) -> None:
    """The page opens or refuses, and nobody scrolls sideways."""
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == (200 if allowed else 403), f"{path}: {answer.status}"
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= DESKTOP[0], f"{path} is wider than the window"
