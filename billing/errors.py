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


class VatIdMissing(Conflict):
    """409: the customer has no VAT number that could be verified."""

    code = "vat_id_missing"
    message = "The customer has no VAT number."

    def __init__(self) -> None:
        super().__init__(details=[Problem("vatId", self.code, self.message)])


class CustomerHeld(Conflict):
    """409: the data of the customer may not be erased yet. The message gives the reasons of all blockers."""

    code = "customer_held"
    message = "The data of this customer may not be erased yet."

    def __init__(self, reasons: Sequence[str] = ()) -> None:
        text = f"The data of this customer may not be erased yet: {'; '.join(reasons)}." if reasons else None
        super().__init__(text)
        self.reasons = list(reasons)


class CustomerExists(AlreadyExists):
    """409: another customer of the tenant has this externalId."""

    def __init__(self) -> None:
        text = "A customer with this externalId already exists."
        super().__init__(text, details=[Problem("externalId", "already_exists", text)])


class CustomerMismatch(RuleViolation):
    """422: a request names a customer twice, and these are two customers."""

    code = "customer_mismatch"
    message = "userId and customerId name two different customers."


class ExchangeRateExists(AlreadyExists):
    """409: the two currencies have a rate from this instant on; rates never change."""

    def __init__(self) -> None:
        text = "There is a rate of these two currencies from this instant on. A correction begins later."
        super().__init__(text, details=[Problem("validFrom", "already_exists", text)])


class FeatureExists(AlreadyExists):
    """409: another feature of the application, or another global one, has this key."""

    def __init__(self) -> None:
        text = "A feature with this key already exists."
        super().__init__(text, details=[Problem("key", "already_exists", text)])


class FeatureArchived(Conflict):
    """409: the feature is archived. `path` names the field that asked for it."""

    code = "feature_archived"
    message = "The feature is archived."

    def __init__(self, paths: Sequence[str] = ()) -> None:
        super().__init__(details=[Problem(path, self.code, self.message) for path in paths])


class FeatureInUse(Conflict):
    """409: plans, prices or something of a higher app refer to the feature. The message gives the reasons."""

    code = "feature_in_use"
    message = "The feature is in use and cannot be deleted. Archive it instead."

    def __init__(self, reasons: Sequence[str] = ()) -> None:
        text = f"The feature cannot be deleted: {'; '.join(reasons)}. Archive it instead." if reasons else None
        super().__init__(text)


class FeatureNotCounted(RuleViolation):
    """422: a price is charged for how much of a feature is used, and of this one nothing is counted."""

    code = "feature_not_counted"
    message = "A feature of the type boolean has no quantity that a price could charge for."

    def __init__(self, path: str) -> None:
        super().__init__(details=[Problem(path, self.code, self.message)])


class PriceInUse(Conflict):
    """409: the price is used, so that only `active` and `metadata` still change. `details` name the others."""

    code = "price_in_use"
    message = "The price is in use. Only active and metadata can change; make a new price for other terms."

    def __init__(self, paths: Sequence[str] = ()) -> None:
        super().__init__(details=[Problem(path, self.code, "This does not change any more.") for path in paths])


class PriceInactive(RuleViolation):
    """422: a price that is not active enters nothing new, nor does one of a product that is not sold any more."""

    code = "price_inactive"
    message = "The price or its product is not active."

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(details=[Problem(path, self.code, self.message) for path in paths])


class ApplicationMismatch(RuleViolation):
    """422: a plan grants global features and those of its own application, and this one is of another."""

    code = "application_mismatch"
    message = "The feature belongs to another application than the plan."

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(details=[Problem(path, self.code, self.message) for path in paths])


class PlanExists(AlreadyExists):
    """409: another plan of the application, or another global one, has this slug."""

    def __init__(self) -> None:
        text = "A plan with this slug already exists."
        super().__init__(text, details=[Problem("slug", "already_exists", text)])


class PlanArchived(Conflict):
    """409: the plan is over; it gets no versions and does not change. `paths` are the fields that asked for it."""

    code = "plan_archived"
    message = "The plan is archived."

    def __init__(self, paths: Sequence[str] = ()) -> None:
        super().__init__(details=[Problem(path, self.code, self.message) for path in paths])


class PlanNotActive(RuleViolation):
    """422: nothing is charged for a plan that is a draft or archived, or of which no version is in force then."""

    code = "plan_not_active"
    message = "The plan is not sold at this time."

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(details=[Problem(path, self.code, self.message) for path in paths])


