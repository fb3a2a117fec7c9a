"""Portal: the Django application."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """The customer's own pages."""

    name = "portal"
