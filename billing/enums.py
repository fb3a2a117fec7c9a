"""Closed lists of the billing app."""

from django.db.models import TextChoices


class VatStatus(TextChoices):
    """What is known about a customer's VAT number; none is no answer at all (null)."""

    UNVERIFIED = "unverified"
    VALID = "valid"
    INVALID = "invalid"


class ProductType(TextChoices):
    """Whether a product is sold once or again and again."""

    ONE_TIME = "one_time"
    RECURRING = "recurring"


class BillingInterval(TextChoices):
    """The calendar unit of a recurring charge."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class PaymentStatus(TextChoices):
    """The life of a payment. The last three are settled: nothing but refunds can follow."""

    PENDING = "pending"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


SETTLED_PAYMENT_STATUSES = (PaymentStatus.SUCCEEDED, PaymentStatus.FAILED, PaymentStatus.CANCELLED)


class PaymentMethodKind(TextChoices):
    """How the money came."""

    MANUAL = "manual"
    BANK_TRANSFER = "bank_transfer"
    CASH = "cash"
    CARD = "card"
    CUSTOM = "custom"
