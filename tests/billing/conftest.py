"""Fixtures of the billing tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from tests.tenants.backoffice.conftest import _no_second_factor, browser_of, make_member  # noqa: F401

# What the frame asks of the database in a test, whatever the route: the key, and the scope inside the test's own
# transaction (a savepoint and its release, the settings before, those of the tenant, those before again).
FRAME_QUERIES = 6


@pytest.fixture
def at_once() -> Callable[..., list[Any]]:
    """Runs functions at the same moment, each on a thread and a connection of its own; gives results or errors."""

    def run(*functions: Callable[[], Any]) -> list[Any]:
        start = threading.Barrier(len(functions))
        results: list[Any] = [None] * len(functions)

        def one(index: int, function: Callable[[], Any]) -> None:
            try:
                start.wait(timeout=30)
                results[index] = function()
            except Exception as error:
                results[index] = error
            finally:
                connection.close()

        threads = [threading.Thread(target=one, args=pair) for pair in enumerate(functions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert not any(thread.is_alive() for thread in threads)
        return results

    return run
