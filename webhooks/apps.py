"""Webhooks: the Django application."""

from importlib import import_module

from django.apps import AppConfig

from tenants.registries import erasers


class WebhooksConfig(AppConfig):
    """Inbound provider events, outbound endpoints and their deliveries."""

    name = "webhooks"

    def ready(self) -> None:
        """Listen to events, name the encrypted columns, show the backlog to Prometheus; say what is erased."""
        import_module("webhooks.keys")
        import_module("webhooks.subscribers")  # models can be imported only now
        import_module("webhooks.metrics").register()
        erasers.register("webhooks.callbacks", import_module("webhooks.erasing").CallbackTraces())
