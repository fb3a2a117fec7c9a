"""Invoicing: the Django application."""

from django.apps import AppConfig


class InvoicingConfig(AppConfig):
    """Invoices, items, credit notes, numbering and tax."""

    name = "invoicing"
