"""What docs/tax.md says is so: its requests give its answers, and its decisions are those that are made."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.conf import settings

from billing import tax_notes
from billing.models import Customer
from billing.rating.decimals import scaled_text
from billing.tax_selectors import taxation_of
from tenants.models import Tenant, TenantSettings
from tenants.scope import tenant_scope
from tests.clients import Api
from tests.conftest import AT

pytestmark = pytest.mark.django_db
PAGE = (settings.BASE_DIR / "docs/tax.md").read_text()
_DECISION = re.compile(
    r"(?P<seller>\w+) → (?P<country>\w+)(?:-(?P<region>\w+))?(?: (?P<number>\w+) (?P<status>\w+))?"
    r"(?:, (?P<code>[^:]+))?: (?P<taxes>.+)"
)


def blocks(kind: str) -> str:
    return "\n".join(re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL))


def run(api: Api) -> None:
    """Every request of the page, in its order."""
    known: dict[str, str] = {}
    found = re.findall(r"^([A-Z]+) (\S+)\n(.*?)→ (\d+) ?(\S*)$", blocks("http"), re.DOTALL | re.MULTILINE)
    assert len(found) >= 12
    for method, path, sent, status, name in found:
        for one, identity in known.items():
            path = path.replace(f"{{{one}}}", identity)
        answer = api.get(path) if method == "GET" else api.request(method, path, json.loads(sent))
        body = answer.json()
        assert answer.status_code == int(status), (method, path, body)
        if status == "201":
            known[name] = body["id"]
        elif name:
            assert [one["path"] for one in body["details"]] == [name]
        elif method == "GET":
            assert [one["rate"] for one in body["data"]] == ["20"]


def test_the_requests_and_the_decisions_of_the_page(api: Api, tenant: Tenant) -> None:
    run(api)
    lines = blocks("decisions").splitlines()
    assert len(lines) >= 15
    with tenant_scope(tenant.id):
        known = TenantSettings.objects.get(tenant_id=tenant.id)
        assert [(line, _decided(known, line)) for line in lines] == [(line, _said(line)) for line in lines]


def test_the_notes_of_the_page_are_those_of_documents() -> None:
    for note in (tax_notes.REVERSE_CHARGE, tax_notes.OUTSIDE, tax_notes.CERTIFICATE):
        assert f"| {note} |" in PAGE


def _parts(line: str) -> dict[str, Any]:
    found = _DECISION.fullmatch(line)
    assert found is not None, line
    return found.groupdict()


def _said(line: str) -> list[str]:
    taxes: str = _parts(line)["taxes"]
    return taxes.split(", ")


def _decided(known: TenantSettings, line: str) -> list[str]:
    given = _parts(line)
    known.address = None if given["seller"] == "nowhere" else {"country": given["seller"]}
    where = None if given["country"] == "nowhere" else {"country": given["country"], "region": given["region"]}
    buyer = Customer(
        tenant_id=known.tenant_id, address=where, vat_id=given["number"], vat_status=given["status"]
    )  # fmt: skip
    taxes = taxation_of(tenant_id=known.tenant_id, customer=buyer, settings=known).taxes_for(given["code"], at=AT)
    return [f"{one.label} {scaled_text(one.rate)} {one.category}" for one in taxes]
