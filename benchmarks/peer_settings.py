"""What the projects around peers share. Runs in their environments, which have no more than Django and psycopg2."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit


def database(url: str) -> dict[str, Any]:
    """Django's settings for the database of `url`, which is reached through a socket; connections stay open."""
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": parts.username,
        "HOST": unquote(parts.netloc.rpartition("@")[2]),
        "CONN_MAX_AGE": None,
    }
