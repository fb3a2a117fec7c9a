"""Models of the billing app, one file per subject."""

from billing.models.coupon import Coupon, CouponTarget, CouponUse, Redemption
from billing.models.customer import Customer
from billing.models.exchange_rate import ExchangeRate
from billing.models.feature import Feature
from billing.models.payment import Payment
from billing.models.plan import Plan, PlanFeature, PlanPrice, PlanVersion
from billing.models.price import Price
from billing.models.product import Product
from billing.models.tax_rate import (
    TaxRate,
)
from billing.models.vat import (
    VatCheck,
    VatVerification,
)

__all__ = [
    "Coupon", "CouponTarget", "CouponUse", "Customer", "ExchangeRate", "Feature", "Payment", "Plan", "PlanFeature",
    "PlanPrice", "PlanVersion", "Price", "Product", "Redemption", "TaxRate", "VatCheck", "VatVerification",
]  # fmt: skip
