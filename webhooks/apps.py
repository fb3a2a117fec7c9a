"""Webhooks: the Django application."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Inbound provider events, outbound endpoints and their deliveries."""

    name = "webhooks"
