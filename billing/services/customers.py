"""Creating, changing, finding and deleting customers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, IntegrityError, transaction

from billing.errors import CustomerErased, CustomerExists, CustomerInUse, CustomerMismatch
from billing.events import CUSTOMER_CREATED
from billing.models import Customer
from billing.models.customer import EXTERNAL_ID_UNIQUE
from billing.representations import customer_body
from billing.selectors import (
    customers,
    find_customer_by_external_id,
    get_customer,
    hold_customer,
    lock_customer,
)
from billing.services.vat_numbers import follow_vat_number, status_offline
from common.constraints import violated_constraint, violated_table
from common.metadata import merged_metadata
from events.domain import DomainEvent
from events.publishing import publish
from tenants.registries import reasons_in_use


@dataclass(frozen=True, slots=True)
class CustomerDetails:
    """What a request about something else says of the customer. It fills what is empty and overwrites nothing."""

    name: str | None = None
    email: str | None = None
    address: Mapping[str, str | None] | None = None
    vat_id: str | None = None
    locale: str | None = None


def create_customer(
    *, tenant_id: UUID, at: dt.datetime, trace_id: str = "", external_id: str | None = None, name: str | None = None,
    email: str | None = None, currency: str | None = None, locale: str | None = None,
    address: Mapping[str, str | None] | None = None, vat_id: str | None = None, tax_exempt: bool = False,
    tax_ids: Sequence[Mapping[str, str]] | None = None, tax_exemption: Mapping[str, str | None] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Customer:  # fmt: skip
    """A new customer; publishes `customer.created`. Raises `CustomerExists` when the external id is taken.

    `tax_ids` are the numbers beside the European one; `tax_exemption` is a certificate in the spelling of the API.
    """
    customer = Customer(
        tenant_id=tenant_id, external_id=external_id, name=name, email=email, currency=currency, locale=locale,
        address=address, vat_id=vat_id, vat_status=status_offline(vat_id), tax_exempt=tax_exempt,
        tax_ids=tax_ids, tax_exemption=tax_exemption,
        metadata=dict(metadata or {}), created_at=at, updated_at=at,
    )  # fmt: skip
    try:
        with transaction.atomic():
            customer.save(force_insert=True)
    except IntegrityError as refused:
        if violated_constraint(refused) != EXTERNAL_ID_UNIQUE:
            raise
        raise CustomerExists() from refused
    follow_vat_number(customer, at=at)
    _announce(customer, at=at, trace_id=trace_id)
    return customer


def update_customer(*, tenant_id: UUID, customer_id: UUID, at: dt.datetime, changes: Mapping[str, Any]) -> Customer:
    """The customer with `changes` (by column; None clears) applied; `metadata` is merged, its nulls remove.

    Raises `NotFound`, `CustomerErased`, and `InvalidRequest` when the merged metadata are too many. A new VAT number is
    unverified again, or invalid where its check digits are wrong.
    """
    customer = lock_customer(tenant_id=tenant_id, customer_id=customer_id)
    if customer.erased_at is not None:
        raise CustomerErased()
    changed = dict(changes)
    if "metadata" in changed:
        changed["metadata"] = merged_metadata(customer.metadata, changed["metadata"])
    if "vat_id" in changed and changed["vat_id"] != customer.vat_id:
        changed["vat_status"] = status_offline(changed["vat_id"])
    return _save(customer, changed, at=at)


def delete_customer(*, tenant_id: UUID, customer_id: UUID) -> None:
    """Remove a customer that nothing refers to. Raises `NotFound`, and `CustomerInUse` with the reasons.

    Higher apps say through the in-use guards why they hold a customer; what none of them explains, the foreign keys
    still refuse.
    """
    lock_customer(tenant_id=tenant_id, customer_id=customer_id)
    reasons = reasons_in_use("customer", tenant_id=tenant_id, object_id=customer_id)
    if reasons:
        raise CustomerInUse(reasons)
    try:
        with transaction.atomic():
            # One statement: the foreign keys know every table that refers here, Django would ask each of them first.
            customers(tenant_id=tenant_id).filter(id=customer_id)._raw_delete(using=DEFAULT_DB_ALIAS)
    except IntegrityError as refused:
        raise CustomerInUse([f"{_plural(violated_table(refused))} refer to it"]) from refused


def resolve_customer(
    *, tenant_id: UUID, at: dt.datetime, external_id: str | None = None, customer_id: UUID | None = None,
    details: CustomerDetails | None = None, trace_id: str = "",
) -> Customer:  # fmt: skip
    """The customer that a document names, by id or by external id; an unknown external id creates the customer.

    `details` fill the customer's empty fields. Of concurrent creations under one external id one makes the row and the
    others wait for it and use it. Raises `NotFound` (path `customerId`), `CustomerMismatch` when both names are given
    and differ, `CustomerErased`, and ValueError when neither is given.
    """
    details = details or CustomerDetails()
    if customer_id is not None:
        hold_customer(tenant_id=tenant_id, customer_id=customer_id)
        customer = get_customer(tenant_id=tenant_id, customer_id=customer_id, path="customerId")
        if external_id is not None and customer.external_id != external_id:
            raise CustomerMismatch()
    elif external_id is not None:
        known = find_customer_by_external_id(tenant_id=tenant_id, external_id=external_id)
        while known is None or hold_customer(tenant_id=tenant_id, customer_id=known.id) != known.version:
            # Unknown, or deleted, changed or erased since it was found.
            known, created = _find_or_create(
                tenant_id=tenant_id, external_id=external_id, details=details, at=at, trace_id=trace_id
            )
            if created:
                return known
        customer = known
    else:
        raise ValueError("A customer is named by its id or by its external id.")
    if customer.erased_at is not None:
        raise CustomerErased()
    return _fill_empty(customer, details, at=at)


def preview_customer(
    *, tenant_id: UUID, at: dt.datetime, external_id: str | None = None, customer_id: UUID | None = None,
    details: CustomerDetails | None = None,
) -> tuple[Customer, bool]:  # fmt: skip
    """The customer as `resolve_customer` would leave it, and whether it exists; nothing is written or held.

    Raises what `resolve_customer` raises.
    """
    details = details or CustomerDetails()
    if customer_id is not None:
        customer = get_customer(tenant_id=tenant_id, customer_id=customer_id, path="customerId")
        if external_id is not None and customer.external_id != external_id:
            raise CustomerMismatch()
    elif external_id is not None:
        known = find_customer_by_external_id(tenant_id=tenant_id, external_id=external_id)
        if known is None:
            return _new_customer(tenant_id=tenant_id, external_id=external_id, details=details, at=at), False
        customer = known
    else:
        raise ValueError("A customer is named by its id or by its external id.")
    if customer.erased_at is not None:
        raise CustomerErased()
    for name, value in _filling(customer, details).items():
        setattr(customer, name, value)
    return customer, True


def _find_or_create(
    *, tenant_id: UUID, external_id: str, details: CustomerDetails, at: dt.datetime, trace_id: str
) -> tuple[Customer, bool]:
    """The customer of the external id and whether it was made here. A concurrent creation is waited for."""
    wanted = _new_customer(tenant_id=tenant_id, external_id=external_id, details=details, at=at)
    while True:
        # ON CONFLICT DO NOTHING leaves the caller's transaction usable, unlike a unique violation, without a savepoint.
        Customer.objects.bulk_create([wanted], ignore_conflicts=True)
        # A statement of its own, because only a later snapshot sees the row that the conflict was with.
        row = find_customer_by_external_id(tenant_id=tenant_id, external_id=external_id)
        if row is not None:
            break  # else it was deleted between the two statements
    if row.id != wanted.id:
        return row, False
    follow_vat_number(row, at=at)
    _announce(row, at=at, trace_id=trace_id)
    return row, True


def _fill_empty(customer: Customer, details: CustomerDetails, *, at: dt.datetime) -> Customer:
    if not _missing(customer, details):
        return customer
    customer = lock_customer(tenant_id=customer.tenant_id, customer_id=customer.id)
    if customer.erased_at is not None:
        raise CustomerErased()
    return _save(customer, _filling(customer, details), at=at)


def _new_customer(*, tenant_id: UUID, external_id: str, details: CustomerDetails, at: dt.datetime) -> Customer:
    return Customer(
        tenant_id=tenant_id, external_id=external_id, vat_status=status_offline(details.vat_id), created_at=at,
        updated_at=at, **asdict(details),
    )  # fmt: skip


def _filling(customer: Customer, details: CustomerDetails) -> dict[str, Any]:
    """The columns that `details` fill."""
    missing = _missing(customer, details)
    if "vat_id" in missing:
        missing["vat_status"] = status_offline(missing["vat_id"])
    return missing


def _missing(customer: Customer, details: CustomerDetails) -> dict[str, Any]:
    """The given details that the customer does not have yet."""
    return {
        name: value for name, value in asdict(details).items() if value is not None and getattr(customer, name) is None
    }


def _save(customer: Customer, changes: Mapping[str, Any], *, at: dt.datetime) -> Customer:
    """Write what really differs. The version is the database's: the trigger counts, the row in hand follows it."""
    differing = {name: value for name, value in changes.items() if getattr(customer, name) != value}
    if not differing:
        return customer
    for name, value in differing.items():
        setattr(customer, name, value)
    customer.updated_at = at
    customer.save(update_fields=[*differing, "updated_at"])
    customer.version += 1
    if "vat_id" in differing:
        follow_vat_number(customer, at=at, changed=True)
    return customer


def _plural(table: str | None) -> str:
    """What the rows of a table are called."""
    names = {model._meta.db_table: str(model._meta.verbose_name_plural) for model in apps.get_models()}
    return names.get(table or "", "other objects")


def _announce(customer: Customer, *, at: dt.datetime, trace_id: str) -> None:
    publish(
        DomainEvent(
            type=CUSTOMER_CREATED, object_type="customer", object_id=customer.id,
            data=customer_body(customer, balance=0), occurred_at=at,
        ),
        tenant_id=customer.tenant_id,
        trace_id=trace_id,
    )  # fmt: skip
