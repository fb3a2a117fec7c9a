"""Pages of the events app: the outbox, dead letters, the mail queue; and what other pages show of them."""

from events.admin import mails, moments, outbox
from tenants.backoffice.cards import cards
from tenants.backoffice.references import pages
from tenants.backoffice.subjects import moment_sources

pages.update({"event": "events_event", "eventDelivery": "events_eventdelivery", "mail": "events_mail"})
moment_sources.register("events.events", moments.events_about)
moment_sources.register("events.mails", moments.mails_about)
cards.register("events.queues", moments.state_of_queues)

__all__ = ["mails", "moments", "outbox"]
