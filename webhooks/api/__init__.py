"""The HTTP API of the webhooks app."""
