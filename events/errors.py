"""What can go wrong in the events app. The first two are mistakes of our own code, not of a caller."""

from common.errors import RuleViolation


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
