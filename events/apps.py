"""Events: the Django application."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """Domain events: the transactional outbox, its dispatch to subscribers, and the mail queue."""

    name = "events"
