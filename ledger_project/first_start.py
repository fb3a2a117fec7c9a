"""The first start of a development instance: the tenant `demo`, an administrator and a service key."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from common.clock import SystemClock
from common.ids import encode_id
from common.prefixes import TENANT
from ledger_project.supervisor.home import write_private
from tenants.context import system_context
from tenants.enums import Role
from tenants.scope import tenant_scope
from tenants.selectors import all_tenants, find_user
from tenants.services.service_keys import create_service_key
from tenants.services.settings import update_settings
from tenants.services.staff import add_membership, create_user
from tenants.services.tenants import create_tenant

SLUG = "demo"
ADMIN_EMAIL = "admin@example.com"
# What an invoice shows of its seller: an example, to be replaced in the settings.
SAMPLE_SETTINGS: Final[dict[str, Any]] = {
    "legal_name": "Demo Ltd",
    "address": {
        "line1": "1 Mill Lane",
        "line2": None,
        "city": "London",
        "region": None,
        "postalCode": "EC1A 1AA",
        "country": "GB",
    },
    "payment_instructions": "IBAN GB33 BUKB 2020 1555 5555 55, BIC BUKBGB22, Example Bank",
}


def create_first_tenant(credentials_file: Path) -> dict[str, str] | None:
    """The credentials of a new tenant, or None when it exists already.

    The file (mode 600) is written before anything is committed. So a start that was interrupted leaves either no
    tenant, or one whose credentials are known.
    """
    if SLUG in {slug for _tenant_id, slug in all_tenants()}:
        return None
    at = SystemClock().now()
    password = secrets.token_urlsafe(18)
    with transaction.atomic():
        tenant = create_tenant(slug=SLUG, name="Demo", at=at)
        user = find_user(email=ADMIN_EMAIL)
        if user is None:
            user = create_user(email=ADMIN_EMAIL, name="Administrator", password=password, at=at)
        else:
            password = "(as it was)"  # noqa: S105 - the opposite of one
        with tenant_scope(system_context(tenant.id, "first_start")):
            update_settings(tenant_id=tenant.id, changes=SAMPLE_SETTINGS, at=at)
            add_membership(tenant_id=tenant.id, user_id=user.id, role=Role.OWNER, at=at)
            _key, secret = create_service_key(tenant_id=tenant.id, name="First key", scopes=["*"], at=at)
        credentials = {
            "baseUrl": settings.BASE_URL,
            "tenantId": encode_id(TENANT, tenant.id),
            "serviceKey": secret,
            "adminEmail": ADMIN_EMAIL,
            "adminPassword": password,
        }
        write_private(credentials_file, credentials)
    return credentials
