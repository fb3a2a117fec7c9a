"""Claims about grants of customers who are erased: words go, amounts stay."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounting.models import Account, Grant, JournalEntry
from billing.errors import CustomerHeld
from common.ids import decode_id
from common.prefixes import CUSTOMER, GRANT
from invoicing.services.anonymising import anonymise_customer
from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope
from tenants.services.erasure import remaining_traces
from tests.billing.test_credit_api import customer, grant, in_hours, made
from tests.clients import Api
from tests.invoicing.anonymised import clocks, real

pytestmark = pytest.mark.django_db(transaction=True)


def erase(tenant: Tenant, owner: str) -> Any:
    return anonymise_customer(
        tenant_id=tenant.id, customer_id=decode_id(CUSTOMER, owner), actor="tests", clocks=clocks()
    )  # fmt: skip


def revoked(api: Api, owner: str, **fields: Any) -> str:
    body = made(grant(api, owner, metadata={"who": "Ada"}, **fields))
    made(api.post(f"/api/grants/{body['id']}/revoke", {"reason": "Ada said so"}), 200)
    return str(body["id"])


def test_the_metadata_of_grants_go_with_the_customer_and_the_amounts_stay(api: Api, tenant: Tenant) -> None:
    owner = customer(api, name="Ada")
    identity = revoked(api, owner)
    erase(tenant, owner)
    with tenant_scope(tenant.id):
        kept = Grant.objects.get(id=decode_id(GRANT, identity))
        assert (kept.metadata, kept.amount, kept.status) == ({}, 100, "revoked")
        assert set(JournalEntry.objects.values_list("description", flat=True)) == {None}
        trail = AuditEntry.objects.filter(entity_id=kept.id)
        assert trail.exists()
        assert not [entry for entry in trail if "Ada" in f"{entry.before} {entry.after} {entry.reason}"]
        assert Account.objects.get(is_wallet=True).status == "closed"
        assert not any(remaining_traces(tenant_id=tenant.id, now=real()).values())


def test_a_customer_with_a_grant_to_come_is_not_erased(api: Api, tenant: Tenant) -> None:
    owner = customer(api, name="Ada")
    made(grant(api, owner, effectiveAt=in_hours(1)))
    with pytest.raises(CustomerHeld, match="grants to come"):
        erase(tenant, owner)


def test_only_erasing_empties_the_metadata_of_a_grant(api: Api, tenant: Tenant) -> None:
    revoked(api, customer(api))
    with tenant_scope(tenant.id), pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.update(metadata={})
