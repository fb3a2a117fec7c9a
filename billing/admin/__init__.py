"""Pages of the billing app: customers, the catalogue, payments."""

from billing.admin import coupons, customers, exchange_rates, features, payments, plans, prices, products, tax_rates
from tenants.backoffice.references import pages
from tenants.backoffice.subjects import panel_sources, related_sources

pages.update(
    {
        "customer": "billing_customer", "product": "billing_product", "payment": "billing_payment",
        "feature": "billing_feature", "price": "billing_price", "plan": "billing_plan",
        "planVersion": "billing_planversion", "coupon": "billing_coupon", "exchangeRate": "billing_exchangerate",
        "taxRate": "billing_taxrate",
    }
)  # fmt: skip
panel_sources.register("billing.coupons", coupons.coupons_of, entity="customer")
related_sources.register("billing.payments", payments.payments_of, entity="customer")

__all__ = ["coupons", "customers", "exchange_rates", "features", "payments", "plans", "prices", "products", "tax_rates"]
