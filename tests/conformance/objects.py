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

from accounting.models import Seal
from accounting.services.sealing import seal_tenant
from common import prefixes
from common.ids import encode_id, new_id
from tenants.models import Job, Tenant
from tenants.scope import tenant_scope
from tenants.services.tenants import create_application
from tests.accounting.elsewhere import wait_for_other_databases
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


def make_subscriber(owner: Owner) -> str:
    """A subscriber at an address that nobody has."""
    body = {"name": "Books", "url": "https://192.0.32.8/hooks"}
    return owner.create("/api/webhooks/subscribers", body)


def make_inactive_subscriber(owner: Owner) -> str:
    """One that is switched off."""
    body = {"name": "Off", "url": "https://192.0.32.8/hooks", "active": False}
    return owner.create("/api/webhooks/subscribers", body)


def make_delivery(owner: Owner) -> str:
    """A delivery that was not attempted yet: a test's."""
    answer = owner.api.post(f"/api/webhooks/subscribers/{make_subscriber(owner)}/test")
    assert answer.status_code == 202, answer.content
    made: str = answer.json()["id"]
    return made


def make_account(owner: Owner) -> str:
    """An account that may be overdrawn without bound."""
    return owner.create("/api/accounts", {"currency": "EUR", "overdraft": {"policy": "unlimited"}})


def make_suspended_account(owner: Owner) -> str:
    """One that takes no part."""
    made = owner.create("/api/accounts", {"currency": "EUR"})
    assert owner.api.post(f"/api/accounts/{made}/suspend", {"reason": "A test"}).status_code == 200
    return made


def _transfer(owner: Owner) -> str:
    body = {"fromAccountId": make_account(owner), "toAccountId": make_account(owner), "amount": 1, "currency": "EUR"}
    return owner.create("/api/transfers", body)


def make_transfer(owner: Owner) -> str:
    """A posted transfer."""
    return _transfer(owner)


def make_voided_transfer(owner: Owner) -> str:
    """One that was taken back."""
    made = _transfer(owner)
    assert owner.api.post(f"/api/transfers/{made}/void", {"reason": "A test"}).status_code == 200
    return made


def make_seal(owner: Owner) -> str:
    """A seal over a movement."""
    _transfer(owner)
    wait_for_other_databases()
    assert seal_tenant(tenant_id=owner.tenant.id, now=AT)
    with tenant_scope(owner.tenant.id):
        return encode_id(prefixes.SEAL, Seal.objects.latest("number").id)


def make_entry(owner: Owner) -> str:
    """An entry of two lines."""
    sides = {"debit": make_account(owner), "credit": make_account(owner)}
    lines = [{"accountId": account, "side": side, "amount": 1} for side, account in sides.items()]
    return owner.create("/api/entries", {"lines": lines})


def make_hold(owner: Owner) -> str:
    """An active hold."""
    return owner.create("/api/holds", {"accountId": make_account(owner), "amount": 1, "currency": "EUR"})


def make_released_hold(owner: Owner) -> str:
    """One that holds nothing any more."""
    made = make_hold(owner)
    assert owner.api.post(f"/api/holds/{made}/release").status_code == 200
    return made


def make_grant(owner: Owner) -> str:
    """An active grant of a customer."""
    return owner.create("/api/grants", {"customerId": make_customer(owner), "amount": 1, "currency": "EUR"})


def make_revoked_grant(owner: Owner) -> str:
    """One of which nothing is left."""
    made = make_grant(owner)
    assert owner.api.post(f"/api/grants/{made}/revoke", {"reason": "Mistake"}).status_code == 200
    return made


def make_application(owner: Owner) -> str:
    """An application; only staff makes them."""
    with tenant_scope(owner.tenant.id):
        made = create_application(tenant_id=owner.tenant.id, slug=f"app-{new_id().hex}", name="Shop", at=AT)
    return encode_id(prefixes.APPLICATION, made.id)


def make_feature(owner: Owner) -> str:
    """A metered feature."""
    return owner.create("/api/features", {"key": f"f{new_id().hex}", "name": "Calls", "type": "metered"})


