"""What the engine refuses. Each error lists its problems with the path of the field, as the API shows them."""

from __future__ import annotations

from common.errors import InvalidRequest, Problem, RuleViolation
from common.money import CurrencyMismatch


class InvalidPrice(InvalidRequest):
    """400: the definition of a price is not one: tiers with gaps, fields that its model does not know and so on."""


class InvalidCoupon(InvalidRequest):
    """400: the definition of a coupon is not one."""


class InvalidLine(InvalidRequest):
    """400: a line, one of its taxes, or a credit cannot be computed with."""


class InvalidUsage(InvalidRequest):
    """400: usage, a share of a period or what was billed before does not fit the price."""


class InvalidConversion(InvalidRequest):
    """400: an amount cannot be converted: no rate above 0, no two currencies."""


class InvalidDerivation(InvalidRequest):
    """400: what should be replayed is not a derivation of this engine, or of a version it does not know."""


class CurrencyDoesNotFit(CurrencyMismatch):
    """422: a price or a coupon is in another currency than what it is applied to. `details` name the field."""

    def __init__(self, left: str, right: str, *, path: str) -> None:
        super().__init__(left, right)
        self.details = [Problem(path, self.code, self.message)]


class DuplicateCoupon(RuleViolation):
    """422: the same coupon is given twice for one invoice."""

    code = "duplicate_coupon"
    message = "A coupon counts once on an invoice."

    def __init__(self, path: str) -> None:
        super().__init__(details=[Problem(path, self.code, self.message)])
