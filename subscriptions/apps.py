"""Subscriptions: the Django application."""

from django.apps import AppConfig


class SubscriptionsConfig(AppConfig):
    """Subscriptions, proration, renewal runs, dunning and entitlements."""

    name = "subscriptions"
