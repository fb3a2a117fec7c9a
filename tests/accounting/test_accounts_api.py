"""Claims about `/api/accounts` and `/api/units`."""

from __future__ import annotations

import pytest

from accounting.posting import EntryDraft, credit, debit
from accounting.services.posting import post_entries
from billing.services.erasing import erase_customers
from common.ids import decode_id
from common.money import MAX_AMOUNT
from common.prefixes import CUSTOMER
from tenants.models import AuditEntry
from tenants.scope import tenant_scope
from tests.accounting.calls import UNLIMITED, brief, refusal, uuid_of
from tests.conftest import AT

pytestmark = pytest.mark.django_db
READ = 6  # identity, and the scope inside the test's transaction


@pytest.fixture
def customer(books):
    return books.made(books.api.post("/api/customers", {"name": "Ada"}))["id"]


def test_a_new_account_has_every_field_and_is_found_again(books, customer):
    asked = {
        "currency": "JPY", "ownerType": "customer", "ownerId": customer, "type": "asset", "code": "1200",
        "overdraft": {"policy": "limit", "limit": 500}, "metadata": {"tier": "gold"},
    }  # fmt: skip
    answer = books.api.post("/api/accounts", asked)
    account = books.made(answer)
    fixed = {name: account.pop(name) for name in ("id", "createdAt", "updatedAt", "accountId")}
    assert account == {**asked, "object": "account", "exponent": 0, "status": "active"}
    assert fixed["accountId"] == fixed["id"]
    assert answer.headers["Location"] == f"/api/accounts/{fixed['id']}"
    fixed.pop("accountId")
    assert books.api.get(answer.headers["Location"]).json() == {**fixed, **account}


def test_what_is_not_said_is_the_tenants_liability_without_overdraft(books):
    account = books.made(books.api.post("/api/accounts", {"currency": "EUR"}))
    assert [account[name] for name in ("ownerType", "ownerId", "type", "code", "overdraft", "metadata")] == [
        "tenant", None, "liability", None, {"policy": "none", "limit": None}, {},
    ]  # fmt: skip


def test_an_account_of_a_unit_shows_its_exponent(books):
    assert brief(books.api.post("/api/accounts", {"currency": "CREDITS"})) == (422, "unknown_unit")
    assert books.api.post("/api/units", {"code": "CREDITS", "exponent": 3}).status_code == 201
    account = books.open("CREDITS")
    assert books.api.get(f"/api/accounts/{account}").json()["exponent"] == 3
    assert [one["exponent"] for one in books.listed("accounts", "?currency=CREDITS")] == [3]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"currency": "eur"}, ("currency", "invalid_currency")),
        ({"currency": None}, ("currency", "required")),
        ({"type": "money"}, ("type", "invalid_choice")),
        ({"ownerType": "customer"}, ("ownerId", "required")),
        ({"ownerId": "cst_01hqx3qgf2c8mhwy9s6zwmf3yh"}, ("ownerId", "mutually_exclusive")),
        ({"overdraft": {"policy": "limit"}}, ("overdraft.limit", "required")),
        ({"overdraft": {"policy": "none", "limit": 1}}, ("overdraft.limit", "mutually_exclusive")),
        ({"overdraft": {"policy": "limit", "limit": -1}}, ("overdraft.limit", "too_small")),
        ({"status": "closed"}, ("status", "unknown_field")),
    ],
)
def test_a_wrong_account_is_refused_with_the_field(books, fields, problem):
    answer = books.api.post("/api/accounts", {"currency": "EUR", **fields})
    assert refusal(answer) == (400, "validation_error", [problem])


def test_a_code_names_one_account_of_a_tenant(books, other_api):
    books.open(code="1200")
    answer = books.api.post("/api/accounts", {"currency": "EUR", "code": "1200"})
    assert refusal(answer) == (409, "already_exists", [("code", "already_exists")])
    assert other_api.post("/api/accounts", {"currency": "EUR", "code": "1200"}).status_code == 201


def test_an_account_belongs_to_a_customer_that_exists(books, customer, other_api):
    body = {"currency": "EUR", "ownerType": "customer"}
    theirs = other_api.post("/api/customers", {}).json()["id"]
    for unknown in ("cst_01hqx3qgf2c8mhwy9s6zwmf3yh", theirs):
        answer = books.api.post("/api/accounts", {**body, "ownerId": unknown})
        assert refusal(answer) == (404, "not_found", [("ownerId", "not_found")])
    with tenant_scope(books.tenant.id):
        erase_customers(customer_ids=[decode_id(CUSTOMER, customer)], at=AT)
    assert brief(books.api.post("/api/accounts", {**body, "ownerId": customer})) == (409, "customer_erased")


