"""Accounting: the Django application."""

from importlib import import_module

from django.apps import AppConfig

from accounting.checks import books_checks
from accounting.events import TRANSFER_POSTED, TRANSFER_VOIDED
from events.public import make_public
from tenants.registries import erasers, in_use_guards, retention_blockers


class AccountingConfig(AppConfig):
    """The double-entry ledger: accounts, journal entries, transfers, holds, wallets and statements."""

    name = "accounting"

    def ready(self) -> None:
        """Tell lower apps what holds a customer and what is erased with them; name the public events.

        Show what is not sealed to Prometheus, and say what `verify_books` proves.
        """
        guards = import_module("accounting.guards")  # models can be imported only now
        in_use_guards.register("accounting.accounts", guards.customer_in_use, entity="customer")
        retention_blockers.register("accounting.accounts", guards.filled_accounts)
        erasers.register("accounting.books", import_module("accounting.erasing").BookTexts())
        make_public(TRANSFER_POSTED, TRANSFER_VOIDED)
        import_module("accounting.metrics").register()
        journal = import_module("accounting.services.verifying_entries")
        derived = import_module("accounting.services.verifying_balances")
        books_checks.register("entries", journal.check_entries)
        books_checks.register("units", journal.check_sums)
        books_checks.register("balances", derived.check_balances)
        books_checks.register("transfers", derived.check_transfers)
        books_checks.register("captured holds", derived.check_holds)
        books_checks.register("grants", import_module("accounting.services.verifying_grants").check_grants)
        books_checks.register("checkpoints", derived.check_checkpoints)
        books_checks.register("seals", import_module("accounting.services.verifying_seals").check_seals)
