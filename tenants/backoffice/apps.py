"""Applications of others, as the back office needs them."""

from __future__ import annotations

from importlib import import_module

from allauth.account.apps import AccountConfig


class AccountsConfig(AccountConfig):  # type: ignore[misc]
    """allauth's accounts. Its middleware runs inside `BackofficeMiddleware`, so that the API does not pay for it."""

    def ready(self) -> None:
        """Without the demand for a middleware of its own in the settings."""
        import_module("allauth.account.checks")
