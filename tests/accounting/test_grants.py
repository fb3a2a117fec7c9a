"""Claims about granted credit: when it is part of a balance, who bears it, in which order it is spent."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection, transaction

from accounting.errors import (
    AccountBounded,
    AccountReserved,
    AccountSuspended,
    GrantNotActive,
    InsufficientFunds,
    NotAWallet,
    PostingToClosed,
    WrongUnit,
)
from accounting.granting import Rollover
from accounting.models import Account, Grant, GrantUse, JournalEntry
from accounting.posting import credit, debit
from accounting.services.accounts import Overdraft, change_account
from accounting.services.grants import make_grant, revoke_grant, settle_accounts
from accounting.services.holds import capture_hold, place_hold, release_hold
from accounting.services.settling_grants import settle_due
from accounting.services.transfers import void_transfer
from common.errors import NotFound
from common.ids import new_id
from tenants.scope import tenant_scope
from tests.accounting.conftest import standing
from tests.accounting.granted import (
    after,
    agrees,
    books,
    entries_of,
    granted,
    left,
    posted,
    spend,
    state,
    uses,
)
from tests.conftest import AT

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(account) -> Account:
    """A liability account without overdraft."""
    made: Account = account()
    return made


@pytest.fixture
def shop(account) -> Account:
    """Where credit is spent; it has no balance row."""
    made: Account = account(overdraft="unlimited")
    return made


def settle(account: Account, at: dt.datetime) -> int:
    return settle_accounts(tenant_id=account.tenant_id, account_ids=[account.id], at=at)


@pytest.mark.parametrize(
    ("source", "role", "sign"),
    [("promotional", "promotions", 1), ("purchased", "customer_credit", -1), ("included", "customer_credit", -1)],
)
def test_a_grant_is_part_of_the_balance_at_once_and_its_source_says_who_bears_it(wallet, source, role, sign):
    grant = granted(wallet, 100, source=source)
    assert (grant.status, grant.remaining, posted(wallet)) == ("active", 100, 100)
    assert books(role) == sign * 100
    assert entries_of(grant.id) == ["grant.activated"]


def test_a_grant_of_the_future_is_no_part_of_the_balance_before_its_time(wallet, shop):
    grant = granted(wallet, 100, effective_at=after(1))
    assert (grant.status, posted(wallet), entries_of(grant.id)) == ("scheduled", 0, [])
    with pytest.raises(InsufficientFunds), transaction.atomic():
        spend(wallet, shop, 1, at=after(1) - dt.timedelta(milliseconds=1))
    spend(wallet, shop, 1, at=after(1))
    assert (state(grant), left(grant), posted(wallet)) == ("active", [99], 99)


def test_debits_take_the_lowest_priority_then_the_earliest_end_then_the_oldest_and_last_what_is_not_granted(
    wallet, shop, move
):
    move(shop, wallet, 50)
    endless, late, early = granted(wallet, 10), granted(wallet, 10, expires_at=after(9)), granted(
        wallet, 10, expires_at=after(8)
    )  # fmt: skip
    first = granted(wallet, 10, priority=0)
    younger = granted(wallet, 10, at=after(1))
    order = [first, early, late, endless, younger]
    for spent in (5, 10, 15, 25, 35, 45, 50):
        spend(wallet, shop, spent - (50 - sum(left(*order))), at=after(2))
        assert left(*order) == [max(0, min(10, 10 * (n + 1) - spent)) for n in range(5)]
    assert posted(wallet) == 50
    assert [state(grant) for grant in order] == ["used"] * 5
    spend(wallet, shop, 50, at=after(2))
    assert all(agrees(grant) for grant in order)


def test_each_use_names_the_line_that_took_it_whoever_wrote_the_lines(wallet, shop, post):
    one, two = granted(wallet, 10, priority=1), granted(wallet, 10, priority=2)
    draft = post(credit(shop.id, 15), debit(wallet.id, 12), debit(wallet.id, 3))
    found = GrantUse.objects.order_by("position", "-amount")
    assert [(use.entry_id, use.position, use.grant_id, use.amount) for use in found] == [
        (draft.id, 1, one.id, 10), (draft.id, 1, two.id, 2), (draft.id, 2, two.id, 3),
    ]  # fmt: skip


def test_at_the_very_instant_of_its_end_a_grant_is_gone_and_a_millisecond_before_it_is_not(wallet, shop):
    grant = granted(wallet, 100, expires_at=after(1))
    spend(wallet, shop, 40, at=after(1) - dt.timedelta(milliseconds=1))
    with pytest.raises(InsufficientFunds), transaction.atomic():
        spend(wallet, shop, 1, at=after(1))
    assert settle(wallet, after(1)) == 1
    assert (state(grant), left(grant), posted(wallet), books("breakage")) == ("expired", [0], 0, 60)
    assert uses(grant) == [("transfer", 40), ("grant.expired", 60)]


def test_beginning_and_end_of_a_grant_are_posted_as_of_their_instants_however_late_somebody_looks(wallet, shop):
    grant = granted(wallet, 100, effective_at=after(1), expires_at=after(2))
    assert settle(wallet, after(900)) == 2
    entries = JournalEntry.objects.filter(source_id=grant.id).order_by("created_at").values_list("kind", "created_at")
    assert list(entries) == [("grant.activated", after(1)), ("grant.expired", after(2))]
    assert (GrantUse.objects.get(grant_id=grant.id).created_at, posted(wallet)) == (after(2), 0)


def test_settling_twice_changes_nothing_more(wallet):
    granted(wallet, 100, expires_at=after(1))
    assert [settle(wallet, after(1)), settle(wallet, after(2))] == [1, 0]
    assert books("breakage") == 100


def test_what_is_left_is_revoked_once_and_goes_back_to_who_bore_it(wallet, shop):
    grant = granted(wallet, 100)
    spend(wallet, shop, 50)
    for _ in range(2):
        revoked = revoke_grant(tenant_id=wallet.tenant_id, grant_id=grant.id, reason="Mistake", at=after(1))
        assert (revoked.status, revoked.remaining) == ("revoked", 0)
    assert (posted(wallet), books("promotions")) == (0, 50)
    assert uses(grant) == [("transfer", 50), ("grant.revoked", 50)]


def test_a_scheduled_grant_is_revoked_without_a_posting_and_never_begins(wallet):
    grant = granted(wallet, 100, effective_at=after(1))
    revoked = revoke_grant(tenant_id=wallet.tenant_id, grant_id=grant.id, reason="Mistake", at=AT)
    assert (revoked.status, revoked.remaining, settle(wallet, after(2))) == ("revoked", 0, 0)
    assert entries_of(grant.id) == []


def test_a_grant_that_is_due_begins_before_it_is_revoked(wallet):
    grant = granted(wallet, 100, effective_at=after(1))
    revoke_grant(tenant_id=wallet.tenant_id, grant_id=grant.id, reason="Mistake", at=after(1))
    assert (entries_of(grant.id), posted(wallet)) == (["grant.activated", "grant.revoked"], 0)


def test_what_is_used_up_or_over_cannot_be_revoked(wallet, shop):
    used, over = granted(wallet, 10), granted(wallet, 10, expires_at=after(1), priority=60)
    spend(wallet, shop, 10)
    for grant in (used, over):
        with pytest.raises(GrantNotActive), transaction.atomic():
            revoke_grant(tenant_id=wallet.tenant_id, grant_id=grant.id, reason="Late", at=after(1))


def test_a_voided_transfer_gives_back_to_the_grants_it_took_from(wallet, shop):
    first, second = granted(wallet, 10, priority=1), granted(wallet, 10, priority=2)
    transfer = spend(wallet, shop, 15)
    assert (left(first, second), state(first)) == ([0, 5], "used")
    void_transfer(tenant_id=wallet.tenant_id, transfer_id=transfer.id, reason="No", at=after(1))
    assert (left(first, second), state(first), posted(wallet)) == ([10, 10], "active", 20)
    assert uses(first) == [("transfer", 10), ("reversal", -10)]
    assert agrees(first)


@pytest.mark.parametrize(
    ("gone", "spent", "hours"), [("expired", 4, 1), ("revoked", 4, 1), ("revoked", 4, 0), ("used", 10, 1)]
)  # fmt: skip
def test_what_comes_back_to_a_grant_that_is_over_is_credit_without_an_end(wallet, shop, gone, spent, hours):
    grant = granted(wallet, 10, expires_at=after(1))
    transfer = spend(wallet, shop, spent)
    if gone == "revoked":
        revoke_grant(tenant_id=wallet.tenant_id, grant_id=grant.id, reason="No", at=AT)
    void_transfer(tenant_id=wallet.tenant_id, transfer_id=transfer.id, reason="No", at=after(hours))
    assert (state(grant), left(grant), posted(wallet)) == (gone, [0], spent)
    assert agrees(grant)


def test_what_a_hold_needs_outlives_its_grant_and_ends_with_the_hold(wallet, shop):
    grant = granted(wallet, 100, expires_at=after(1))
    hold = place_hold(
        tenant_id=wallet.tenant_id, account_id=wallet.id, amount=30, currency="EUR", at=AT, expires_at=after(5)
    )  # fmt: skip
    settle(wallet, after(1))
    heir = Grant.objects.get(rolled_from=grant)
    assert (state(grant), heir.remaining, heir.expires_at) == ("expired", 30, after(5))
    assert (standing(wallet.id), books("breakage")) == ((30, 30), 70)
    capture_hold(
        tenant_id=wallet.tenant_id, hold_id=hold.id, to_account_id=shop.id, at=after(4), amount=10
    )  # fmt: skip
    assert left(heir) == [20]
    settle(wallet, after(5))
    assert (standing(wallet.id), books("breakage")) == ((0, 0), 90)


def test_what_is_held_cannot_be_revoked(wallet):
    grant = granted(wallet, 100)
    hold = place_hold(tenant_id=wallet.tenant_id, account_id=wallet.id, amount=30, currency="EUR", at=AT)
    with pytest.raises(InsufficientFunds), transaction.atomic():
        revoke_grant(tenant_id=wallet.tenant_id, grant_id=grant.id, reason="No", at=AT)
    release_hold(tenant_id=wallet.tenant_id, hold_id=hold.id, at=AT)
    assert revoke_grant(tenant_id=wallet.tenant_id, grant_id=grant.id, reason="No", at=AT).status == "revoked"


@pytest.mark.parametrize(
    ("spent", "rolled", "broken"), [(0, 50, 50), (60, 40, 0), (80, 20, 0), (81, 0, 19)]
)  # fmt: skip
def test_at_the_end_what_is_left_between_the_bounds_moves_into_one_more_grant_of_the_same_length(
    wallet, shop, spent, rolled, broken
):
    grant = granted(wallet, 100, expires_at=after(10), rollover=Rollover(20, 50), priority=7, metadata={"a": "b"})
    if spent:
        spend(wallet, shop, spent)
    settle(wallet, after(10))
    heir = Grant.objects.filter(rolled_from=grant).first()
    assert (posted(wallet), books("breakage"), heir.amount if heir else 0) == (rolled, broken, rolled)
    if heir is not None:
        assert (heir.effective_at, heir.expires_at, heir.priority) == (after(10), after(20), 7)
        assert entries_of(heir.id) == ["grant.rolled_over"]
        settle(wallet, after(20))
        assert (state(heir), Grant.objects.count()) == ("expired", 2)
    assert state(grant) == "expired"
    assert agrees(grant)


def test_a_suspended_account_is_granted_nothing_and_time_stands_still_on_it(wallet, shop):
    grant = granted(wallet, 100, expires_at=after(1))
    wallet.status = "suspended"
    wallet.save()
    with pytest.raises(AccountSuspended), transaction.atomic():
        granted(wallet, 1)
    with pytest.raises(AccountSuspended), transaction.atomic():
        revoke_grant(tenant_id=wallet.tenant_id, grant_id=grant.id, reason="No", at=AT)
    assert (settle(wallet, after(2)), left(grant)) == (0, [100])
    with pytest.raises(GrantNotActive), transaction.atomic():
        revoke_grant(tenant_id=wallet.tenant_id, grant_id=grant.id, reason="No", at=after(2))
    wallet.status = "active"
    wallet.save()
    with pytest.raises(InsufficientFunds), transaction.atomic():
        spend(wallet, shop, 1, at=after(2))


def test_a_grant_that_waits_for_a_closed_account_is_revoked(wallet):
    grant = granted(wallet, 100, effective_at=after(1))
    wallet.status = "closed"
    wallet.save()
    with pytest.raises(PostingToClosed), transaction.atomic():
        granted(wallet, 1)
    assert (settle(wallet, after(1)), state(grant)) == (1, "revoked")


def test_credit_is_granted_on_bounded_liability_accounts_in_their_unit_only(wallet, account):
    for wrong in (account(type="asset"), account(overdraft="unlimited"), account(overdraft="limit", limit=5)):
        with pytest.raises(NotAWallet), transaction.atomic():
            granted(wrong, 1)
    with pytest.raises(AccountReserved), transaction.atomic():
        granted(account(owner_type="system"), 1)
    with pytest.raises(WrongUnit), transaction.atomic():
        make_grant(tenant_id=wallet.tenant_id, account_id=wallet.id, amount=1, currency="USD", at=AT)


def test_an_account_with_grants_keeps_its_bound(wallet, shop):
    granted(wallet, 10)
    with pytest.raises(AccountBounded), transaction.atomic():
        change_account(
            tenant_id=wallet.tenant_id, account_id=wallet.id, at=AT, overdraft=Overdraft("limit", 5)
        )  # fmt: skip
    spend(wallet, shop, 10)
    change_account(tenant_id=wallet.tenant_id, account_id=wallet.id, at=AT, overdraft=Overdraft("limit", 5))


def test_the_account_and_the_grant_of_another_tenant_do_not_exist(wallet, other_tenant):
    grant = granted(wallet, 10)
    with tenant_scope(other_tenant.id):
        with pytest.raises(NotFound):
            make_grant(tenant_id=other_tenant.id, account_id=wallet.id, amount=1, currency="EUR", at=AT)
        with pytest.raises(NotFound):
            revoke_grant(tenant_id=other_tenant.id, grant_id=grant.id, reason="No", at=AT)
        assert settle_accounts(tenant_id=other_tenant.id, account_ids=[wallet.id], at=after(9)) == 0


def test_an_account_without_grants_costs_a_transfer_no_statement_more(wallet, shop, move, account):
    move(shop, wallet, 10)
    granted(account(), 10)
    spend(wallet, shop, 1)
    with connection.execute_wrapper(_counted := _Counter()):
        spend(wallet, shop, 1)
    assert _counted.seen == 3  # facts, posting, announcing


class _Counter:
    """Counts statements."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, execute, sql, parameters, many, context):
        self.seen += 1
        return execute(sql, parameters, many, context)