@pytest.mark.parametrize("code", ["receivables:EUR", "cash:USD", "revenue:", "promotions:x"])
def test_the_codes_of_the_books_are_theirs(books, code):
    answer = books.api.post("/api/accounts", {"currency": "EUR", "code": code})
    assert brief(answer) == (422, "account_reserved")


def test_callers_neither_open_nor_change_accounts_of_the_system(books):
    answer = books.api.post("/api/accounts", {"currency": "EUR", "ownerType": "system"})
    assert brief(answer) == (422, "account_reserved")
    account = books.system()
    for verb in ("suspend", "activate", "close"):
        assert brief(books.act(f"accounts/{account}", verb)) == (422, "account_reserved")
    assert brief(books.api.patch(f"/api/accounts/{account}", {"metadata": {"a": "b"}})) == (422, "account_reserved")
    assert books.api.get(f"/api/accounts/{account}").json()["status"] == "active"


def test_a_patch_changes_what_is_given(books):
    account = books.open(metadata={"a": "1", "b": "2"})
    changed = books.api.patch(
        f"/api/accounts/{account}",
        {"overdraft": {"policy": "limit", "limit": 5}, "metadata": {"a": None, "c": "3"}},
    ).json()
    assert (changed["overdraft"], changed["metadata"]) == ({"policy": "limit", "limit": 5}, {"b": "2", "c": "3"})
    assert books.api.patch(f"/api/accounts/{account}", {}).json() == changed
    for field in ("code", "currency", "type", "ownerId"):
        answer = books.api.patch(f"/api/accounts/{account}", {field: "x"})
        assert refusal(answer)[2] == [(field, "unknown_field")]


def test_a_new_overdraft_counts_at_once_and_may_not_be_below_the_balance(books):
    account, shop = books.open(overdraft={"policy": "limit", "limit": 100}), books.open()
    path = f"/api/accounts/{account}"
    books.move(account, shop, 60)
    answer = books.api.patch(path, {"overdraft": {"policy": "limit", "limit": 59}})
    assert brief(answer) == (422, "insufficient_funds")
    assert brief(books.api.patch(path, {"overdraft": {"policy": "none"}})) == (422, "insufficient_funds")
    assert books.api.get(path).json()["overdraft"]["limit"] == 100
    assert books.api.patch(path, {"overdraft": {"policy": "limit", "limit": 60}}).status_code == 200
    assert brief(books.transfer(account, shop, 1)) == (422, "insufficient_funds")
    assert books.api.patch(path, {"overdraft": UNLIMITED}).status_code == 200
    books.move(account, shop, 1000)


def test_an_account_is_suspended_activated_and_closed_with_the_reason_in_the_trail(books):
    account = books.open()
    path = f"accounts/{account}"
    steps = [("suspend", "suspended"), ("suspend", "suspended"), ("activate", "active"), ("close", "closed")]
    for verb, status in steps:
        before = books.api.get(f"/api/{path}").json()
        after = books.made(books.act(path, verb, {"reason": f"to {verb}"}), 200)
        assert after["status"] == status
        assert (after == before) == (before["status"] == status)
    with tenant_scope(books.tenant.id):
        trail = AuditEntry.objects.filter(entity_id=uuid_of(account)).order_by("id").values_list("action", "reason")
        assert list(trail) == [
            ("account.created", None), ("account.suspended", "to suspend"), ("account.activated", "to activate"),
            ("account.closed", "to close"),
        ]  # fmt: skip
    assert refusal(books.act(path, "suspend", {}))[2] == [("reason", "required")]


def test_a_closed_account_stays_as_it_is(books):
    account = books.open()
    books.act(f"accounts/{account}", "close")
    for verb in ("suspend", "activate", "close"):
        assert brief(books.act(f"accounts/{account}", verb)) == (409, "account_closed")
    assert brief(books.api.patch(f"/api/accounts/{account}", {"metadata": {}})) == (409, "account_closed")


