"""Invoicing: the Django application."""

from importlib import import_module

from django.apps import AppConfig

from accounting.checks import books_checks
from events.attachments import register_attachment
from events.public import make_public
from tenants.registries import erasers, in_use_guards, retention_blockers


class InvoicingConfig(AppConfig):
    """Invoices, items, credit notes, numbering and tax."""

    name = "invoicing"

    def ready(self) -> None:
        """Tell lower apps what holds a customer, what is erased with them and where documents are.

        Say which events callers outside may have, listen to events, and add to what `verify_books` proves.
        """
        guards = import_module("invoicing.guards")  # models can be imported only now
        in_use_guards.register("invoicing.invoices", guards.customer_in_use, entity="customer")
        in_use_guards.register("invoicing.drafts", guards.coupon_on_drafts, entity="coupon")
        in_use_guards.register("invoicing.prices_of_drafts", guards.price_on_drafts, entity="price")
        retention_blockers.register("invoicing.unfinished", guards.unfinished_invoices)
        erasers.register("invoicing.invoices", import_module("invoicing.erasing").InvoiceTraces())
        mailing = import_module("invoicing.services.mailing")
        register_attachment(mailing.DOCUMENT, mailing.document_attachment)
        billing = import_module("invoicing.services.verifying_books")
        books_checks.register("comparisons with billing", billing.check_billing)
        import_module("invoicing.subscribers")
        own = import_module("invoicing.announcements")
        make_public(own.CREATED, own.FINALISED, own.PAID, own.VOIDED, own.PAST_DUE, own.UNCOLLECTIBLE)