def test_ids_that_nobody_has_are_not_found(scope):
    with pytest.raises(NotFound):
        revoke_grant(tenant_id=scope.id, grant_id=new_id(), reason="No", at=AT)
    with pytest.raises(NotFound):
        make_grant(tenant_id=scope.id, account_id=new_id(), amount=1, currency="EUR", at=AT)


def test_suspended_accounts_keep_the_sweep_from_nobody_else(account, scope, monkeypatch):
    monkeypatch.setattr("accounting.services.settling_grants.BATCH", 1)
    waiting, other = account(), account()
    grants = [granted(one, 10, expires_at=after(1)) for one in (waiting, other)]
    waiting.status = "suspended"
    waiting.save()
    assert [settle_due(tenant_id=scope.id, at=after(1)) for _ in range(2)] == [1, 0]
    assert [state(grant) for grant in grants] == ["active", "expired"]


def test_a_hold_that_is_over_and_not_freed_yet_keeps_what_it_needs_a_minute_longer(wallet):
    grant = granted(wallet, 10, expires_at=after(2))
    place_hold(
        tenant_id=wallet.tenant_id, account_id=wallet.id, amount=4, currency="EUR", at=AT, expires_at=after(3)
    )  # fmt: skip
    assert settle(wallet, after(5)) == 1
    heir = Grant.objects.get(rolled_from=grant)
    assert (heir.remaining, heir.expires_at) == (4, after(5) + dt.timedelta(minutes=1))
    assert (standing(wallet.id), books("breakage")) == ((4, 4), 6)


def test_what_ended_first_is_gone_first_and_a_hold_keeps_what_ends_last(wallet):
    first, last = granted(wallet, 10, expires_at=after(1)), granted(wallet, 10, expires_at=after(2))
    place_hold(tenant_id=wallet.tenant_id, account_id=wallet.id, amount=10, currency="EUR", at=AT)
    assert settle(wallet, after(3)) == 2
    assert [(one.rolled_from_id, one.remaining) for one in Grant.objects.filter(status="active")] == [(last.id, 10)]
    assert (uses(first), books("breakage")) == ([("grant.expired", 10)], 10)
