"""A sequence of PATCHes behaves like a dictionary that is updated."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clients import Api

TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=40)
LINES = st.fixed_dictionaries(
    {},
    optional={
        "line1": TEXT,
        "city": TEXT,
        "postalCode": TEXT.map(lambda text: text[:32]),
        "country": st.sampled_from(["DE", "FR"]),
    },
)
STATUSES = {"DE811907980": "unverified", "FR 12 345": "invalid", "CHE-116.281.710": "unverified"}
METADATA = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.none() | TEXT, max_size=4)
PATCH = st.fixed_dictionaries(
    {},
    optional={
        "name": st.none() | TEXT,
        "email": st.none() | st.sampled_from(["a@example.com", "b@example.com"]),
        "currency": st.none() | st.sampled_from(["EUR", "JPY", "KWD"]),
        "locale": st.none() | st.sampled_from(["en", "pt-BR", "zh-Hant-TW"]),
        "address": st.none() | LINES,
        "vatId": st.none() | st.sampled_from(list(STATUSES)),
        "taxExempt": st.none() | st.booleans(),
        "taxExemption": st.none() | st.fixed_dictionaries({"certificate": TEXT}, optional={"reason": TEXT}),
        "metadata": METADATA,
    },
)
EMPTY_ADDRESS = dict.fromkeys(["line1", "line2", "city", "region", "postalCode", "country"])

EMPTY_EXEMPTION = dict.fromkeys(["reason", "country", "region", "validFrom", "validUntil"])


def applied(model: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """What the contract says of a PATCH."""
    after = dict(model)
    for name, value in patch.items():
        if name == "metadata":
            merged = {**model["metadata"], **value}
            after["metadata"] = {key: text for key, text in merged.items() if text is not None}
        elif name == "address":
            after["address"] = EMPTY_ADDRESS | value if value else None
        elif name == "taxExemption":
            after["taxExemption"] = EMPTY_EXEMPTION | value if value else None
        elif name != "taxExempt" or value is not None:
            after[name] = value
    after["taxIds"] = [{"type": "eu_vat", "value": after["vatId"]}] if after["vatId"] else None
    after["vatStatus"] = STATUSES.get(after["vatId"])
    return after


@pytest.mark.django_db
@settings(max_examples=60)
@given(patches=st.lists(PATCH, max_size=5))
def test_patches_behave_like_updates_of_a_dictionary(api: Api, patches: list[dict[str, Any]]) -> None:
    model = json.loads(api.post("/api/customers", {}).content)
    path = f"/api/customers/{model['id']}"
    for patch in patches:
        answer = api.patch(path, patch)
        assert answer.status_code == 200, (patch, answer.content)
        model = applied(model, patch)
        assert json.loads(answer.content) == model | {"updatedAt": json.loads(answer.content)["updatedAt"]}
    assert json.loads(api.get(path).content) == model | {"updatedAt": json.loads(api.get(path).content)["updatedAt"]}
