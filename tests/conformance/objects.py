"""One object of each kind that has an id of its own, made for the tests that walk the document.

A new kind of object is added here and nowhere else: its collection in the path, and what makes one.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from common import prefixes
from common.ids import encode_id, new_id
from tenants.models import Job, Tenant
from tenants.scope import tenant_scope
from tests.clients import Api
from tests.conformance.contract import Route

AT = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Owner:
    """A tenant that owns objects, and its caller with every scope."""

    tenant: Tenant
    api: Api

    def create(self, path: str, body: dict[str, Any]) -> str:
        """Make an object through the API; its id."""
        answer = self.api.post(path, body)
        assert answer.status_code == 201, answer.content
        created: str = answer.json()["id"]
        return created


def make_job(owner: Owner) -> str:
    """A queued job; jobs are made by services only."""
    with tenant_scope(owner.tenant.id):
        job = Job.objects.create(tenant_id=owner.tenant.id, kind="export", created_at=AT, updated_at=AT)
    return encode_id(prefixes.JOB, job.id)


def make_customer(owner: Owner) -> str:
    """A customer with an external id."""
    return owner.create("/api/customers", {"name": "Ada", "email": "ada@example.org", "externalId": str(new_id())})


def make_product(owner: Owner) -> str:
    """A one-time product."""
    return owner.create("/api/products", {"name": "Consulting", "type": "one_time", "price": 100, "currency": "EUR"})


def _invoice(**more: Any) -> dict[str, Any]:
    return {"userId": "ada", "items": [{"description": "Consulting", "unitPrice": 100}], **more}


def make_draft(owner: Owner) -> str:
    """A draft invoice."""
    return owner.create("/api/invoices", _invoice(draft=True))


def make_invoice(owner: Owner) -> str:
    """A pending invoice."""
    return owner.create("/api/invoices", _invoice())


# What the first path segment after /api/ collects, for routes with an id in their path.
COLLECTIONS: Mapping[str, str] = {
    "customers": prefixes.CUSTOMER,
    "invoices": prefixes.INVOICE,
    "jobs": prefixes.JOB,
    "products": prefixes.PRODUCT,
}
# What makes objects of a kind: one of each state that matters.
FACTORIES: Mapping[str, tuple[Callable[[Owner], str], ...]] = {
    prefixes.CUSTOMER: (make_customer,),
    prefixes.INVOICE: (make_invoice, make_draft),
    prefixes.JOB: (make_job,),
    prefixes.PRODUCT: (make_product,),
    prefixes.SUBSCRIPTION: (),  # named by filters already; nothing makes one yet
}
# Bodies that pass the validation where the smallest one that the schema allows does not: fields depend on each other.
BODIES: Mapping[str, dict[str, Any]] = {
    "POST /api/invoices": _invoice(),
    "POST /api/products": {"name": "Consulting", "type": "one_time"},
}


def path_prefix(route: Route) -> str:
    """The id prefix of the one parameter in the route's path. Raises LookupError when it is not known here."""
    names = re.findall(r"{(\w+)}", route.path)
    collection = route.path.split("/")[2]
    if len(names) != 1 or collection not in COLLECTIONS:
        raise LookupError(f"{route}: name its objects in {__name__}.COLLECTIONS and what makes them in FACTORIES")
    return COLLECTIONS[collection]


def objects_of(prefix: str, owner: Owner) -> list[str]:
    """New objects of a kind, one of each state that matters. Raises LookupError for a kind without a factory."""
    if prefix not in FACTORIES:
        raise LookupError(f"Add what makes a {prefix}_… to {__name__}.FACTORIES")
    return [make(owner) for make in FACTORIES[prefix]]


_turns = itertools.count()


def one_object_of(prefix: str, owner: Owner) -> list[str]:
    """A new object of a kind, of each state in turn; empty for a kind that nothing makes yet."""
    makers = FACTORIES[prefix]
    return [makers[next(_turns) % len(makers)](owner)] if makers else []


def missing_id(prefix: str) -> str:
    """An id that no object has."""
    return encode_id(prefix, new_id())
