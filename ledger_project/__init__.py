"""Composition: settings, URLs, Celery, health checks and the supervisor of embedded services."""