def make_archived_feature(owner: Owner) -> str:
    """One that enters nothing new."""
    made = make_feature(owner)
    assert owner.api.post(f"/api/features/{made}/archive").status_code == 200
    return made


def make_price(owner: Owner) -> str:
    """A monthly price that nothing uses."""
    body = {"productId": make_product(owner), "currency": "EUR", "interval": "month", "unitAmount": 4900}
    return owner.create("/api/prices", body)


def make_plan(owner: Owner) -> str:
    """A draft with a price and a feature."""
    features = [{"featureId": make_feature(owner), "limit": 5}]
    body = {"name": f"Plan {new_id().hex}", "currency": "EUR", "prices": [make_price(owner)], "features": features}
    return owner.create("/api/plans", body)


def make_active_plan(owner: Owner) -> str:
    """One whose first version is in force."""
    made = make_plan(owner)
    assert owner.api.post(f"/api/plans/{made}/versions/1/publish").status_code == 200
    return made


def make_archived_plan(owner: Owner) -> str:
    """One that is over."""
    made = make_active_plan(owner)
    assert owner.api.post(f"/api/plans/{made}/archive").status_code == 200
    return made


def make_coupon(owner: Owner) -> str:
    """One that was never redeemed, restricted to a price."""
    code, prices = f"C{new_id().hex}".upper(), [make_price(owner)]
    body = {"code": code, "name": "Ten", "type": "percentage", "percentage": 10, "priceIds": prices}
    return owner.create("/api/coupons", body)


def make_redeemed_coupon(owner: Owner) -> str:
    """One that a customer has."""
    made = make_coupon(owner)
    owner.create(f"/api/coupons/{made}/redeem", {"customerId": make_customer(owner)})
    return made


def make_tax_rate(owner: Owner) -> str:
    """A rate that is in force, of a category of its own."""
    body = {"country": "DE", "category": f"c{new_id().hex[:24]}", "rate": "7", "label": "VAT"}
    return owner.create("/api/tax-rates", body | {"validFrom": "2020-01-01T00:00:00Z"})


# What the first path segment after /api/ collects (below webhooks the second), for routes with an id in their path.
COLLECTIONS: Mapping[str, str] = {
    "accounts": prefixes.ACCOUNT,
    "coupons": prefixes.COUPON,
    "customers": prefixes.CUSTOMER,
    "entries": prefixes.JOURNAL_ENTRY,
    "features": prefixes.FEATURE,
    "grants": prefixes.GRANT,
    "holds": prefixes.HOLD,
    "invoices": prefixes.INVOICE,
    "jobs": prefixes.JOB,
    "plans": prefixes.PLAN,
    "prices": prefixes.PRICE,
    "products": prefixes.PRODUCT,
    "tax-rates": prefixes.TAX_RATE,
    "transfers": prefixes.TRANSFER,
    "seals": prefixes.SEAL,
    "webhooks/deliveries": prefixes.WEBHOOK_DELIVERY,
    "webhooks/subscribers": prefixes.WEBHOOK_SUBSCRIBER,
}
# What makes objects of a kind: one of each state that matters.
FACTORIES: Mapping[str, tuple[Callable[[Owner], str], ...]] = {
    prefixes.ACCOUNT: (make_account, make_suspended_account),
    prefixes.APPLICATION: (make_application,),
    prefixes.COUPON: (make_coupon, make_redeemed_coupon),
    prefixes.CUSTOMER: (make_customer,),
    prefixes.FEATURE: (make_feature, make_archived_feature),
    prefixes.GRANT: (make_grant, make_revoked_grant),
    prefixes.HOLD: (make_hold, make_released_hold),
    prefixes.INVOICE: (make_invoice, make_draft),
    prefixes.JOB: (make_job,),
    prefixes.JOURNAL_ENTRY: (make_entry,),
    prefixes.METER: (),  # named by features and prices already; nothing makes one yet
    prefixes.PLAN: (make_active_plan, make_archived_plan, make_plan),
    prefixes.PRICE: (make_price,),
    prefixes.PRODUCT: (make_product,),
    prefixes.TAX_RATE: (make_tax_rate,),
    prefixes.TRANSFER: (make_transfer, make_voided_transfer),
    prefixes.SEAL: (make_seal,),
    prefixes.WEBHOOK_DELIVERY: (make_delivery,),
    prefixes.WEBHOOK_SUBSCRIBER: (make_subscriber, make_inactive_subscriber),
    prefixes.SUBSCRIPTION: (),  # named by filters already; nothing makes one yet
}
# Parameters of paths that name a part of the object before them: each plan has a version 1.
PARTS: Mapping[str, str] = {"version": "1"}
# Bodies that pass the validation where the smallest one that the schema allows does not: fields depend on each other.
# Fields of which a body has one: a test that sets one of them takes the others out.
INSTEAD: dict[tuple[str, ...], frozenset[str]] = {
    ("items", "[]", field): frozenset({"unitPrice"}) for field in ("priceId", "planId")
}
"""What an element of a list does not say when it has this field."""
BESIDE: dict[tuple[str, ...], dict[str, str]] = {
    ("items", "[]", "planId"): {"priceId": encode_id(prefixes.PRICE, new_id())}
}
"""What an element of a list says when it has this field. The price does not exist either, and both are named."""
ALTERNATIVES: Mapping[str, frozenset[str]] = {"POST /api/grants": frozenset({"customerId", "accountId"})}

