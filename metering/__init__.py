"""Meters, usage events and their aggregation."""
