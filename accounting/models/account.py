"""Accounts and their running balances."""

from __future__ import annotations

from functools import reduce
from operator import or_

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat

from accounting.chart import CHART
from accounting.enums import AccountStatus, AccountType, OverdraftPolicy, OwnerType
from common.money import MAX_AMOUNT
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned, Timestamped

ACCOUNT_CODE_UNIQUE = "account_code_unique"
ACCOUNT_CODE_OF_BOOKS = "account_code_of_books"
BALANCE_WITHIN_LIMIT = "balance_within_limit"

_BOOKS = Q(owner_type=OwnerType.SYSTEM, overdraft_policy=OverdraftPolicy.UNLIMITED)
_BOOKS_CODE = Q(code__regex=f"^({'|'.join(CHART)}):")
_OF_ITS_TYPE = reduce(
    or_, (Q(type=one.type, code=Concat(Value(f"{one.role}:"), F("currency"))) for one in CHART.values())
)  # fmt: skip


class Account(TenantOwned, Timestamped):
    """Something that has a balance in one unit. Never deleted; unit, type and owner never change.

    `owner_id` names an object of a higher app (a customer), so that it has no foreign key. `code` is the account's name
    in the chart of accounts. `is_wallet` marks the one account that Ledger itself has made for what it owes a customer
    in this unit; customers may have others. Triggers keep `Balance` in step with the overdraft, refuse to close what is
    not empty, and let nobody post to what is not active.
    """

    currency = models.CharField(max_length=16)  # an ISO 4217 code, or the code of a unit of the tenant
    owner_type = models.CharField(max_length=16, choices=OwnerType.choices, default=OwnerType.TENANT)
    owner_id = models.UUIDField(null=True)
    type = models.CharField(max_length=16, choices=AccountType.choices, default=AccountType.LIABILITY)
    code = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null is "not given" in the API
    overdraft_policy = models.CharField(
        max_length=16, choices=OverdraftPolicy.choices, default=OverdraftPolicy.NONE
    )  # fmt: skip
    overdraft_limit = models.BigIntegerField(null=True)  # minor units below zero; only with the policy `limit`
    status = models.CharField(max_length=16, choices=AccountStatus.choices, default=AccountStatus.ACTIVE)
    is_wallet = models.BooleanField(default=False, db_default=False)
    metadata = models.JSONField(default=dict)

    class Meta:
        constraints = [
            TenantIsolation(name="account_isolation"),
            TenantKey(name="account_tenant_key"),
            TenantForeignKey(field="tenant", name="account_tenant"),
            Audited(
                name="account_audit",
                entity="account",
                verbs={"active": "activated"},
            ),
            models.UniqueConstraint(fields=["tenant", "code"], name=ACCOUNT_CODE_UNIQUE),
            models.CheckConstraint(
                name="account_currency_shape", condition=Q(currency__regex="^[A-Z][A-Z0-9_]{2,15}$")
            ),
            models.CheckConstraint(name="account_owner_known", condition=Q(owner_type__in=OwnerType.values)),
            models.CheckConstraint(
                name="account_customer_is_named",
                condition=~Q(owner_type=OwnerType.CUSTOMER) | Q(owner_id__isnull=False),
            ),
            models.CheckConstraint(name="account_type_known", condition=Q(type__in=AccountType.values)),
            models.CheckConstraint(name="account_status_known", condition=Q(status__in=AccountStatus.values)),
            models.UniqueConstraint(
                fields=["tenant", "owner_id", "currency"], name="account_one_wallet",
                condition=Q(is_wallet=True) & ~Q(status=AccountStatus.CLOSED),
            ),
            models.CheckConstraint(
                name="account_wallet_is_owed",
                condition=Q(is_wallet=False)
                | (
                    Q(owner_type=OwnerType.CUSTOMER, type=AccountType.LIABILITY)
                    & ~Q(overdraft_policy=OverdraftPolicy.UNLIMITED)
                ),
            ),
            models.CheckConstraint(name="account_code_not_empty", condition=~Q(code="")),
            # The codes of the chart belong to the books: nobody else's account can stand in for one.
            models.CheckConstraint(
                name=ACCOUNT_CODE_OF_BOOKS, condition=Q(code=None) | ~_BOOKS_CODE | (_BOOKS & _OF_ITS_TYPE)
            ),
            models.CheckConstraint(
                name="account_overdraft_known",
                condition=Q(overdraft_policy=OverdraftPolicy.LIMIT, overdraft_limit__range=(0, MAX_AMOUNT))
                | Q(overdraft_policy__in=[OverdraftPolicy.NONE, OverdraftPolicy.UNLIMITED], overdraft_limit=None),
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["tenant", "owner_id", "id"], name="account_by_owner"),
            models.Index(fields=["tenant", "id"], name="account_newest"),
            models.Index(fields=["tenant", "currency", "id"], name="account_by_currency"),
            # Of the common ones a list finds enough among the newest.
            models.Index(
                fields=["tenant", "status", "id"], name="account_by_rare_status",
                condition=Q(status__in=[AccountStatus.SUSPENDED, AccountStatus.CLOSED]),
            ),
            models.Index(
                fields=["tenant", "type", "id"], name="account_by_rare_type",
                condition=Q(type__in=[one for one in AccountType if one != AccountType.LIABILITY]),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.code or f"{self.type} account in {self.currency}"


class Balance(TenantOwned):
    """What stands on an account that may not be overdrawn without bound; its id is the account's.

    Written by triggers only: posting lines moves `posted`, holds move `held`, the account's overdraft gives `floor`.
    Accounts without a bound have no such row, because nobody has to wait for anybody there: theirs is summed.
    Amounts are in minor units, from the account's own point of view: what `accounting.posting.natural` says.
    """

    id = None  # type: ignore[assignment]
    account = models.OneToOneField(
        Account, on_delete=models.PROTECT, primary_key=True, db_column="id", db_constraint=False, related_name="balance"
    )
    posted = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    floor = models.BigIntegerField()

    class Meta:
        constraints = [
            TenantIsolation(name="balance_isolation"),
            TenantForeignKey(field="account", name="balance_account"),
            models.CheckConstraint(name="balance_held_not_negative", condition=Q(held__gte=0)),
            models.CheckConstraint(name=BALANCE_WITHIN_LIMIT, condition=Q(posted__gte=F("floor") + F("held"))),
        ]

    def __str__(self) -> str:
        return f"{self.posted} posted, {self.held} held"
