"""What billing refuses, each with its code of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import AlreadyExists, Conflict, Problem, RuleViolation


class CustomerErased(Conflict):
    """409: the personal data of the customer were erased; nothing about them changes any more."""

    code = "customer_erased"
    message = "The data of this customer were erased. They cannot be changed."


class CustomerInUse(Conflict):
    """409: documents, subscriptions or balances hold the customer. The message gives the reasons."""

    code = "customer_in_use"
    message = "The customer is in use and cannot be deleted."

    def __init__(self, reasons: Sequence[str] = ()) -> None:
        text = f"The customer cannot be deleted: {'; '.join(reasons)}." if reasons else None
        super().__init__(text)


class CustomerExists(AlreadyExists):
    """409: another customer of the tenant has this externalId."""

    def __init__(self) -> None:
        text = "A customer with this externalId already exists."
        super().__init__(text, details=[Problem("externalId", "already_exists", text)])


class CustomerMismatch(RuleViolation):
    """422: a request names a customer twice, and these are two customers."""

    code = "customer_mismatch"
    message = "userId and customerId name two different customers."
