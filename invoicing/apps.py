"""Invoicing: the Django application."""

from importlib import import_module

from django.apps import AppConfig

from tenants.registries import in_use_guards, retention_blockers


class InvoicingConfig(AppConfig):
    """Invoices, items, credit notes, numbering and tax."""

    name = "invoicing"

    def ready(self) -> None:
        """Tell lower apps what holds a customer."""
        guards = import_module("invoicing.guards")  # models can be imported only now
        in_use_guards.register("invoicing.invoices", guards.customer_in_use, entity="customer")
        retention_blockers.register("invoicing.unpaid", guards.unpaid_invoices)
