"""Inbound provider events, outbound endpoints and their deliveries."""
