"""Accounting: the Django application."""

from django.apps import AppConfig


class AccountingConfig(AppConfig):
    """The double-entry ledger: accounts, journal entries, transfers, holds, wallets and statements."""

    name = "accounting"
