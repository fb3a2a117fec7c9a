"""Claims about the rate limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tenants.api.throttle as throttle
from tenants.models import Tenant
from tests.clients import Api

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _early_in_the_minute() -> None:
    """A window begins with each minute of the clock: a test that straddles two would count from anew."""
    left = 60 - time.time() % 60
    if left < 3:
        time.sleep(left)


@pytest.fixture
def without_redis(settings: Any) -> Iterator[None]:
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    throttle._client = None
    yield
    throttle._client = None


def test_a_limited_key_counts_down_and_is_refused_then(tenant: Tenant, api_of: Callable[..., Api]) -> None:
    api = api_of(tenant, rate_limit_per_minute=3)
    for left in ("2", "1", "0"):
        answer = api.get("/api/settings")
        assert answer.status_code == 200
        assert (answer["RateLimit-Limit"], answer["RateLimit-Remaining"]) == ("3", left)
        assert 1 <= int(answer["RateLimit-Reset"]) <= 60
    refused = api.get("/api/settings")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert (refused["RateLimit-Remaining"], refused["Retry-After"]) == ("0", refused["RateLimit-Reset"])


def test_a_refused_change_has_no_effect(tenant: Tenant, api: Api, api_of: Callable[..., Api]) -> None:
    limited = api_of(tenant, rate_limit_per_minute=1)
    limited.get("/api/settings")
    assert limited.patch("/api/settings", {"taxRate": 5}, key="k").status_code == 429
    assert api.get("/api/settings").json()["taxRate"] == 0


def test_each_key_has_its_own_count(tenant: Tenant, api_of: Callable[..., Api]) -> None:
    one, two = (api_of(tenant, rate_limit_per_minute=1) for _ in range(2))
    assert [one.get("/api/settings").status_code for _ in range(2)] == [200, 429]
    assert two.get("/api/settings").status_code == 200


def test_without_a_limit_no_header_speaks_of_one(api: Api, settings: Any) -> None:
    settings.RATE_LIMIT_PER_MINUTE = 0
    assert not api.get("/api/settings").has_header("RateLimit-Limit")


def test_the_server_may_set_a_limit_for_all(api: Api, settings: Any) -> None:
    settings.RATE_LIMIT_PER_MINUTE = 2
    assert [api.get("/api/settings").status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.usefixtures("without_redis")
def test_without_redis_nothing_is_limited(tenant: Tenant, api_of: Callable[..., Api]) -> None:
    api = api_of(tenant, rate_limit_per_minute=1)
    answers = [api.get("/api/settings") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert not answers[0].has_header("RateLimit-Limit")
