"""What the quick reading accepts reads the same with all rules, and nothing that they refuse is accepted."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from accounting.api.quick import plain_batch, plain_transfer
from accounting.api.serializers.transfers import TransferInput
from accounting.judging import TransferRequest
from common.api.serializers import validate
from common.errors import InvalidRequest
from common.ids import encode_id, new_id
from common.prefixes import ACCOUNT
from tests.conftest import AT

ONE, TWO = encode_id(ACCOUNT, new_id()), encode_id(ACCOUNT, new_id())
PLAIN = {"fromAccountId": ONE, "toAccountId": TWO, "amount": 5, "currency": "EUR"}
TEXTS = st.sampled_from(["", " ", "x", " x", "x\n", "\u00a0x", "x\x00", "x\x7f", "ä", "\u200b", "x" * 40, "x" * 501])
ACCOUNTS = st.sampled_from([ONE, TWO, f" {ONE}", ONE.upper(), "acc_1", "cst" + ONE[3:], None, 5])
FIELDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "fromAccountId": ACCOUNTS, "toAccountId": ACCOUNTS, "from": ACCOUNTS, "to": ACCOUNTS,
        "amount": st.sampled_from([1, 10**15, 10**15 + 1, 0, -1, "5", 5.0, True, None]),
        "currency": st.sampled_from(["EUR", "CREDITS", "eur", "EU", "EUR\n", " EUR", "A" * 16, "A" * 17, None, 5]),
        "idempotencyKey": st.sampled_from(["key", "other", "key ", "", "ä", "k\x7f", "k" * 256, "key\n", None, 5]),
        "description": TEXTS | st.none() | st.just(5),
        "metadata": st.dictionaries(TEXTS, TEXTS | st.none() | st.just(5), max_size=3) | st.none() | st.just([]),
        "more": st.none() | st.just(1),
    },
)  # fmt: skip


def carefully(body: Any, key: str | None) -> TransferRequest | None:
    """What the ordinary way reads."""
    try:
        data = validate(TransferInput, body, partial=False, time_zone=lambda: "UTC", at=AT)
    except InvalidRequest:
        return None
    return TransferRequest(**{**data, "idempotency_key": key})


@given(fields=FIELDS, without=st.sets(st.sampled_from(sorted(PLAIN)), max_size=1))
@example(fields={}, without=set())
@example(fields={"from": ONE}, without={"fromAccountId"})
@example(fields={"idempotencyKey": "key", "description": "x", "metadata": {"a": "b"}}, without=set())
def test_what_is_read_quickly_is_what_is_read_carefully(fields, without):
    body = {name: value for name, value in PLAIN.items() if name not in without} | fields
    quick = plain_transfer(body, key="key")
    if quick is not None:
        assert quick == carefully(body, "key")


def test_the_plain_transfer_needs_no_care():
    for body in (PLAIN, PLAIN | {"idempotencyKey": "key", "description": "Top-up", "metadata": {"order": "7"}}):
        assert plain_transfer(body, key="key") is not None
    assert plain_transfer({"from": ONE, "to": TWO, "amount": 5, "currency": "EUR"}, key=None) is not None
    assert plain_transfer(PLAIN | {"idempotencyKey": "other"}, key="key") is None


def test_a_batch_is_plain_when_all_of_it_is():
    assert plain_batch({"transfers": [PLAIN, PLAIN]}) == [plain_transfer(PLAIN, key=None)] * 2
    assert plain_batch({"transfers": [PLAIN], "atomic": False}) is not None
    for other in (PLAIN | {"idempotencyKey": "k"}, PLAIN | {"amount": 0}, PLAIN | {"description": " x"}, {}):
        assert plain_batch({"transfers": [PLAIN, other]}) is None
    bodies: tuple[Any, ...] = (
        {"transfers": []},
        {"transfers": [PLAIN] * 1001},
        {"transfers": [PLAIN], "atomic": 1},
        {},
        [],
    )
    for body in bodies:
        assert plain_batch(body) is None
