"""Pages of the webhooks app: subscribers with their health, deliveries with their attempts; and their timelines."""

from tenants.backoffice.cards import cards
from tenants.backoffice.references import pages
from tenants.backoffice.subjects import moment_sources
from webhooks.admin import deliveries, health, subscribers

pages.update({"webhookSubscriber": "webhooks_subscriber", "webhookDelivery": "webhooks_delivery"})
moment_sources.register("webhooks.callbacks", deliveries.callbacks_about)
cards.register("webhooks.subscribers", health.state_of_subscribers)

__all__ = ["deliveries", "health", "subscribers"]
