"""Events: the Django application."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """Domain events: the transactional outbox, its dispatch to subscribers, and the mail queue."""

    name = "events"

    def ready(self) -> None:
        """Show the backlog to Prometheus."""
        from events.metrics import register  # only now are there models

        register()
