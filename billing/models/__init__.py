"""Models of the billing app, one file per subject."""

from billing.models.customer import Customer
from billing.models.feature import Feature
from billing.models.payment import Payment
from billing.models.plan import Plan, PlanFeature, PlanPrice, PlanVersion
from billing.models.price import Price
from billing.models.product import Product
from billing.models.tax_rate import TaxRate

__all__ = [
    "Customer", "Feature", "Payment", "Plan", "PlanFeature", "PlanPrice", "PlanVersion", "Price", "Product", "TaxRate",
]  # fmt: skip
