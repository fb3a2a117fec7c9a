"""Billing: the Django application."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Customers, the catalogue, providers, payments and refunds."""

    name = "billing"
