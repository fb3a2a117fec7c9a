"""Errors of the invoicing app, with the contract's codes."""

from common.errors import Conflict, DomainError, RuleViolation


class InvoiceNotDraft(Conflict):
    code = "invoice_not_draft"
    message = "Only a draft can be changed. Correct a finalised invoice with a new document."


class InvoiceEmpty(RuleViolation):
    code = "invoice_empty"
    message = "An invoice without items cannot be finalised."


class InvoiceAlreadyPaid(Conflict):
    code = "invoice_already_paid"
    message = "The invoice has been paid, wholly or in part."


class InvoiceNotPayable(Conflict):
    code = "invoice_not_payable"
    message = "A draft, void or refunded invoice cannot be paid."


class InvoiceAlreadyVoid(Conflict):
    code = "invoice_already_void"
    message = "The invoice is void already."


class InvoiceNotFinalised(Conflict):
    code = "invoice_not_finalised"
    message = "The invoice is a draft. Finalise it first, or delete it."


class DocumentErased(DomainError):
    """The document held personal data that has been erased; its digest is kept."""

    code = "document_erased"
    status = 410
    message = "The document was erased together with the personal data on it."


class OverPayment(RuleViolation):
    code = "over_payment"
    message = "The amount is more than what is due on the invoice."


class AmountTooLarge(RuleViolation):
    code = "amount_too_large"
    message = "An amount of the invoice would be beyond 10^15 minor units."


class NegativeTotal(RuleViolation):
    """422: credits are more than what is charged; what is left of them is another document."""

    code = "negative_total"
    message = "The items of the invoice would come to less than nothing."


class SeriesStarted(Conflict):
    code = "series_started"
    message = "The series has numbers already, so its start cannot be changed."


class NoEmailAddress(RuleViolation):
    code = "no_email_address"
    message = "Neither the request nor the invoice names an e-mail address."
