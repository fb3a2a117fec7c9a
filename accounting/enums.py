"""Closed lists of the accounting app."""

from django.db.models import TextChoices


class OwnerType(TextChoices):
    """Whose account it is. Those of the system are the books themselves: only Ledger posts to them."""

    CUSTOMER = "customer"
    TENANT = "tenant"
    SYSTEM = "system"


class AccountType(TextChoices):
    """The five kinds of accounts of double-entry bookkeeping."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"
    EQUITY = "equity"


DEBIT_TYPES = (AccountType.ASSET, AccountType.EXPENSE)
"""Their balance is debit − credit; that of the others is credit − debit."""


class OverdraftPolicy(TextChoices):
    """How far the balance of an account may fall below zero."""

    NONE = "none"
    LIMIT = "limit"
    UNLIMITED = "unlimited"


class AccountStatus(TextChoices):
    """The life of an account. A closed one is never opened again."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class AccountCommand(TextChoices):
    """What is done to an account."""

    SUSPEND = "suspend"
    ACTIVATE = "activate"
    CLOSE = "close"


class Side(TextChoices):
    """The two sides of an entry."""

    DEBIT = "debit"
    CREDIT = "credit"


class TransferStatus(TextChoices):
    """A transfer is posted at once; voiding it posts the reverse."""

    POSTED = "posted"
    VOIDED = "voided"


class HoldStatus(TextChoices):
    """The life of a hold. Only an active one reserves anything."""

    ACTIVE = "active"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"


class HoldCommand(TextChoices):
    """What is done to a hold."""

    CAPTURE = "capture"
    RELEASE = "release"
    EXPIRE = "expire"


class EntryKind(TextChoices):
    """Why an entry was posted. What billing posts is named after the fact: `invoice.finalised`."""

    MANUAL = "manual"
    TRANSFER = "transfer"
    REVERSAL = "reversal"
    GRANT_ACTIVATED = "grant.activated"
    GRANT_ROLLED_OVER = "grant.rolled_over"
    GRANT_EXPIRED = "grant.expired"
    GRANT_REVOKED = "grant.revoked"


class GrantSource(TextChoices):
    """Where granted credit comes from, which says who bears it in the books."""

    PURCHASED = "purchased"
    PROMOTIONAL = "promotional"
    INCLUDED = "included"


class GrantStatus(TextChoices):
    """The life of a grant. Only an active one is part of the balance; all of it is gone in the last three."""

    SCHEDULED = "scheduled"
    ACTIVE = "active"
    USED = "used"
    EXPIRED = "expired"
    REVOKED = "revoked"
