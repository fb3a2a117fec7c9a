"""Measurements of Ledger against the raw floor of the same PostgreSQL. How to run and what was found: README.md."""
