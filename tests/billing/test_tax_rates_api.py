"""Claims about `/api/tax-rates`."""

from __future__ import annotations

from typing import Any

import pytest

from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope
from tests.billing.catalogue import body, problems, refusal
from tests.billing.conftest import FRAME_QUERIES
from tests.clients import Api

pytestmark = pytest.mark.django_db
RATES = "/api/tax-rates"
PAST, JAN, JUL, FUTURE = "2020-01-01T00:00:00.000Z", "2021-01-01T00:00:00.000Z", "2021-07-01T00:00:00.000Z", (
    "2100-01-01T00:00:00.000Z"
)  # fmt: skip
WHOLE: dict[str, Any] = {
    "country": "CA", "region": "QC", "category": "books", "rate": "9.975", "label": "QST", "validFrom": JAN,
    "validUntil": FUTURE,
}  # fmt: skip
FIELDS = {*WHOLE, "id", "object", "createdAt", "updatedAt"}


def created(api: Api, **fields: Any) -> Any:
    answer = api.post(RATES, {"country": "DE", "rate": "19", "label": "MwSt.", "validFrom": PAST} | fields)
    assert answer.status_code == 201, answer.content
    return body(answer)


def listed(api: Api, query: str = "") -> list[str]:
    answer = api.get(f"{RATES}?{query}")
    assert answer.status_code == 200, answer.content
    return [one["label"] for one in body(answer)["data"]]


def test_every_field_given_is_shown_and_found_where_location_says(api: Api) -> None:
    answer = api.post(RATES, WHOLE)
    rate = body(answer)
    assert (answer.status_code, answer["Location"]) == (201, f"{RATES}/{rate['id']}")
    assert rate.keys() == FIELDS
    assert {name: rate[name] for name in WHOLE} == WHOLE
    assert (rate["object"], rate["id"][:4]) == ("taxRate", "txr_")
    assert body(api.get(answer["Location"])) == rate


def test_what_is_left_out_is_the_whole_country_the_standard_category_and_no_end(api: Api) -> None:
    rate = created(api)
    assert (rate["region"], rate["category"], rate["validUntil"]) == (None, "standard", None)


@pytest.mark.parametrize(
    ("given", "shown"),
    [("19", "19"), (19, "19"), ("0", "0"), ("100", "100"), ("7.700000", "7.7"), ("0.000001", "0.000001")],
)
def test_a_rate_is_an_exact_decimal(api: Api, given: Any, shown: str) -> None:
    assert created(api, rate=given)["rate"] == shown


def test_a_region_is_named_without_its_country_in_upper_case(api: Api) -> None:
    assert created(api, country="CA", region="ca-qc")["region"] == "QC"
    assert refusal(api.post(RATES, WHOLE | {"region": "qc", "category": "standard", "validFrom": JAN})) == (
        409, "overlapping_tax_rate",
    )  # fmt: skip


def test_every_problem_is_listed_at_once(api: Api) -> None:
    wrong = {
        "country": "de", "region": "", "category": "Books", "rate": "100.000001", "label": "x" * 51,
        "validFrom": "2021-01-01", "validUntil": "soon", "metadata": {},
    }  # fmt: skip
    assert problems(api.post(RATES, wrong)) == {
        "country": "invalid", "region": "too_short", "category": "invalid", "rate": "too_large", "label": "too_long",
        "validFrom": "invalid_datetime", "validUntil": "invalid_datetime", "metadata": "unknown_field",
    }  # fmt: skip
    assert problems(api.post(RATES, {})) == dict.fromkeys(("country", "rate", "label", "validFrom"), "required")
    assert listed(api) == []


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [("rate", "-0.1", "too_small"), ("rate", "0.0000001", "too_long"), ("rate", 7.5, "invalid"),
     ("rate", "1e1", "invalid"), ("rate", "NaN", "invalid"), ("rate", True, "invalid"), ("country", "XX", "invalid"),
     ("country", "EL", "invalid"), ("region", "de-", "invalid"), ("region", "ß" * 33, "too_long"),
     ("region", "x" * 65, "too_long"), ("validUntil", PAST, "too_small"),
     ("validUntil", "2019-12-31T23:59:59.999Z", "too_small"), ("label", "", "required"), ("label", None, "required")],
)  # fmt: skip
def test_a_wrong_value_is_refused_at_its_field(api: Api, field: str, value: Any, code: str) -> None:
    given = {"country": "DE", "rate": "19", "label": "MwSt.", "validFrom": PAST}
    assert problems(api.post(RATES, given | {field: value})) == {field: code}


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ({}, {}, 409),
        ({}, {"validFrom": FUTURE}, 409),
        ({"validUntil": JAN}, {"validFrom": JAN}, 201),
        ({"validUntil": JAN}, {"validFrom": "2020-12-31T23:59:59.999Z"}, 409),
        ({"validFrom": JAN}, {"validFrom": PAST, "validUntil": JAN}, 201),
        ({"validFrom": JAN}, {"validFrom": PAST, "validUntil": "2021-01-01T00:00:00.001Z"}, 409),
        ({}, {"country": "AT"}, 201),
        ({}, {"category": "books"}, 201),
        ({}, {"region": "BY"}, 201),
        ({"region": "BY"}, {"region": "BE"}, 201),
        ({"region": "BY"}, {"region": "de-by"}, 409),
        ({"region": "BY", "category": "books"}, {"region": "BY"}, 201),
    ],
)
def test_windows_of_one_place_and_category_never_overlap(
    api: Api, first: dict[str, Any], second: dict[str, Any], status: int
) -> None:
    created(api, **first)
    answer = api.post(RATES, {"country": "DE", "rate": "7", "label": "Second", "validFrom": PAST} | second)
    assert answer.status_code == status, answer.content
    if status == 409:
        assert (body(answer)["code"], problems(answer, 409)) == (
            "overlapping_tax_rate", {"validFrom": "overlapping_tax_rate"},
        )  # fmt: skip
        assert listed(api) == ["MwSt."]


