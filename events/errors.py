"""What can go wrong in the events app. The first two are mistakes of our own code, not of a caller."""

from common.errors import Conflict, RuleViolation


class PublishedOutsideScope(RuntimeError):
    """An event was published outside the transaction of its tenant: it could not commit together with its cause."""


class InvalidEvent(ValueError):
    """An event that could not be stored or read: its type, times or data are malformed."""


class UnknownSubscriber(RuleViolation):
    """No subscriber of this name is registered."""

    code = "unknown_subscriber"
    message = "No subscriber of this name is registered."


class InvalidMail(RuleViolation):
    """A mail that no server would take."""

    code = "invalid_mail"
    message = "The mail cannot be sent as it is."


class MailNotFailed(Conflict):
    """Only a mail that was given up can be sent again."""

    code = "mail_not_failed"
    message = "The mail has not failed: it was sent, or waits for its next attempt."


class MailErased(Conflict):
    """What the mail said, and to whom, is gone."""

    code = "mail_erased"
    message = "The content of the mail was erased. It cannot be sent any more."
