"""Pages of the invoicing app: invoices with their lines and documents; reports; and what other pages show of them."""

from invoicing.admin import invoices, panels, reports
from tenants.backoffice.cards import cards
from tenants.backoffice.references import pages
from tenants.backoffice.subjects import panel_sources, related_sources

pages["invoice"] = "invoicing_invoice"
related_sources.register("invoicing.payments", panels.related_to_invoice, entity="invoice")
related_sources.register("invoicing.invoices", panels.related_to_customer, entity="customer")
panel_sources.register("invoicing.invoices", panels.customer_invoices, entity="customer")
panel_sources.register("invoicing.paid", panels.paid_invoices, entity="payment")
cards.register("invoicing.invoices", panels.open_invoices)

__all__ = ["invoices", "panels", "reports"]
