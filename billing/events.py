"""The types of the events that billing publishes. Their data are the objects as the API shows them."""

CUSTOMER_CREATED = "customer.created"
CUSTOMER_UPDATED = "customer.updated"
