"""What the quick reading accepts reads the same with all rules, and nothing that they refuse is accepted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.api.serializers import validate
from common.errors import InvalidRequest
from common.ids import encode_id, new_id
from common.prefixes import CUSTOMER, PRODUCT
from invoicing.api.quick import plain_request
from invoicing.api.serializers import InvoiceInput
from invoicing.api.views import asked_items
from invoicing.requests import InvoiceRequest, ItemRequest

PRODUCT_ID, CUSTOMER_ID = new_id(), new_id()
ITEM = {"description": "Consulting", "unitPrice": 100}
WEIRD_TEXTS = st.sampled_from(
    [
        "",
        " ",
        "\t",
        "\n",
        " x",
        "x ",
        "\u00a0x",
        "x\u2028",
        "\u200b",
        "x\x00",
        "x\x1f",
        "x\x7f",
        "x\x85",

        "\ufeffx",
        "a\nb",
        "a\r\nb",
        "א\u200fב",
        "👩‍👩‍👧",
        "e\u0301",
        "x" * 40,
        "x" * 41,
        "x" * 64,
        "x" * 65,
        "x" * 255,
        "x" * 256,
        "x" * 500,
        "x" * 501,
        "x" * 5000,
        "x" * 5001,
        "EUR",
        "eur",
        "XXX",
        "EUR ",
        "5",
        "true",
        "null",
        encode_id(PRODUCT, PRODUCT_ID),
        encode_id(CUSTOMER, CUSTOMER_ID),
        encode_id(CUSTOMER, CUSTOMER_ID).upper(),
        encode_id(CUSTOMER, CUSTOMER_ID) + " ",
        "cst_8zzzzzzzzzzzzzzzzzzzzzzzzz",
        "cst_",
        "inv_01m7yktwpbegeag8wyqzfdxp2m",
    ]
)  # fmt: skip
TEXTS = WEIRD_TEXTS | st.text(max_size=8)
NUMBERS = st.sampled_from(
    [
        -1,
        0,
        1,
        5,
        2**53,
        10**15,
        10**15 + 1,
        2**63,
        2**64,
        10**30,
        1.0,
        0.0,
        -0.0,
        5.5,
        1e15,
        1e300,
        float("inf"),
        float("nan"),
    ]
)
SCALARS = TEXTS | NUMBERS | st.booleans() | st.none()
PAIRS = st.dictionaries(TEXTS, TEXTS | st.none() | NUMBERS, max_size=3) | st.integers(48, 52).map(
    lambda size: {f"k{index}": "v" for index in range(size)}
)
ANYTHING: st.SearchStrategy[Any] = (
    SCALARS | PAIRS | st.lists(SCALARS, max_size=2) | st.just({"a": {"b": None}}) | st.just([[]])
)


VALID_ITEMS = st.fixed_dictionaries(
    {"description": st.just("Consulting"), "unitPrice": st.integers(0, 1000)},
    optional={
        "quantity": st.integers(1, 9), "productId": st.just(encode_id(PRODUCT, PRODUCT_ID)), "taxCode": st.just("txcd"),
        "metadata": st.just({"k": "v"}),
    },
)  # fmt: skip
VALID = st.fixed_dictionaries(
    {"items": st.lists(VALID_ITEMS, min_size=1, max_size=3)},
    optional={
        "currency": st.sampled_from(["EUR", "JPY"]), "notes": st.just("Thank you"), "skipTax": st.booleans(),
        "draft": st.just(False), "metadata": st.just({"k": "v"}),
    },
)  # fmt: skip
FIELDS = st.sampled_from(
    [
        "items", "userId", "customerId", "currency", "notes", "skipTax", "draft", "metadata", "dueDate", "customer",
        "periodStart", "coupons", "user_id",
    ]
)  # fmt: skip
ITEM_FIELDS = st.sampled_from(
    ["description", "unitPrice", "quantity", "productId", "taxCode", "metadata", "periodEnd", "priceId", "unit_price"]
)
VALUES = st.one_of(TEXTS, NUMBERS, PAIRS, ANYTHING)


@st.composite
def nearly_valid(draw: st.DrawFn) -> dict[str, Any]:
    """A valid body of which up to two values were replaced by others, likely of the wrong kind or size."""
    body = draw(VALID)
    who = draw(st.sampled_from([("userId", "user-1"), ("customerId", encode_id(CUSTOMER, CUSTOMER_ID))]))
    body[who[0]] = who[1]
    for place in draw(st.lists(st.sampled_from(["field", "item", "nothing"]), max_size=2)):
        items = body["items"]
        if place == "item" and isinstance(items, list) and items and isinstance(items[0], dict):
            items[draw(st.integers(0, len(items) - 1))][draw(ITEM_FIELDS)] = draw(VALUES)
        elif place == "field":
            body[draw(FIELDS)] = draw(VALUES)
    return body


def read_with_all_rules(body: Any) -> tuple[Any, Any, InvoiceRequest, bool]:
    """The external id, the customer id and the request as the view reads them, and whether it is a draft."""
    data = validate(InvoiceInput, body, time_zone=lambda: "UTC")
    assert data.pop("customer", None) is None
    user_id, customer_id = data.pop("user_id", None), data.pop("customer_id", None)
    draft = data.pop("draft", False)
    return user_id, customer_id, InvoiceRequest(**{**data, "items": asked_items(data["items"])}), draft


@settings(max_examples=400)
@given(body=nearly_valid() | ANYTHING)
@example(body={"items": [{**ITEM, "unitPrice": 5.0}], "userId": "u"})
@example(body={"items": [{**ITEM, "unitPrice": True}], "userId": "u"})
@example(body={"items": [{**ITEM, "quantity": True}], "userId": "u"})
@example(body={"items": [{**ITEM, "quantity": "1"}], "userId": "u"})
@example(body={"items": [{**ITEM, "metadata": {" k": "v"}}], "userId": "u"})
@example(body={"items": [{**ITEM, "metadata": {"k" * 41: "v"}}], "userId": "u"})
@example(body={"items": [ITEM], "userId": "u", "metadata": {"k": None}})
@example(body={"items": [ITEM], "userId": "u", "metadata": {str(n): "" for n in range(51)}})
@example(body={"items": [ITEM], "userId": "u", "skipTax": 1})
@example(body={"items": [ITEM], "userId": "u", "draft": 0})
@example(body={"items": [ITEM] * 1001, "userId": "u"})
@example(body={"items": [ITEM], "customerId": encode_id(PRODUCT, PRODUCT_ID)})
def test_what_is_read_quickly_is_what_all_rules_read(body):
    quickly = plain_request(body)
    if quickly is None:
        return
    who, request = quickly
    try:
        user_id, customer_id, carefully, draft = read_with_all_rules(body)
    except InvalidRequest as refused:
        raise AssertionError(f"read quickly, but refused: {[one.path for one in refused.details]}") from refused
    assert draft is False
    assert (user_id is None) != (customer_id is None)
    assert who == (customer_id if user_id is None else user_id)
    assert type(who) is type(customer_id if user_id is None else user_id)
    assert request == carefully
    for one in (request, *request.items):
        for name in ("unit_price", "quantity"):
            assert type(getattr(one, name, 0)) is int


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"currency": "JPY", "notes": "Grüße", "skipTax": True, "metadata": {"order": "17"}, "draft": False},
        {"currency": None, "notes": None, "skipTax": None, "metadata": None, "draft": None, "customerId": None},
        {"items": [ITEM] * 1000},
        {
            "items": [
                {**ITEM, "quantity": 10**15, "unitPrice": 10**15, "taxCode": "x", "metadata": {"k" * 40: "v" * 500}}
            ]
        },
        {"items": [{**ITEM, "productId": encode_id(PRODUCT, PRODUCT_ID), "taxCode": None, "metadata": None}]},
        {"metadata": {str(n): "" for n in range(50)}},
    ],
)
def test_ordinary_requests_are_read_quickly(more):
    body = {"userId": "user-1", "items": [ITEM], **more}
    quickly = plain_request(body)
    assert quickly == ("user-1", read_with_all_rules(body)[2])


def test_a_customer_id_is_read_as_an_id():
    assert plain_request({"customerId": encode_id(CUSTOMER, CUSTOMER_ID), "items": [ITEM]}) == (
        CUSTOMER_ID, InvoiceRequest(items=[ItemRequest("Consulting", 100)]),
    )  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        {"customerId": encode_id(CUSTOMER, CUSTOMER_ID)},
        {"draft": True},
        {"customer": {"name": "Ada"}},
        {"dueDate": None},
    ],
)
def test_what_needs_more_is_left_to_the_ordinary_way(more):
    assert plain_request({"userId": "user-1", "items": [ITEM], **more}) is None