def test_two_tenants_have_rates_of_their_own(api: Api, other_api: Api) -> None:
    rate = created(api)
    assert created(other_api)["id"] != rate["id"]
    assert other_api.get(f"{RATES}/{rate['id']}").status_code == 404
    assert other_api.patch(f"{RATES}/{rate['id']}", {"label": "x"}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_of_overlapping_rates_at_once_one_wins(api: Api, at_once: Any) -> None:
    given = {"country": "DE", "rate": "19", "label": "MwSt."}
    asks = [lambda start=start: api.post(RATES, given | {"validFrom": start}).status_code for start in (PAST, JAN, JUL)]
    assert sorted(at_once(*asks, *asks)) == [201, *[409] * 5]
    assert listed(api) == ["MwSt."]


@pytest.mark.django_db(transaction=True)
def test_of_two_rates_that_are_opened_at_once_one_wins(api: Api, at_once: Any) -> None:
    first = created(api, validUntil=FUTURE)
    later = created(api, validFrom=FUTURE, validUntil="2101-01-01T00:00:00Z")
    found = at_once(
        lambda: api.patch(f"{RATES}/{first['id']}", {"validUntil": "2100-06-01T00:00:00Z"}).status_code,
        lambda: api.patch(f"{RATES}/{later['id']}", {"validUntil": FUTURE}).status_code,
        lambda: api.post(RATES, WHOLE).status_code,
    )
    # Withdrawn first, there is room for the other.
    assert found in ([200, 200, 201], [409, 200, 201])


def test_label_and_end_change_and_nothing_else(api: Api) -> None:
    rate = created(api)
    path = f"{RATES}/{rate['id']}"
    changed = body(api.patch(path, {"label": "USt.", "validUntil": FUTURE}))
    assert changed == rate | {"label": "USt.", "validUntil": FUTURE, "updatedAt": changed["updatedAt"]}
    assert body(api.patch(path, {"validUntil": None}))["validUntil"] is None
    for name in ("country", "region", "category", "rate", "validFrom"):
        assert problems(api.patch(path, {name: WHOLE[name]})) == {name: "unknown_field"}
    assert problems(api.patch(path, {"label": "", "validUntil": 5})) == {
        "label": "too_short", "validUntil": "invalid_datetime",
    }  # fmt: skip


def test_what_has_been_in_force_stays_so(api: Api, time_machine: Any) -> None:
    time_machine.move_to("2026-03-01T12:00:00Z", tick=False)
    path = f"{RATES}/{created(api)['id']}"
    refused = api.patch(path, {"validUntil": "2026-03-01T11:59:59.999Z"})
    assert (refusal(refused), problems(refused, 409)) == (
        (409, "tax_rate_in_force"), {"validUntil": "tax_rate_in_force"},
    )  # fmt: skip
    assert problems(api.patch(path, {"validUntil": "2019-12-31T00:00:00Z"})) == {"validUntil": "too_small"}
    assert api.patch(path, {"validUntil": "2026-03-01T12:00:00Z"}).status_code == 200
    for end in (None, FUTURE, JAN):
        assert refusal(api.patch(path, {"validUntil": end})) == (409, "tax_rate_in_force")
    assert api.patch(path, {"validUntil": "2026-03-01T12:00:00Z", "label": "Ended"}).status_code == 200


def test_a_rate_that_has_not_begun_is_withdrawn_and_leaves_its_time_to_another(api: Api) -> None:
    rate = created(api, validFrom=FUTURE)
    withdrawn = body(api.patch(f"{RATES}/{rate['id']}", {"validUntil": FUTURE}))
    assert (withdrawn["validFrom"], withdrawn["validUntil"]) == (FUTURE, FUTURE)
    created(api, validFrom=FUTURE, label="Other")
    assert listed(api, f"at={FUTURE}") == ["Other"]
    assert refusal(api.patch(f"{RATES}/{rate['id']}", {"validUntil": None})) == (409, "overlapping_tax_rate")


def test_an_end_that_would_run_into_the_next_rate_is_refused(api: Api) -> None:
    rate = created(api, validUntil=FUTURE)
    created(api, validFrom=FUTURE)
    answer = api.patch(f"{RATES}/{rate['id']}", {"validUntil": None})
    assert (refusal(answer)[1], problems(answer, 409)) == (
        "overlapping_tax_rate", {"validUntil": "overlapping_tax_rate"},
    )  # fmt: skip
    assert body(api.get(f"{RATES}/{rate['id']}"))["validUntil"] == FUTURE


def test_lists_are_filtered_by_place_category_and_time(api: Api) -> None:
    created(api, label="old", validUntil=JAN)
    created(api, label="new", validFrom=JAN)
    created(api, label="reduced", category="reduced")
    created(api, label="GST", country="CA")
    created(api, label="QST", country="CA", region="QC")
    created(api, label="other QC", country="AR", region="QC")
    assert listed(api) == ["other QC", "QST", "GST", "reduced", "new", "old"]
    assert listed(api, "country=CA") == ["QST", "GST"]
    assert listed(api, "region=qc") == ["other QC", "QST"]
    assert listed(api, "region=CA-QC") == ["QST"]
    assert listed(api, "category=reduced") == ["reduced"]
    assert listed(api, f"country=DE&category=standard&at={JAN}") == ["new"]
    assert listed(api, "country=DE&category=standard&at=2020-12-31T23:59:59.999Z") == ["old"]
    assert listed(api, "at=2019-12-31T23:59:59.999Z") == []
    assert problems(api.get(f"{RATES}?country=de&at=2020-01-01&label=x&category=")) == {
        "country": "invalid", "at": "invalid_datetime", "label": "unknown_parameter", "category": "too_short",
    }  # fmt: skip


def test_scopes_are_those_of_the_catalogue(api_of: Any, tenant: Tenant, api: Api) -> None:
    rate = created(api)
    reader, stranger = api_of(tenant, "catalogue:read"), api_of(tenant, "invoices:write", "products:write")
    assert reader.get(f"{RATES}/{rate['id']}").status_code == 200
    for answer in (reader.post(RATES, WHOLE), reader.patch(f"{RATES}/{rate['id']}", {}), stranger.get(RATES)):
        assert refusal(answer) == (403, "insufficient_scope")


def test_changes_leave_a_trail(api: Api, tenant: Tenant) -> None:
    path = f"{RATES}/{created(api)['id']}"
    api.patch(path, {"validUntil": FUTURE})
    api.patch(path, {"validUntil": FUTURE})
    with tenant_scope(tenant.id):
        trail = AuditEntry.objects.filter(entity_type="taxRate").order_by("id")
        assert [one.action for one in trail] == ["taxRate.created", "taxRate.updated"]
        assert set(trail[1].after or {}) == {"valid_until"}
        assert not AuditEntry.objects.filter(action="settings.updated").exists()


def test_each_route_costs_a_known_number_of_queries(api: Api, django_assert_num_queries: Any) -> None:
    path = f"{RATES}/{created(api)['id']}"
    with django_assert_num_queries(FRAME_QUERIES + 1):
        api.get(path)
    with django_assert_num_queries(FRAME_QUERIES + 1):
        api.get(RATES)
    with django_assert_num_queries(FRAME_QUERIES + 4):  # the lock, and a savepoint around the constraint
        api.post(RATES, WHOLE)
    with django_assert_num_queries(FRAME_QUERIES + 5):
        api.patch(path, {"label": "USt."})
