"""How many questions each call asks the database. A number that grows here is a decision, not an accident."""

from __future__ import annotations

import pytest

from tests.invoicing.credited import grant
from tests.invoicing.documents import asked

pytestmark = pytest.mark.django_db
REASON = {"reason": "Because"}


@pytest.fixture
def warm(invoices):
    """The key, the customer and the settings are known to the process, and the books have their accounts."""
    invoices.make()
    paid, lost = invoices.make(), invoices.make()
    assert invoices.act(paid, "mark-paid").status_code == 200
    assert invoices.act(lost, "mark-uncollectible", REASON).status_code == 200
    return invoices


@pytest.mark.django_db(transaction=True)
def test_a_plain_invoice_asks_nothing_through_the_orm(warm, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert warm.post(asked(5), key="k-1").status_code == 201
    with django_assert_num_queries(0):
        assert warm.post(asked(*range(100))).status_code == 201


@pytest.mark.parametrize("items", [1, 50])
def test_creating_step_by_step_does_not_grow_with_the_items(warm, django_assert_max_num_queries, items):
    with django_assert_max_num_queries(20):
        assert warm.post(asked(*range(items), dueDate=None)).status_code == 201


@pytest.mark.parametrize("grants", [1, 9])
def test_credit_costs_the_same_from_however_many_grants_it_comes(warm, django_assert_max_num_queries, grants):
    warm.make()
    for _ in range(grants):
        grant(warm, 500)
    with django_assert_max_num_queries(32):
        assert warm.post(asked(20_000)).json()["amountPaid"] == 500 * grants


@pytest.mark.parametrize("rows", [1, 20])
def test_a_list_asks_the_same_however_long_it_is(warm, django_assert_num_queries, rows):
    for _ in range(rows):
        warm.make()
    with django_assert_num_queries(READ + 1):
        assert len(warm.listed()) == min(rows + 3, 20)
    with django_assert_num_queries(READ + 2):  # bare dates are read in the tenant's zone
        warm.listed("?dueDate[gte]=2026-01-01")


# Identity, and the scope inside the test's transaction: savepoint, read, set, set back, release.
READ = 6


@pytest.mark.parametrize(("path", "queries"), [("", 2), ("/items", 2), ("/status", 1)])
def test_reading_one(warm, django_assert_num_queries, path, queries):
    invoice = warm.make(*range(30))
    with django_assert_num_queries(READ + queries):
        assert warm.api.get(f"/api/invoices/{invoice['id']}{path}").status_code == 200


@pytest.mark.parametrize(
    ("verb", "body", "most"),
    [("mark-paid", {}, 14), ("void", REASON, 15), ("cancel", {}, 15), ("mark-uncollectible", REASON, 12)],
)
def test_actions(warm, django_assert_max_num_queries, verb, body, most):
    invoice = warm.make(*range(1, 30))
    with django_assert_max_num_queries(most + 2):
        assert warm.act(invoice, verb, body).status_code == 200


def test_changing_and_finalising_a_draft(warm, django_assert_max_num_queries):
    draft = warm.draft(*range(1, 30))
    with django_assert_max_num_queries(20):
        assert warm.patch(draft, {"currency": "USD"}).status_code == 200
    # In a new currency: three of them find that its accounts are missing and make them.
    with django_assert_max_num_queries(21):
        assert warm.act(draft, "finalise").status_code == 200
