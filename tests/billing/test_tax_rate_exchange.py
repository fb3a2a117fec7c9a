"""Claims about tax rates in the files of `export_catalogue` and `import_catalogue`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from tenants.models import Tenant
from tests.billing.catalogue import Catalogue
from tests.billing.test_catalogue_exchange import NOTHING, exported, imported
from tests.clients import Api

pytestmark = pytest.mark.django_db
RATES, FUTURE = "/api/tax-rates", "2100-01-01T00:00:00.000Z"
GERMAN = {"country": "DE", "rate": "19", "label": "MwSt.", "validFrom": "2021-01-01T00:00:00.000Z"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.json"


@pytest.fixture
def rates(api: Api) -> list[Any]:
    """One that is open, one of a region and a category, one that is over, and one that was withdrawn."""
    made = Catalogue(api)
    past = {"validFrom": "2020-01-01T00:00:00.000Z", "validUntil": GERMAN["validFrom"]}
    given: list[dict[str, Any]] = [
        GERMAN, GERMAN | {"country": "CA", "region": "QC", "category": "books", "rate": "9.975"},
        GERMAN | past | {"rate": "16"},
    ]  # fmt: skip
    found = [made.create(RATES, one) for one in given]
    withdrawn = made.create(RATES, GERMAN | {"country": "FR", "validFrom": FUTURE})
    assert api.patch(f"{RATES}/{withdrawn['id']}", {"validUntil": FUTURE}).status_code == 200
    return found


def listed(api: Api) -> list[Any]:
    data: list[Any] = api.get(RATES).json()["data"]
    return data


def test_rates_go_to_another_tenant_and_the_second_time_nothing_changes(
    rates: list[Any], tenant: Tenant, other_tenant: Tenant, other_api: Api, file: Path
) -> None:
    document = exported(tenant)
    assert [(one["country"], one["region"], one["rate"]) for one in document["taxRates"]] == [
        ("DE", None, "19"), ("CA", "QC", "9.975"), ("DE", None, "16"),
    ]  # fmt: skip
    file.write_text(json.dumps(document))
    assert imported(other_tenant, file)["taxRates"] == NOTHING | {"created": 3}
    before = listed(other_api)
    assert imported(other_tenant, file)["taxRates"] == NOTHING | {"unchanged": 3}
    assert listed(other_api) == before
    assert exported(other_tenant)["taxRates"] == document["taxRates"]


def test_an_end_is_imported_before_what_follows_it(rates: list[Any], tenant: Tenant, api: Api, file: Path) -> None:
    document = exported(tenant)
    german = document["taxRates"][0]
    german["validUntil"] = FUTURE
    document["taxRates"].insert(0, GERMAN | {"category": "standard", "rate": "20", "validFrom": FUTURE})
    file.write_text(json.dumps(document))
    assert imported(tenant, file)["taxRates"] == {"created": 1, "changed": 1, "unchanged": 2}
    assert [one["rate"] for one in api.get(f"{RATES}?country=DE&at={FUTURE}").json()["data"]] == ["20"]


def test_a_file_without_rates_leaves_them(rates: list[Any], tenant: Tenant, api: Api, file: Path) -> None:
    before = listed(api)
    file.write_text(json.dumps({"format": "ledger.catalogue", "version": 1}))
    assert imported(tenant, file)["taxRates"] == NOTHING
    assert listed(api) == before


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda rates: rates[0].update(rate="20"), "taxRates[0].rate: The rate exists, and it never changes."),
        (lambda rates: rates[2].update(validUntil=None), "taxRates[2].validUntil: The rate has ended."),
        (lambda rates: rates[0].update(country="XX"), "taxRates[0].country: Expected an ISO 3166-1"),
        (lambda rates: rates.append(GERMAN | {"category": "standard", "validFrom": FUTURE}),
         "taxRates[3].validFrom: Another rate of this country"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_place_and_nothing_is_done(
    rates: list[Any], tenant: Tenant, api: Api, file: Path, wrong: Any, said: str
) -> None:
    document = exported(tenant)
    document["taxRates"][1]["label"] = "QST"
    wrong(document["taxRates"])
    file.write_text(json.dumps(document))
    before = listed(api)
    with pytest.raises(CommandError) as refused:
        imported(tenant, file)
    assert said in str(refused.value)
    assert listed(api) == before
