"""Closed lists of the invoicing app."""

from django.db.models import TextChoices


class InvoiceStatus(TextChoices):
    """Where an invoice stands (`transitions.py` says what leads where)."""

    DRAFT = "draft"
    PENDING = "pending"
    FAILED = "failed"
    PAST_DUE = "past_due", "Past due"
    PAID = "paid"
    REFUNDED = "refunded"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


class InvoiceCommand(TextChoices):
    """What may happen to an invoice."""

    FINALISE = "finalise"
    SETTLE = "settle"  # the whole amount has been paid or credited
    FAIL = "fail"  # the provider could not collect
    RETRY = "retry"  # a new attempt to collect
    FALL_DUE = "fall_due", "Fall due"
    VOID = "void"
    WRITE_OFF = "write_off", "Write off"
    REFUND = "refund"  # the whole amount has gone back
    LOSE_DISPUTE = "lose_dispute", "Lose dispute"


class ItemType(TextChoices):
    """Where an item comes from."""

    ONE_TIME = "one_time"
    SUBSCRIPTION = "subscription"
    USAGE = "usage"
    PRORATION = "proration"
    ADJUSTMENT = "adjustment"
    MINIMUM = "minimum"


class TaxCategory(TextChoices):
    """Why a tax row has the rate it has."""

    STANDARD = "standard"
    REVERSE_CHARGE = "reverse_charge"
    ZERO = "zero"
    EXEMPT = "exempt"
    OUTSIDE = "outside"


class EmailStatus(TextChoices):
    """What became of the invoice's e-mail."""

    NONE = "none"
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    NO_ADDRESS = "no_address"


class RecognitionCommand(TextChoices):
    """What may happen to a month of a service period."""

    RECOGNISE = "recognise"
    VOID = "void"  # its invoice


class RecognitionStatus(TextChoices):
    """Where a month of a service period stands in the books."""

    SCHEDULED = "scheduled"
    RECOGNISED = "recognised"
    CANCELLED = "cancelled"  # the invoice became void before
    REVERSED = "reversed"  # the invoice became void afterwards
