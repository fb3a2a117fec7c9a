"""What probes and scrapers ask: is the process alive, can it serve, what has it counted."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from typing import Any, Final

import psycopg
import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework import serializers

from accounting.metrics import register as register_books
from common.api.operation import operation
from common.api.public import PublicView
from common.api.rendering import json_response
from common.errors import Problem, Unavailable
from events.metrics import register as register_backlog
from webhooks.metrics import register as register_callbacks

logger = logging.getLogger(__name__)
TIMEOUT_SECONDS: Final = 2
RETRY_AFTER_SECONDS: Final = 2


class HealthOutput(serializers.Serializer[Any]):
    """The service answers."""

    ok = serializers.BooleanField()
    service = serializers.CharField()


class StatusOutput(serializers.Serializer[Any]):
    """The state of the process in one word."""

    status = serializers.CharField()


class HealthView(PublicView):
    """`/api/health`: for callers who want to know whether they reached Ledger."""

    @operation("", "Get the health", answers={200: HealthOutput})
    def get(self, request: HttpRequest) -> HttpResponse:
        """Always the same; nothing is checked."""
        return json_response(200, {"ok": True, "service": "ledger"})


class LivenessView(PublicView):
    """`/healthz`: whether the process serves requests. It asks nobody: a restart would not cure a lost database."""

    @operation("", "Get the liveness", answers={200: StatusOutput})
    def get(self, request: HttpRequest) -> HttpResponse:
        """Always the same."""
        return json_response(200, {"status": "ok"})


class ReadinessView(PublicView):
    """`/readyz`: whether requests can be sent here."""

    @operation("", "Get the readiness", answers={200: StatusOutput}, refusals={503: ["unavailable"]})
    def get(self, request: HttpRequest) -> HttpResponse:
        """Ready, or `Unavailable` naming each part that is missing."""
        missing = [*database_problems(), *redis_problems()]
        if missing:
            refusal = Unavailable(RETRY_AFTER_SECONDS, "Ledger is not ready. See details.")
            refusal.details = missing
            raise refusal
        return json_response(200, {"status": "ready"})


class MetricsView(PublicView):
    """`/metrics`: what the processes of this web server have counted. Not for the public: no proxy may route it."""

    @operation(
        "", "Get the metrics", answers={200: {"type": "string"}}, media_type="text/plain",
        description="Prometheus text format.",
    )  # fmt: skip
    def get(self, request: HttpRequest) -> HttpResponse:
        """The text format of Prometheus."""
        return HttpResponse(generate_latest(together()), content_type=CONTENT_TYPE_LATEST)


def database_problems() -> list[Problem]:
    """What keeps PostgreSQL from serving us: no answer within two seconds, or migrations that have not run.

    It connects anew, as the application's role: the connections of this process say nothing about the next one.
    """
    try:
        parameters = connection.get_connection_params() | {"connect_timeout": TIMEOUT_SECONDS}
        with psycopg.connect(**parameters, autocommit=True, options=f"-c statement_timeout={TIMEOUT_SECONDS}s") as own:
            own.execute("SELECT 1")
            unapplied = _unapplied_migrations(own)
    except psycopg.Error as error:
        logger.warning("PostgreSQL is not ready: %s", error)
        return [Problem("database", "unavailable", "PostgreSQL does not answer, or refuses the query.")]
    if unapplied:
        logger.warning("Migrations have not run: %s", ", ".join(unapplied))
        return [Problem("database", "unavailable", f"Migrations have not run: {', '.join(unapplied[:10])}.")]
    return []


def redis_problems() -> list[Problem]:
    """What keeps Redis from serving us: no answer within two seconds."""
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        client.ping()
    except redis.RedisError as error:
        logger.warning("Redis is not ready: %s", error)
        return [Problem("redis", "unavailable", "Redis does not answer.")]
    finally:
        client.close()
    return []


_migrated = False


def _unapplied_migrations(own: psycopg.Connection[Any]) -> list[str]:
    # Migrations are never undone below a running process, so one good answer holds.
    global _migrated
    if _migrated:
        return []
    known = set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
    applied = set(own.execute("SELECT app, name FROM django_migrations").fetchall())
    unapplied = sorted(f"{app}.{name}" for app, name in known - applied)
    _migrated = not unapplied
    return unapplied


def together() -> CollectorRegistry:
    """What the processes of this server have counted, and the backlog. A registry that more may be registered with."""
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        # Several processes answer for one server; each has written its counts to this folder.
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        register_backlog(registry)
        register_books(registry)
        register_callbacks(registry)
    else:
        registry.register(_OfThisProcess())
    return registry


class _OfThisProcess(Collector):
    """What a single process has counted, the backlog included."""

    def collect(self) -> Iterable[Metric]:
        """Everything of the process's own registry."""
        return REGISTRY.collect()
