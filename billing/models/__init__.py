"""Models of the billing app, one file per subject."""

from billing.models.customer import Customer
from billing.models.payment import Payment
from billing.models.product import Product

__all__ = ["Customer", "Payment", "Product"]