@pytest.mark.parametrize("kind", ["balance", "hold", "balance of an account without a bound"])
def test_only_an_empty_account_is_closed(books, kind):
    account = books.source() if "without" in kind else books.open()
    if "balance" in kind:
        transfer = books.move(books.source(), account, 5)
        empty = f"transfers/{transfer['id']}", "void"
    else:
        books.api.patch(f"/api/accounts/{account}", {"overdraft": {"policy": "limit", "limit": 5}})
        empty = f"holds/{books.made(books.hold(account, 5))['id']}", "release"
    assert brief(books.act(f"accounts/{account}", "close")) == (409, "account_not_empty")
    assert books.api.get(f"/api/accounts/{account}").json()["status"] == "active"
    books.act(*empty, body={} if empty[1] == "release" else None)
    assert books.act(f"accounts/{account}", "close").status_code == 200


def test_an_account_that_holds_more_than_a_row_can_is_not_empty(books):
    source, target = books.source(), books.source()
    pair = [debit(uuid_of(source), MAX_AMOUNT), credit(uuid_of(target), MAX_AMOUNT)]
    drafts = [EntryDraft(lines=pair * 50, at=AT) for _ in range(2**63 // (50 * MAX_AMOUNT) + 1)]
    with tenant_scope(books.tenant.id):
        post_entries(tenant_id=books.tenant.id, drafts=drafts)
    assert brief(books.act(f"accounts/{target}", "close")) == (409, "account_not_empty")


def test_filters_narrow_the_list(books, customer):
    first = books.open(code="a")
    second = books.open("USD", type="asset")
    third = books.open(ownerType="customer", ownerId=customer)
    books.act(f"accounts/{second}", "suspend")
    found = {
        "": [third, second, first], "?currency=USD": [second], "?currency=XTS_1": [], "?status=suspended": [second],
        "?status=active,closed": [third, first], "?type=asset,equity": [second], "?type=liability": [third, first],
        f"?ownerId={customer}": [third], "?currency=EUR&status=suspended": [], "?limit=1": [third],
    }  # fmt: skip
    for query, accounts in found.items():
        assert [one["id"] for one in books.listed("accounts", query)] == accounts, query
    assert brief(books.api.get("/api/accounts?currency=euro")) == (400, "validation_error")


def test_units_are_made_once_and_never_look_like_currencies(books, other_api):
    unit = {"code": "CREDITS", "exponent": 2, "name": "Credits"}
    made = books.made(books.api.post("/api/units", unit))
    assert made["object"] == "unit"
    assert made.items() >= unit.items()
    assert other_api.post("/api/units", unit).status_code == 201
    for code in ("CREDITS", "EUR"):
        answer = books.api.post("/api/units", {"code": code, "exponent": 0})
        assert refusal(answer) == (409, "already_exists", [("code", "already_exists")])
    assert books.listed("units") == [made]
    for wrong in ({"code": "ab", "exponent": 0}, {"code": "CREDITS2", "exponent": 13}):
        assert brief(books.api.post("/api/units", wrong)) == (400, "validation_error")


def test_a_key_opens_one_account(books):
    answers = [books.api.post("/api/accounts", {"currency": "EUR"}, key="account-1") for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert len(books.listed("accounts")) == 1


@pytest.mark.parametrize("rows", [1, 20])
def test_reading_asks_the_same_however_long_the_list_is(books, django_assert_num_queries, rows):
    made = [books.open() for _ in range(rows)]
    with django_assert_num_queries(READ + 1):
        assert len(books.listed("accounts")) == rows
    with django_assert_num_queries(READ + 1):
        books.api.get(f"/api/accounts/{made[0]}")


def test_writing_asks_a_known_number_of_questions(books, customer, django_assert_max_num_queries):
    body = {"currency": "EUR", "ownerType": "customer", "ownerId": customer}
    with django_assert_max_num_queries(READ + 6):
        account = books.made(books.api.post("/api/accounts", body))["id"]
    with django_assert_max_num_queries(READ + 2):
        books.api.patch(f"/api/accounts/{account}", {"overdraft": UNLIMITED})
    for verb in ("suspend", "activate", "close"):
        with django_assert_max_num_queries(READ + 3):
            assert books.act(f"accounts/{account}", verb).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_closing_and_posting_at_once_leave_no_closed_account_with_a_balance(books):
    for _ in range(5):
        source, account = books.source(), books.open()
        seen = books.at_once(
            lambda one, a=account: one.act(f"accounts/{a}", "close"),
            lambda one, a=account, s=source: one.transfer(s, a, 5),
        )
        closed = books.api.get(f"/api/accounts/{account}").json()["status"] == "closed"
        assert books.standing(account) == ((0, 0) if closed else (5, 0))
        assert seen == (
            {(200, None): 1, (422, "account_closed"): 1} if closed else {(409, "account_not_empty"): 1, (201, None): 1}
        )
