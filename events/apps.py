"""Events: the Django application."""

from django.apps import AppConfig

from tenants.registries import erasers


class EventsConfig(AppConfig):
    """Domain events: the transactional outbox, its dispatch to subscribers, and the mail queue."""

    name = "events"

    def ready(self) -> None:
        """Show the backlog to Prometheus; say what is erased of events and mails."""
        from events.erasing import EventTraces
        from events.metrics import register  # only now are there models

        register()
        erasers.register("events.events", EventTraces())
