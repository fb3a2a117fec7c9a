"""Pages of the billing app: customers, the catalogue, payments."""

from billing.admin import customers, features, payments, plans, prices, products, tax_rates
from tenants.backoffice.references import pages
from tenants.backoffice.subjects import related_sources

pages.update(
    {
        "customer": "billing_customer", "product": "billing_product", "payment": "billing_payment",
        "feature": "billing_feature", "price": "billing_price", "plan": "billing_plan",
        "planVersion": "billing_planversion", "taxRate": "billing_taxrate",
    }
)  # fmt: skip
related_sources.register("billing.payments", payments.payments_of, entity="customer")

__all__ = ["customers", "features", "payments", "plans", "prices", "products", "tax_rates"]
