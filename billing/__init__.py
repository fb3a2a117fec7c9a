"""Customers, the catalogue, providers, payments and refunds."""
