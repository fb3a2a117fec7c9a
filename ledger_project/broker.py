"""The connection to Redis as a broker: it comes back by itself, soon, and losing it never ends a worker."""

from __future__ import annotations

from typing import Any, Final

import kombu
from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as RedisConnectionError

LONGEST_PAUSE_SECONDS: Final = 4


class Channel(kombu_redis.Channel):
    """A channel that knows when its connection is gone.

    kombu's hands messages back, and acknowledges what has ended, through a connection that was closed meanwhile. It
    then fails with an AttributeError, which nobody expects: the worker ends. An error of the connection is expected.
    """

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        if self.connection.client is None:
            raise RedisConnectionError("The connection to Redis was closed.")
        return super()._connparams(*args, **kwargs)  # type: ignore[misc]


class Transport(kombu_redis.Transport):
    """kombu's, with such channels."""

    Channel = Channel


class Connection(kombu.Connection):
    """To Redis: tried again every few seconds for as long as it is away, where kombu's pauses grow to half a minute."""

    def get_transport_cls(self) -> type[Transport]:
        """Ours, whatever the URL says: only Redis is a broker here."""
        return Transport

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        """As kombu's."""
        return super().ensure_connection(*args, **{"interval_max": LONGEST_PAUSE_SECONDS, **kwargs})
