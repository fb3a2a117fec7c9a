"""Metering: the Django application."""

from django.apps import AppConfig


class MeteringConfig(AppConfig):
    """Meters, usage events and their aggregation."""

    name = "metering"