BODIES: Mapping[str, dict[str, Any]] = {
    "PATCH /api/accounts/{id}": {"metadata": {"tier": "gold"}},
    "POST /api/accounts": {"currency": "EUR", "ownerType": "customer"},
    "POST /api/coupons": {"code": "TEN", "name": "Ten", "type": "percentage", "percentage": 10},
    "POST /api/entries": {
        "lines": [
            {"accountId": encode_id(prefixes.ACCOUNT, new_id()), "side": side, "amount": 1}
            for side in ("debit", "credit")
        ]
    },
    "POST /api/grants": {"customerId": encode_id(prefixes.CUSTOMER, new_id()), "amount": 1, "currency": "EUR"},
    "POST /api/invoices": _invoice(),
    "POST /api/invoices/preview": _invoice(),
    "PATCH /api/invoices/{id}": {"items": _invoice()["items"]},
    "POST /api/exchange-rates": {"from": "USD", "to": "EUR", "rate": "0.9213", "validFrom": "2026-01-01T00:00:00Z"},
    "POST /api/features": {"key": "api.calls", "name": "Calls", "type": "metered"},
    "POST /api/prices": {"productId": encode_id(prefixes.PRODUCT, new_id()), "currency": "EUR", "unitAmount": 4900},
    "POST /api/products": {"name": "Consulting", "type": "one_time"},
    "POST /api/webhooks/subscribers": {"name": "Books", "url": "https://192.0.32.8/hooks"},
    "PATCH /api/webhooks/subscribers/{id}": {"name": "Books"},
    "PUT /api/webhooks/subscribers/{id}": {"name": "Books"},
}


def path_prefix(route: Route) -> str:
    """The id prefix of the one parameter in the route's path. Raises LookupError when it is not known here."""
    names = [name for name in re.findall(r"{(\w+)}", route.path) if name not in PARTS]
    segments = route.path.split("/")[2:]
    # The collections of one area stand together: /api/webhooks/subscribers.
    collection = "/".join(segments[:2]) if segments[0] == "webhooks" else segments[0]
    if len(names) != 1 or collection not in COLLECTIONS:
        raise LookupError(f"{route}: name its objects in {__name__}.COLLECTIONS and what makes them in FACTORIES")
    return COLLECTIONS[collection]


def path_of(route: Route, identity: str) -> str:
    """The route's path for an object with this id."""
    return re.sub(r"{(\w+)}", lambda found: PARTS.get(found[1], identity), route.path)


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
