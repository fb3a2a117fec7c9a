"""Composition: the Django application."""

from django.apps import AppConfig


class LedgerProjectConfig(AppConfig):
    """Commands and checks of the whole."""

    name = "ledger_project"
