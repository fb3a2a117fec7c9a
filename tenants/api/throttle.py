"""The rate limit per caller: a fixed window of one minute in Redis. Off unless a key or the server sets a limit."""

from __future__ import annotations

import logging
import time

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from common.errors import RateLimited
from tenants.api.authentication import caller_of

logger = logging.getLogger("ledger.api")
_WINDOW = 60
_client: redis.Redis | None = None


class KeyThrottle(BaseThrottle):
    """Counts the requests of a caller per minute. Without Redis nothing is limited: a limit must not stop billing."""

    def allow_request(self, request: Request, view: object) -> bool:
        """Count and compare; raises `RateLimited` with `Retry-After` and the `RateLimit-*` headers."""
        caller = caller_of(request)
        limit = caller.rate_limit_per_minute or settings.RATE_LIMIT_PER_MINUTE
        if not limit:
            return True
        now = time.time()
        window, remaining_seconds = int(now // _WINDOW), max(1, int(_WINDOW - now % _WINDOW))
        name = f"ledger:rate:{caller.actor.id}:{window}"
        try:
            with _redis().pipeline(transaction=True) as pipeline:
                pipeline.incr(name)
                pipeline.expire(name, 2 * _WINDOW)
                used: int = pipeline.execute()[0]
        except RedisError as unavailable:
            logger.warning("rate_limit_unavailable", extra={"error": type(unavailable).__name__})
            return True
        headers = {
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(max(0, limit - used)),
            "RateLimit-Reset": str(remaining_seconds),
        }
        if used > limit:
            error = RateLimited(retry_after=remaining_seconds)
            error.headers.update(headers)
            raise error
        request._request.rate_limit_headers = headers  # type: ignore[attr-defined]
        return True


def _redis() -> redis.Redis:
    global _client
    if _client is None:
        _client = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0)
        )
    return _client
