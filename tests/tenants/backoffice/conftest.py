"""Members of staff with a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from common.ids import new_id
from tenants.enums import Role
from tenants.models import Tenant, User
from tenants.scope import tenant_scope
from tenants.services.staff import add_membership, create_user
from tests.conftest import AT

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _no_second_factor(settings: Any) -> None:
    """What a second factor changes is claimed in `test_second_factor`."""
    settings.REQUIRE_MFA = False
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def make_member(db: None) -> Callable[..., User]:
    """Makes a user with a role in some tenants: `make_member(tenant, role=Role.MEMBER)`."""

    def make(*tenants: Tenant, role: Role = Role.OWNER, password: str | None = None) -> User:
        user = create_user(email=f"{new_id().hex}@example.com", name="Ada Lovelace", password=password, at=AT)
        for tenant in tenants:
            with tenant_scope(tenant.id):
                add_membership(tenant_id=tenant.id, user_id=user.pk, role=role, at=AT)
        return user

    return make


@pytest.fixture
def browser_of(make_member: Callable[..., User]) -> Callable[..., Client]:
    """Makes signed-in browsers: `browser_of(tenant, role=Role.READ_ONLY)`."""

    def make(*tenants: Tenant, role: Role = Role.OWNER) -> Client:
        browser = Client()
        browser.force_login(make_member(*tenants, role=role))
        return browser

    return make


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:
    """An owner of `tenant`."""
    return browser_of(tenant)
