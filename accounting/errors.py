"""Refusals of the accounting app."""

from common.errors import AlreadyExists, Conflict, Problem, RuleViolation


class AccountClosed(Conflict):
    """409: the addressed account is closed, and stays closed."""

    code = "account_closed"
    message = "The account is closed."


class AccountNotEmpty(Conflict):
    """409: an account is closed only when nothing is posted to it and nothing held."""

    code = "account_not_empty"
    message = "The account still has a balance or active holds."


class AccountReserved(RuleViolation):
    """422: the accounts of the books belong to Ledger: nobody else posts to them or changes them."""

    code = "account_reserved"
    message = "The account is one of the books, to which only Ledger itself posts."


class UnknownUnit(RuleViolation):
    """422: neither an ISO 4217 currency nor a unit of the tenant."""

    code = "unknown_unit"
    message = "The currency is neither an ISO 4217 code nor a unit of this tenant."


class InsufficientFunds(RuleViolation):
    """422: an account would fall below what its overdraft allows."""

    code = "insufficient_funds"
    message = "The account does not have enough available funds."


class AccountSuspended(RuleViolation):
    """422: nothing is posted to a suspended account."""

    code = "account_suspended"
    message = "The account is suspended."


class PostingToClosed(RuleViolation):
    """422: nothing is posted to a closed account."""

    code = "account_closed"
    message = "The account is closed."


class WrongUnit(RuleViolation):
    """422: the amount is in another unit than the account."""

    code = "currency_mismatch"
    message = "The account has another currency."


class UnbalancedEntry(RuleViolation):
    """422: debits and credits differ in one of the units."""

    code = "unbalanced_entry"
    message = "Debits and credits of the entry differ."


class AmountTooLarge(RuleViolation):
    """422: a balance or a total that no column can hold."""

    code = "amount_too_large"
    message = "The amount is larger than Ledger can hold."


class HoldNotActive(Conflict):
    """409: the hold was captured, released or has expired."""

    code = "hold_not_active"
    message = "The hold is not active any more."


class AmountExceedsHold(RuleViolation):
    """422: more is to be captured than is held."""

    code = "amount_exceeds_hold"
    message = "More than the hold reserves cannot be captured."


class CodeTaken(AlreadyExists):
    """409: another account, or another unit, of the tenant has this code."""

    def __init__(self, message: str) -> None:
        super().__init__(message, details=[Problem("code", "already_exists", message)])


class BatchIdTaken(AlreadyExists):
    """409: another entry of the tenant has this batchId."""

    def __init__(self) -> None:
        text = "An entry with this batchId already exists."
        super().__init__(text, details=[Problem("batchId", "already_exists", text)])


class EntryNotReversible(Conflict):
    """409: a reversing entry, or one that Ledger posted itself, is not reversed by callers."""

    code = "entry_not_reversible"
    message = "This entry cannot be reversed: only entries and transfers that callers posted can."


class StatementTooLong(RuleViolation):
    """422: more movements than a file holds."""

    code = "statement_too_long"
    message = "The period has more movements than one file holds: ask for a shorter one, or for pages."


class ExportTooLong(RuleViolation):
    """422: a file of the journal cannot hold the period."""

    code = "export_too_long"
    message = "The period has more than 100,000 lines. Choose a shorter one."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, details=[Problem("to", self.code, message or self.message)])


class AccountBounded(Conflict):
    """409: an account keeps its bound as long as there are grants on it, and the wallet of a customer for ever."""

    code = "account_bounded"
    message = "An account with grants is never overdrawn, and the wallet of a customer never without bound."


class NotAWallet(RuleViolation):
    """422: credit is granted only on liability accounts without overdraft."""

    code = "account_not_a_wallet"
    message = "Credit is granted only on accounts of the type liability that may not be overdrawn."


class GrantNotActive(Conflict):
    """409: all of the grant is used, or has expired."""

    code = "grant_not_active"
    message = "The grant is used up or has expired."
