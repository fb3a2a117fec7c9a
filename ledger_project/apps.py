"""The composition as a Django app: it owns the commands that run the whole."""

from importlib import import_module

from django.apps import AppConfig


class LedgerProjectConfig(AppConfig):
    """Makes Celery's app the current one in every process, so that tasks are sent to our broker."""

    name = "ledger_project"

    def ready(self) -> None:
        """Load the Celery app and the system checks."""
        import_module("ledger_project.celery")
        import_module("ledger_project.checks")
