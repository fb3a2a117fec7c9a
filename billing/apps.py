"""Billing: the Django application."""

from importlib import import_module

from django.apps import AppConfig

from billing.events import CUSTOMER_CREATED, CUSTOMER_UPDATED
from events.public import make_public
from tenants.registries import erasers, owner_holders


class BillingConfig(AppConfig):
    """Customers, the catalogue, providers, payments and refunds."""

    name = "billing"

    def ready(self) -> None:
        """Answer for customers; say what is erased with them, and which events callers outside may have."""
        owner_holders.register("billing.customers", import_module("billing.guards").hold_owner, entity="customer")
        erasers.register("billing.payments", import_module("billing.erasing").PaymentTexts())
        erasers.register("billing.vat_checks", import_module("billing.erasing").VatEvidence())
        make_public(CUSTOMER_CREATED, CUSTOMER_UPDATED)