class PriceNotInPlan(RuleViolation):
    """422: the version of the plan that is in force does not charge the price."""

    code = "price_not_in_plan"
    message = "The plan does not charge this price at this time."

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(details=[Problem(path, self.code, self.message) for path in paths])


class PlanPublished(Conflict):
    """409: the plan was published: only name, description and metadata still change. `details` name the rest."""

    code = "plan_published"
    message = "The plan is published. Only name, description and metadata change; a new version changes the rest."

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(details=[Problem(path, self.code, "A new version changes this.") for path in paths])


class PlanInUse(Conflict):
    """409: the plan was published, or something of a higher app refers to it. The message gives the reasons."""

    code = "plan_in_use"
    message = "The plan is in use and cannot be deleted. Archive it instead."

    def __init__(self, reasons: Sequence[str] = ()) -> None:
        text = f"The plan cannot be deleted: {'; '.join(reasons)}. Archive it instead." if reasons else None
        super().__init__(text)


class VersionPublished(Conflict):
    """409: the version was published before; it never changes and is not published again."""

    code = "version_published"
    message = "The version was published before. Make a new version."


class VersionNotPublished(Conflict):
    """409: what was never published cannot be deactivated."""

    code = "version_not_published"
    message = "The version is a draft. There is nothing to deactivate."


class VersionOverlap(Conflict):
    """409: two versions of a plan would be in force at the same time, or what has been in force would change."""

    code = "version_overlap"
    message = "Another version of the plan is in force in this time."

    def __init__(self, message: str | None = None) -> None:
        text = message or self.message
        super().__init__(text, details=[Problem("startsAt", self.code, text)])


class CouponExists(AlreadyExists):
    """409: another coupon of the tenant has this code."""

    def __init__(self) -> None:
        text = "A coupon with this code already exists."
        super().__init__(text, details=[Problem("code", "already_exists", text)])


class CouponInUse(Conflict):
    """409: the coupon was redeemed, or something of a higher app refers to it. The message gives the reasons."""

    code = "coupon_in_use"
    message = "The coupon is in use and cannot be deleted. Set active to false instead."

    def __init__(self, reasons: Sequence[str] = ()) -> None:
        said = f"The coupon cannot be deleted: {'; '.join(reasons)}. Set active to false instead."
        super().__init__(said if reasons else None)


class CouponLimitTooLow(Conflict):
    """409: the coupon was redeemed more often already than the new limit would allow."""

    code = "coupon_in_use"
    message = "The coupon was redeemed more often already."

    def __init__(self, times: int) -> None:
        super().__init__(details=[Problem("maxRedemptions", self.code, f"It was redeemed {times} times already.")])


class AlreadyRedeemed(Conflict):
    """409: the customer has the coupon, and it is not used up."""

    code = "already_redeemed"
    message = "The customer has redeemed this coupon already, and it is not used up."


class CouponRefused(RuleViolation):
    """422: a coupon cannot be had now, or not for this. `details` name the field where a body named the coupon."""

    def __init__(self, path: str | None = None, message: str | None = None) -> None:
        super().__init__(message)
        if path is not None:
            self.details = [Problem(path, self.code, self.message)]


class CouponNotStarted(CouponRefused):
    """422: it is redeemed from a later instant on."""

    code = "coupon_not_started"
    message = "The coupon is not valid yet."


class CouponExpired(CouponRefused):
    """422: it was redeemed up to an earlier instant."""

    code = "coupon_expired"
    message = "The coupon has expired."


class CouponExhausted(CouponRefused):
    """422: it was redeemed as often as it may be, by all or by this customer."""

    code = "coupon_exhausted"
    message = "The coupon has been redeemed as often as it may be."


class CouponNotApplicable(CouponRefused):
    """422: it is not active, of another application, or restricted to what is not on the invoice."""

    code = "coupon_not_applicable"
    message = "The coupon does not apply here."


class OverlappingTaxRate(Conflict):
    """409: another rate of this country, region and category is in force at the same time. `path` names the bound."""

    code = "overlapping_tax_rate"
    message = "Another rate of this country, region and category is in force in this time."

    def __init__(self, path: str) -> None:
        super().__init__(details=[Problem(path, self.code, self.message)])


class TaxRateInForce(Conflict):
    """409: the rate has been in force, and what has been in force stays so."""

    code = "tax_rate_in_force"
    message = "The rate has been in force. It can end now or later."

    def __init__(self, message: str) -> None:
        super().__init__(message, details=[Problem("validUntil", self.code, message)])
