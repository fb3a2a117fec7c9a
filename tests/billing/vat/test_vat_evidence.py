"""Claims about the evidence: the database keeps it as it is, for its tenant alone, until the person is erased."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from billing.models import Customer, VatCheck, VatVerification
from billing.services.customers import create_customer, delete_customer
from billing.services.vat_checks import verify_vat_number
from common.ids import encode_id
from common.prefixes import CUSTOMER
from invoicing.services.anonymising import anonymise_customer
from tenants.context import system_context
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.services.erasure import remaining_traces
from tests.billing.vat.conftest import NUMBER
from tests.billing.vat.fake_vies import IDENTIFIER, FakeVies, refusal
from tests.billing.vat.test_verify_vat_api import during
from tests.clients import Api
from tests.conftest import AT
from tests.invoicing.anonymised import clocks, real

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def checked(api: Api, tenant: Tenant, vies: FakeVies) -> Customer:
    api.patch("/api/settings", {"vatId": "DE811907980"})
    with tenant_scope(tenant.id):
        customer = create_customer(tenant_id=tenant.id, at=AT, name="Ada", vat_id=NUMBER)
    verify_vat_number(context=system_context(tenant.id, "tests"), customer_id=customer.id, at=AT, now=AT)
    return customer


@pytest.mark.parametrize(
    "change",
    [
        {"status": "invalid"}, {"number": None}, {"number": None, "name": None, "address": None}, {"checked_at": AT},
        {"error": "x", "status": "unverified"}, {"request_identifier": None}, {"requester": None},
    ],
    ids=lambda change: "+".join(change),
)  # fmt: skip
def test_nobody_changes_a_check(tenant: Tenant, checked: Customer, change: dict[str, Any]) -> None:
    with tenant_scope(tenant.id), pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        VatCheck.objects.update(**change)


def test_nobody_deletes_a_check(tenant: Tenant, checked: Customer) -> None:
    with tenant_scope(tenant.id), pytest.raises(DatabaseError, match="never"), transaction.atomic():
        VatCheck.objects.all().delete()


def test_a_customer_whom_nothing_refers_to_is_deleted_with_the_checks(tenant: Tenant, checked: Customer) -> None:
    with tenant_scope(tenant.id):
        delete_customer(tenant_id=tenant.id, customer_id=checked.id)
    with tenant_scope(tenant.id):
        assert not VatCheck.objects.exists()
        assert not VatVerification.objects.exists()


def test_a_customer_with_an_invoice_is_kept_with_the_checks(api: Api, tenant: Tenant, checked: Customer) -> None:
    customer = encode_id(CUSTOMER, checked.id)
    items = [{"description": "Work", "unitPrice": 100}]
    assert api.post("/api/invoices", {"customerId": customer, "items": items}).status_code == 201
    assert api.delete(f"/api/customers/{customer}").json()["code"] == "customer_in_use"
    with tenant_scope(tenant.id):
        assert VatCheck.objects.count() == 1


def test_another_tenant_sees_no_check(tenant: Tenant, other_tenant: Tenant, checked: Customer) -> None:
    with tenant_scope(other_tenant.id):
        assert not VatCheck.objects.exists()
        assert not VatVerification.objects.exists()
        with pytest.raises(DatabaseError), transaction.atomic():
            VatCheck.objects.create(
                tenant_id=other_tenant.id, customer_id=checked.id, status="valid", source="vies", checked_at=AT
            )


@pytest.mark.parametrize(
    ("row", "constraint"),
    [
        ({"status": "valid", "source": "checksum"}, "vat_check_error_explains"),
        ({"status": "invalid", "source": "checksum"}, "vat_check_error_explains"),
        ({"status": "unverified", "source": "vies"}, "vat_check_error_explains"),
        ({"status": "valid", "source": "vies", "error": "x"}, "vat_check_error_explains"),
        ({"status": "good", "source": "vies"}, "vat_check_error_explains"),
        ({"status": "unverified", "source": "guess", "error": "x"}, "vat_check_source_known"),
        ({"status": "invalid", "source": "checksum", "error": "x", "name": "Ada"}, "vat_check_answer_is_of_vies"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value.values()),
)
def test_the_database_refuses_evidence_that_contradicts_itself(
    tenant: Tenant, checked: Customer, row: dict[str, Any], constraint: str
) -> None:
    with tenant_scope(tenant.id), pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        VatCheck.objects.create(tenant_id=tenant.id, customer_id=checked.id, checked_at=AT, **row)


def test_a_customer_is_due_once(tenant: Tenant, checked: Customer) -> None:
    with tenant_scope(tenant.id), pytest.raises(IntegrityError, match="vat_verification_once"), transaction.atomic():
        VatVerification.objects.create(tenant_id=tenant.id, customer_id=checked.id)


def test_erasing_takes_number_name_and_address_and_leaves_that_it_was_checked(
    api: Api, tenant: Tenant, checked: Customer, vies: FakeVies
) -> None:
    vies.usual = refusal("MS_UNAVAILABLE")
    verify_vat_number(context=system_context(tenant.id, "tests"), customer_id=checked.id, at=AT, now=AT)
    anonymise_customer(tenant_id=tenant.id, customer_id=checked.id, actor="tests", clocks=clocks())
    with tenant_scope(tenant.id):
        first, second = VatCheck.objects.order_by("id")
        assert (first.number, first.name, first.address) == (None, None, None)
        assert (first.status, first.source, first.checked_at, first.request_identifier, first.requester) == (
            "valid", "vies", AT, IDENTIFIER, "DE811907980",
        )  # fmt: skip
        assert (second.number, second.error) == (None, "vies_ms_unavailable")
        assert not VatVerification.objects.exists(), "nobody is asked any more"
        assert not any(remaining_traces(tenant_id=tenant.id, now=real()).values())
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            VatCheck.objects.update(name="Ada")
    answer = api.post(f"/api/customers/{encode_id(CUSTOMER, checked.id)}/verify-vat")
    assert (answer.status_code, answer.json()["code"]) == (409, "customer_erased")


def test_who_is_erased_while_vies_is_asked_leaves_no_trace(tenant: Tenant, vies: FakeVies) -> None:
    with tenant_scope(tenant.id):
        customer = create_customer(tenant_id=tenant.id, at=AT, name="Ada", vat_id=NUMBER)
    during(
        vies,
        lambda: anonymise_customer(tenant_id=tenant.id, customer_id=customer.id, actor="tests", clocks=clocks()),
    )
    verify_vat_number(context=system_context(tenant.id, "tests"), customer_id=customer.id, at=AT, now=AT)
    with tenant_scope(tenant.id):
        assert not VatCheck.objects.exists()
        assert Customer.objects.get().vat_status is None
        assert not any(remaining_traces(tenant_id=tenant.id, now=real()).values())
