"""Closed lists of the billing app."""

from django.db.models import TextChoices


class VatStatus(TextChoices):
    """What is known about a customer's VAT number; none is no answer at all (null)."""

    UNVERIFIED = "unverified"
    VALID = "valid"
    INVALID = "invalid"


class VatSource(TextChoices):
    """Who judged a VAT number: its own check digits, or the member's register through VIES."""

    CHECKSUM = "checksum"
    VIES = "vies"


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
    CREDIT = "credit"  # no money came: it was taken from the customer's wallet


MONEY = tuple(kind for kind in PaymentMethodKind if kind != PaymentMethodKind.CREDIT)
"""The kinds that bring money, and that people may record by hand."""


class FeatureType(TextChoices):
    """How a feature is granted: on or off, by what is used in a period, or by how many hold it at once."""

    BOOLEAN = "boolean"
    METERED = "metered"
    SEAT = "seat"


class FeatureStatus(TextChoices):
    """An archived feature stays where it is and enters nothing new."""

    ACTIVE = "active"
    ARCHIVED = "archived"


class FeatureCommand(TextChoices):
    """What moves a feature."""

    ARCHIVE = "archive"


class PlanStatus(TextChoices):
    """A draft may change in everything; an active plan has had a version published; an archived one is over."""

    DRAFT = "draft"
    ACTIVE = "active"
    ARCHIVED = "archived"


class PlanCommand(TextChoices):
    """What moves a plan."""

    PUBLISH = "publish"
    ARCHIVE = "archive"


class VersionStatus(TextChoices):
    """The life of a version of a plan. What was published never changes again."""

    DRAFT = "draft"
    PUBLISHED = "published"
    DEACTIVATED = "deactivated"


class VersionCommand(TextChoices):
    """What moves a version."""

    PUBLISH = "publish"
    DEACTIVATE = "deactivate"


class ResetPeriod(TextChoices):
    """When what was used of a metered feature starts again at nothing."""

    BILLING_PERIOD = "billing_period"
    MONTH = "month"
    YEAR = "year"
    NEVER = "never"
