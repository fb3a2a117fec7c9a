"""Claims about finding, creating and deleting customers in the domain."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from billing.errors import CustomerErased, CustomerExists, CustomerInUse, CustomerMismatch
from billing.models import Customer
from billing.services.customers import (
    CustomerDetails,
    create_customer,
    delete_customer,
    resolve_customer,
    update_customer,
)
from billing.services.erasing import erase_customers
from billing.services.payments import record_manual_payment
from common.errors import NotFound
from common.ids import new_id
from events.models import Event
from tenants.models import AuditEntry, Tenant
from tenants.registries import in_use_guards
from tenants.scope import tenant_scope

LATER = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
DETAILS = CustomerDetails(
    name="Ada GmbH", email="ada@example.com", address={"city": "Bern"}, vat_id="DE811907980", locale="de"
)


@pytest.fixture
def guard() -> Iterator[list[str]]:
    """An in-use guard of a higher app that gives the reasons put into this list."""
    reasons: list[str] = []

    def why(*, tenant_id: UUID, object_id: UUID) -> str | None:
        return "; ".join(reasons) or None

    in_use_guards.register("tests", why, entity="customer")
    yield reasons
    in_use_guards.unregister("tests", entity="customer")


def test_an_unknown_external_id_creates_the_customer_with_the_details(scope: Tenant, at: dt.datetime) -> None:
    customer = resolve_customer(tenant_id=scope.id, at=at, external_id="user-1", details=DETAILS)
    stored = Customer.objects.get()
    assert stored.id == customer.id
    assert (stored.external_id, stored.name, stored.vat_status) == ("user-1", "Ada GmbH", "unverified")
    assert stored.created_at == at
    assert [event.type for event in Event.objects.all()] == ["customer.created"]


def test_a_known_external_id_finds_the_same_customer_again(scope: Tenant, at: dt.datetime) -> None:
    first = resolve_customer(tenant_id=scope.id, at=at, external_id="user-1")
    again = resolve_customer(tenant_id=scope.id, at=LATER, external_id="user-1")
    assert again.id == first.id
    assert Customer.objects.get().updated_at == at


def test_details_fill_empty_fields_and_overwrite_none(scope: Tenant, at: dt.datetime) -> None:
    create_customer(tenant_id=scope.id, at=at, external_id="user-1", name="Old name", address={"city": "Rom"})
    customer = resolve_customer(tenant_id=scope.id, at=LATER, external_id="user-1", details=DETAILS)
    stored = Customer.objects.get()
    assert (stored.name, stored.address, stored.email) == ("Old name", {"city": "Rom"}, "ada@example.com")
    assert (stored.vat_id, stored.vat_status, stored.locale) == ("DE811907980", "unverified", "de")
    assert stored.updated_at == LATER
    assert stored.version == customer.version == 2
    other = CustomerDetails(
        name="Other", email="other@example.com", vat_id="FR1", locale="fr", address={"city": "Paris"}
    )
    resolve_customer(tenant_id=scope.id, at=LATER, customer_id=customer.id, details=other)
    assert Customer.objects.get().version == 2
    assert Customer.objects.get().name == "Old name"


def test_an_unknown_id_is_not_found_and_names_its_path(scope: Tenant, at: dt.datetime) -> None:
    with pytest.raises(NotFound) as refused:
        resolve_customer(tenant_id=scope.id, at=at, customer_id=new_id())
    assert [problem.path for problem in refused.value.details] == ["customerId"]


def test_both_names_must_be_of_the_same_customer(scope: Tenant, at: dt.datetime) -> None:
    one = create_customer(tenant_id=scope.id, at=at, external_id="user-1")
    create_customer(tenant_id=scope.id, at=at, external_id="user-2")
    nameless = create_customer(tenant_id=scope.id, at=at)
    same = resolve_customer(tenant_id=scope.id, at=at, customer_id=one.id, external_id="user-1")
    assert same.id == one.id
    for customer, external_id in ((one, "user-2"), (one, "user-3"), (nameless, "user-1")):
        with pytest.raises(CustomerMismatch):
            resolve_customer(tenant_id=scope.id, at=at, customer_id=customer.id, external_id=external_id)
    assert Customer.objects.count() == 3


def test_a_customer_without_any_name_is_a_mistake_of_the_caller(scope: Tenant, at: dt.datetime) -> None:
    with pytest.raises(ValueError):
        resolve_customer(tenant_id=scope.id, at=at)


def test_an_erased_customer_is_billed_no_more(scope: Tenant, at: dt.datetime) -> None:
    customer = create_customer(tenant_id=scope.id, at=at, external_id="user-1")
    erase_customers(customer_ids=[customer.id], at=at)
    with pytest.raises(CustomerErased):
        resolve_customer(tenant_id=scope.id, at=at, customer_id=customer.id)
    # The name says nothing of who bore it: it is that of another customer now.
    assert resolve_customer(tenant_id=scope.id, at=at, external_id="user-1", details=DETAILS).id != customer.id


def test_a_refused_creation_leaves_the_transaction_usable(scope: Tenant, at: dt.datetime) -> None:
    create_customer(tenant_id=scope.id, at=at, external_id="user-1")
    with pytest.raises(CustomerExists):
        create_customer(tenant_id=scope.id, at=at, external_id="user-1")
    assert Customer.objects.count() == 1


def test_another_tenants_customer_is_never_found(scope: Tenant, other_tenant: Tenant, at: dt.datetime) -> None:
    customer = create_customer(tenant_id=scope.id, at=at, external_id="user-1")
    with tenant_scope(other_tenant.id):
        with pytest.raises(NotFound):
            resolve_customer(tenant_id=other_tenant.id, at=at, customer_id=customer.id)
        with pytest.raises(NotFound):
            update_customer(tenant_id=other_tenant.id, customer_id=customer.id, at=at, changes={"name": "Eve"})
        with pytest.raises(NotFound):
            delete_customer(tenant_id=other_tenant.id, customer_id=customer.id)
        theirs = resolve_customer(tenant_id=other_tenant.id, at=at, external_id="user-1")
    assert theirs.id != customer.id


def test_a_guard_of_a_higher_app_keeps_a_customer_and_says_why(
    scope: Tenant, at: dt.datetime, guard: list[str]
) -> None:
    customer = create_customer(tenant_id=scope.id, at=at)
    guard.append("2 open invoices")
    with pytest.raises(CustomerInUse, match="2 open invoices") as refused:
        delete_customer(tenant_id=scope.id, customer_id=customer.id)
    assert (refused.value.status, refused.value.code) == (409, "customer_in_use")
    guard.clear()
    delete_customer(tenant_id=scope.id, customer_id=customer.id)
    assert not Customer.objects.exists()


def test_a_customer_that_ever_paid_is_kept(scope: Tenant, at: dt.datetime) -> None:
    customer = create_customer(tenant_id=scope.id, at=at)
    record_manual_payment(
        tenant_id=scope.id, customer_id=customer.id, amount=1, currency="EUR", method="cash", reference=None,
        paid_at=at, at=at,
    )  # fmt: skip
    with pytest.raises(CustomerInUse, match="payments refer to it"):
        delete_customer(tenant_id=scope.id, customer_id=customer.id)
    assert Customer.objects.count() == 1


def test_the_version_rises_with_each_change_also_with_raw_sql(scope: Tenant, at: dt.datetime) -> None:
    customer = create_customer(tenant_id=scope.id, at=at)
    changed = update_customer(tenant_id=scope.id, customer_id=customer.id, at=LATER, changes={"name": "Ada"})
    assert changed.version == Customer.objects.get().version == 2
    with connection.cursor() as cursor:
        cursor.execute("UPDATE billing_customer SET name = 'Raw'")
    assert Customer.objects.get().version == 3


def test_an_erased_customer_is_final_also_for_raw_sql(scope: Tenant, at: dt.datetime) -> None:
    customer = create_customer(tenant_id=scope.id, at=at, name="Ada")
    with pytest.raises(IntegrityError, match="only an eraser"), transaction.atomic():
        Customer.objects.update(name=None, erased_at=at)
    erase_customers(customer_ids=[customer.id], at=at)
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        Customer.objects.update(name="Back again")


def test_each_change_is_in_the_audit_trail_with_its_difference(scope: Tenant, at: dt.datetime) -> None:
    customer = create_customer(tenant_id=scope.id, at=at, name="Ada")
    update_customer(tenant_id=scope.id, customer_id=customer.id, at=LATER, changes={"name": "Eve"})
    delete_customer(tenant_id=scope.id, customer_id=customer.id)
    entries = list(AuditEntry.objects.filter(entity_id=customer.id).order_by("id"))
    assert [entry.action for entry in entries] == ["customer.created", "customer.updated", "customer.deleted"]
    assert (entries[1].before, entries[1].after) == ({"name": "Ada"}, {"name": "Eve"})


@pytest.mark.parametrize(
    "columns",
    [{"external_id": ""}, {"currency": "eur"}, {"vat_status": "good", "vat_id": "DE1"}, {"vat_status": "valid"}],
)
def test_the_database_refuses_what_makes_no_sense(scope: Tenant, at: dt.datetime, columns: dict[str, Any]) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Customer.objects.create(tenant_id=scope.id, created_at=at, updated_at=at, **columns)


@pytest.mark.django_db(transaction=True)
def test_concurrent_resolutions_of_one_external_id_share_one_row(
    tenant: Tenant, at: dt.datetime, at_once: Callable[..., list[Any]]
) -> None:
    def resolve() -> UUID:
        with tenant_scope(tenant.id):
            return resolve_customer(tenant_id=tenant.id, at=at, external_id="user-1", details=DETAILS).id

    for _ in range(3):
        found = at_once(*[resolve] * 8)
        assert len(set(found)) == 1, found
    with tenant_scope(tenant.id):
        assert Customer.objects.count() == 1
        assert Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_resolution_that_waited_for_one_that_failed_creates_the_customer_itself(
    tenant: Tenant, at: dt.datetime, at_once: Callable[..., list[Any]]
) -> None:
    class Failed(Exception):
        """What happens after the customer was made."""

    def fail() -> None:
        with tenant_scope(tenant.id):
            resolve_customer(tenant_id=tenant.id, at=at, external_id="user-1")
            raise Failed

    def resolve() -> UUID:
        with tenant_scope(tenant.id):
            return resolve_customer(tenant_id=tenant.id, at=at, external_id="user-1").id

    results = at_once(fail, resolve, fail, resolve)
    with tenant_scope(tenant.id):
        assert [Customer.objects.get().id] * 2 == [results[1], results[3]]


@pytest.mark.django_db(transaction=True)
def test_of_concurrent_creations_under_one_external_id_one_wins(
    tenant: Tenant, at: dt.datetime, at_once: Callable[..., list[Any]]
) -> None:
    def create() -> UUID:
        with tenant_scope(tenant.id):
            return create_customer(tenant_id=tenant.id, at=at, external_id="user-1").id

    results = at_once(*[create] * 6)
    assert sum(isinstance(result, UUID) for result in results) == 1
    assert sum(isinstance(result, CustomerExists) for result in results) == 5


@pytest.mark.django_db(transaction=True)
def test_concurrent_merges_of_metadata_lose_nothing(
    tenant: Tenant, at: dt.datetime, at_once: Callable[..., list[Any]]
) -> None:
    with tenant_scope(tenant.id):
        customer = create_customer(tenant_id=tenant.id, at=at)

    def change(key: str) -> Callable[[], None]:
        def run() -> None:
            with tenant_scope(tenant.id):
                update_customer(
                    tenant_id=tenant.id, customer_id=customer.id, at=at, changes={"metadata": {key: "x"}}
                )  # fmt: skip

        return run

    assert at_once(*[change(f"k{number}") for number in range(8)]) == [None] * 8
    with tenant_scope(tenant.id):
        assert len(Customer.objects.get().metadata) == 8


@pytest.mark.django_db(transaction=True)
def test_a_payment_and_a_deletion_at_once_never_leave_a_payment_without_customer(
    tenant: Tenant, at: dt.datetime, at_once: Callable[..., list[Any]]
) -> None:
    for _ in range(5):
        with tenant_scope(tenant.id):
            customer = create_customer(tenant_id=tenant.id, at=at)

        def pay(customer_id: UUID = customer.id) -> None:
            with tenant_scope(tenant.id):
                record_manual_payment(
                    tenant_id=tenant.id, customer_id=customer_id, amount=1, currency="EUR", method="cash",
                    reference=None, paid_at=at, at=at,
                )  # fmt: skip

        def delete(customer_id: UUID = customer.id) -> None:
            with tenant_scope(tenant.id):
                delete_customer(tenant_id=tenant.id, customer_id=customer_id)

        paid, deleted = at_once(pay, delete)
        assert (paid is None) != (deleted is None), (paid, deleted)
        assert isinstance(paid, IntegrityError) or isinstance(deleted, CustomerInUse)
