"""The API frame that knows tenants: identity, scopes, limits, idempotency and the base view."""
