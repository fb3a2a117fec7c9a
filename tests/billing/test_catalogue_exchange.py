"""Claims about `export_catalogue` and `import_catalogue`."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common.ids import encode_id
from common.prefixes import APPLICATION
from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope
from tenants.services.tenants import create_application
from tests.billing.catalogue import Catalogue
from tests.clients import Api
from tests.conftest import AT

pytestmark = pytest.mark.django_db
PATHS = ("/api/features", "/api/products", "/api/prices", "/api/plans", "/api/coupons")
NOTHING = {"created": 0, "changed": 0, "unchanged": 0}


@pytest.fixture
def shop(api: Api, tenant: Tenant) -> Catalogue:
    """One of everything: an application, tiers, an archived feature, a price that is over, coupons."""
    made = Catalogue(api)
    with tenant_scope(tenant.id):
        application = create_application(tenant_id=tenant.id, slug="shop", name="Shop", at=AT)
    scope = {"applicationId": encode_id(APPLICATION, application.id)}
    calls = made.feature(key="calls", defaultLimit=100, unit="calls", metadata={"a": "b"})
    old = made.feature(key="old", type="seat", **scope)
    product = made.product(name="API", description="All", metadata={"sku": "1"})["id"]
    tiers = [{"upTo": "10.5", "unitAmount": "0.0035"}, {"upTo": None, "unitAmount": 1, "flatAmount": 5}]
    usage = made.price(productId=product, model="graduated", unitAmount=None, tiers=tiers, featureId=calls["id"])
    flat = made.price(productId=product, model="flat", taxCode="saas", metadata={"c": "d"})
    plan = made.plan(
        name="Pro", prices=[usage["id"], flat["id"]], trialDays=14, minimumCommitment=100, metadata={"e": "f"},
        features=[{"featureId": calls["id"], "limit": 5, "softLimit": True}, {"featureId": old["id"]}], **scope,
    )  # fmt: skip
    made.publish(plan)
    api.post(f"/api/features/{old['id']}/archive")
    api.patch(f"/api/prices/{flat['id']}", {"active": False})
    made.plan(name="Draft")
    restricted = {"planIds": [plan["id"]], "productIds": [product], "priceIds": [flat["id"], usage["id"]]}
    made.create(
        "/api/coupons",
        {"code": "SHARE", "name": "Share", "type": "percentage", "percentage": "12.50", "duration": "repeating",
         "durationPeriods": 3, "stackingOrder": 5, "maxRedemptionsPerCustomer": 2, **restricted, **scope},
    )  # fmt: skip
    five = {"code": "FIVE", "name": "Five", "type": "amount", "amount": 500, "currency": "EUR", "keepRemainder": True}
    window = {"validFrom": "2026-01-01T00:00:00.000Z", "validUntil": "2099-01-01T00:00:00.123Z"}
    made.create("/api/coupons", five | window | {"maxRedemptions": 9, "metadata": {"g": "h"}})
    api.patch("/api/coupons/FIVE", {"active": False})
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.json"


def exported(tenant: Tenant) -> Any:
    out = StringIO()
    call_command("export_catalogue", tenant=tenant.slug, stdout=out)
    return json.loads(out.getvalue())


def imported(tenant: Tenant, file: Path, **options: Any) -> Any:
    out = StringIO()
    call_command("import_catalogue", tenant=tenant.slug, file=str(file), json=True, stdout=out, **options)
    return json.loads(out.getvalue())


def listed(api: Api) -> list[Any]:
    return [api.get(path).json()["data"] for path in PATHS]


def application_of(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        create_application(tenant_id=tenant.id, slug="shop", name="Shop", at=AT)


def test_a_catalogue_goes_to_another_tenant_and_the_second_time_nothing_changes(
    shop: Catalogue, tenant: Tenant, other_tenant: Tenant, other_api: Api, file: Path
) -> None:
    call_command("export_catalogue", tenant=tenant.slug, to=str(file), stdout=StringIO())
    document = json.loads(file.read_text())
    assert document == exported(tenant)
    application_of(other_tenant)
    done = imported(other_tenant, file)
    assert done["features"] == NOTHING | {"created": 2}
    assert (done["products"]["created"], done["prices"]["created"], done["plans"]["created"]) == (1, 2, 2)
    features, (product,), prices, plans, coupons = listed(other_api)
    assert {one["key"]: one["status"] for one in features} == {"calls": "active", "old": "archived"}
    assert [one["active"] for one in prices] == [False, True]
    assert prices[1]["tiers"][0] == {"upTo": "10.5", "unitAmount": "0.0035", "flatAmount": 0, "rate": None}
    assert (prices[1]["billing"], prices[0]["taxCode"]) == ("arrears", "saas")
    assert (product["name"], product["metadata"]["sku"]) == ("API", "1")
    pro = next(one for one in plans if one["slug"] == "pro")
    assert (pro["status"], pro["trialDays"], pro["minimumCommitment"]) == ("draft", 14, 100)
    assert pro["prices"] == [prices[1]["id"], prices[0]["id"]]
    assert [(one["featureKey"], one["limit"], one["softLimit"]) for one in pro["features"]] == [
        ("calls", 5, True), ("old", -1, False),
    ]  # fmt: skip
    five, share = coupons
    assert (share["planIds"], share["productIds"]) == ([pro["id"]], [product["id"]])
    assert share["priceIds"] == [prices[0]["id"], prices[1]["id"]]
    assert (share["percentage"], share["durationPeriods"], share["stackingOrder"]) == ("12.5", 3, 5)
    assert (share["applicationId"], share["maxRedemptionsPerCustomer"]) == (pro["applicationId"], 2)
    assert (five["amount"], five["currency"], five["keepRemainder"], five["active"]) == (500, "EUR", True, False)
    assert (five["validUntil"], five["maxRedemptions"], five["metadata"]) == (
        "2099-01-01T00:00:00.123Z", 9, {"g": "h"},
    )  # fmt: skip
    before = listed(other_api)
    again = imported(other_tenant, file)
    assert [again[kind] for kind in ("features", "products", "prices", "plans", "coupons")] == [
        NOTHING | {"unchanged": number} for number in (2, 1, 2, 2, 2)
    ]
    assert listed(other_api) == before
    assert exported(other_tenant) == document


def test_a_coupon_of_a_plan_that_was_archived_later_goes_to_another_tenant_too(
    shop: Catalogue, tenant: Tenant, api: Api, other_tenant: Tenant, other_api: Api, file: Path
) -> None:
    pro = next(one for one in api.get("/api/plans").json()["data"] if one["slug"] == "pro")
    assert api.post(f"/api/plans/{pro['id']}/archive").status_code == 200
    file.write_text(json.dumps(exported(tenant)))
    application_of(other_tenant)
    imported(other_tenant, file)
    _, _, _, plans, coupons = listed(other_api)
    (theirs,) = [one for one in plans if one["slug"] == "pro"]
    assert theirs["status"] == "archived"
    assert next(one["planIds"] for one in coupons if one["code"] == "SHARE") == [theirs["id"]]
    before = listed(other_api)
    imported(other_tenant, file)
    assert listed(other_api) == before


def test_into_the_same_tenant_nothing_changes(shop: Catalogue, tenant: Tenant, api: Api, file: Path) -> None:
    file.write_text(json.dumps(exported(tenant)))
    before = listed(api)
    done = imported(tenant, file)
    assert sum(one["created"] + one["changed"] for one in done.values() if isinstance(one, dict)) == 0
    assert listed(api) == before


def test_what_differs_is_changed_and_a_published_plan_gets_a_draft(
    shop: Catalogue, tenant: Tenant, api: Api, file: Path
) -> None:
    document = exported(tenant)
    document["features"][0]["defaultLimit"] = 7
    document["products"][0]["name"] = "API 2"
    pro = next(one for one in document["plans"] if one["slug"] == "pro")
    pro["trialDays"], pro["features"] = 30, pro["features"][:1]
    pro["prices"] = pro["prices"][:1]
    draft = next(one for one in document["plans"] if one["slug"] == "draft")
    draft["trialDays"] = 3
    file.write_text(json.dumps(document))
    before = listed(api)
    dry = imported(tenant, file, dry_run=True)
    assert (dry["dryRun"], dry["features"]["changed"], dry["plans"]["changed"]) == (True, 1, 2)
    assert listed(api) == before
    done = imported(tenant, file)
    assert {**done, "dryRun": True} == dry
    features, (product,), _, plans, _ = listed(api)
    assert next(one for one in features if one["key"] == "calls")["defaultLimit"] == 7
    assert product["name"] == "API 2"
    assert {one["slug"]: one["trialDays"] for one in plans} == {"pro": 14, "draft": 3}
    plan = next(one for one in plans if one["slug"] == "pro")
    latest = api.get(f"/api/plans/{plan['id']}/versions").json()["data"][0]
    assert (latest["version"], latest["status"], latest["trialDays"]) == (2, "draft", 30)
    assert imported(tenant, file)["plans"] == NOTHING | {"unchanged": 2}
    with tenant_scope(tenant.id):
        entry = AuditEntry.objects.filter(action="product.updated").latest("id")
    assert (entry.actor_id, entry.reason) == ("command:import_catalogue", "import_catalogue")


def test_of_a_coupon_what_may_change_is_changed_and_its_redemptions_stay_where_they_are(
    shop: Catalogue, tenant: Tenant, api: Api, file: Path
) -> None:
    customer = shop.create("/api/customers", {"name": "Ada"})["id"]
    api.patch("/api/coupons/FIVE", {"active": True})
    shop.create("/api/coupons/FIVE/redeem", {"customerId": customer})
    document = exported(tenant)
    five = next(one for one in document["coupons"] if one["code"] == "FIVE")
    five |= {"name": "5", "validUntil": None, "maxRedemptions": 1, "active": False, "metadata": {"i": "j"}}
    file.write_text(json.dumps(document))
    assert imported(tenant, file)["coupons"] == NOTHING | {"changed": 1, "unchanged": 1}
    shown = api.get("/api/coupons/FIVE").json()
    assert (shown["name"], shown["validUntil"], shown["maxRedemptions"]) == ("5", None, 1)
    assert (shown["active"], shown["metadata"], shown["timesRedeemed"]) == (False, {"i": "j"}, 1)
    assert imported(tenant, file)["coupons"] == NOTHING | {"unchanged": 2}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda file: file["coupons"][0].update(percentage="13"), "coupons[0].percentage: Of a coupon this never"),
        (lambda file: file["coupons"][0].update(prices=[]), "coupons[0].prices: Of a coupon this never changes."),
        (lambda file: file["coupons"][0].update(application=None), "coupons[0].application: Of a coupon this never"),
        (lambda file: file["coupons"][1].update(amount=5), "coupons[1].amount: Of a coupon this never changes."),
        (lambda file: file["coupons"][1].update(code="NEW", currency=None), "coupons[1].currency: This field is req"),
        (lambda file: file["coupons"][0].update(plans=["none"]), "coupons[0].plans[0]: none is not known here"),
        (lambda file: file["coupons"][1].update(code="!"), "coupons[1].code: Expected letters, digits"),
        (lambda file: file["coupons"][1].update(validUntil="2020-01-01T00:00:00Z"), "coupons[1].validUntil: The coup"),
        (lambda file: file["plans"][0].update(prices=["nothing"]), "plans[0].prices[0]: nothing is not known here"),
        (lambda file: file["plans"][0].update(application="none"), "plans[0].application: none is not known here"),
        (lambda file: file["plans"][0].update(currency="USD"), "plans[0].currency: Of a published plan this never"),
        (lambda file: file["features"][0].update(type="seat"), "features[0].type: The feature exists"),
        (lambda file: file["features"][0].update(key="A", colour="red"), "features[0].colour: This field is not known"),
        (lambda file: file["products"][0]["prices"][0]["terms"].update(tiers=[{"upTo": 5, "unitAmount": 1}]),
         "products[0].prices[0].tiers[0].upTo: The last tier is open"),
        (lambda file: file["products"][0]["prices"][1]["terms"].update(unitAmount=1),
         "products[0].prices[1].unitAmount: This does not change any more."),
        (lambda file: file["products"][0]["prices"][0]["terms"].update(metered=True),
         "products[0].prices[0].terms.metered: This is not known."),
        (lambda file: file.update(version=2), "version: At most 1."),
        (lambda file: file.update(format="other"), "format: Expected one of: ledger.catalogue."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_place_and_nothing_is_done(
    shop: Catalogue, tenant: Tenant, api: Api, file: Path, wrong: Any, said: str
) -> None:
    document = exported(tenant)
    document["features"].append({"key": "new", "name": "New", "type": "boolean"})
    wrong(document)
    file.write_text(json.dumps(document))
    before = listed(api)
    with pytest.raises(CommandError) as refused:
        imported(tenant, file)
    assert said in str(refused.value)
    assert listed(api) == before


def test_a_file_that_is_none_is_refused_in_a_sentence(tenant: Tenant, file: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        imported(tenant, file)
    for text in ("[]", "{", '{"format": "ledger.catalogue", "version": 1, "plans": 5}'):
        file.write_text(text)
        with pytest.raises(CommandError):
            imported(tenant, file)
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_catalogue", tenant=tenant.slug, to="/nowhere/file.json", stdout=StringIO())
    with pytest.raises(CommandError, match="no tenant"):
        call_command("export_catalogue", tenant="nobody", stdout=StringIO())


def test_the_outcome_is_said_in_words(shop: Catalogue, tenant: Tenant, file: Path) -> None:
    file.write_text(json.dumps(exported(tenant)))
    out = StringIO()
    call_command("import_catalogue", tenant=tenant.slug, file=str(file), dry_run=True, stdout=out)
    assert "Nothing was done" in out.getvalue()
    assert "plans     0 created, 0 changed, 2 unchanged" in out.getvalue()
    assert "coupons   0 created, 0 changed, 2 unchanged" in out.getvalue()
    out = StringIO()
    call_command("export_catalogue", tenant=tenant.slug, to=str(file), stdout=out)
    assert "features  2" in out.getvalue()
