"""One line per log record: readable in a terminal, JSON where a machine collects them. Secrets are not written."""

from __future__ import annotations

import json as jsonlib
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import kombu.exceptions
import redis.exceptions
from django.http import HttpRequest

REDACTED = "[redacted]"
SECRET_WORDS = ("password", "secret", "authorization", "apikey", "token", "dsn")
# A record's own attributes; whatever else it carries came in as `extra`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LOST_CONNECTION = (OSError, redis.exceptions.ConnectionError, kombu.exceptions.OperationalError)
_SECRETS_IN_TEXT = (
    re.compile(r"(\b(?:ServiceKey|Bearer)\s+)[^\s'\",;]+"),
    re.compile(r"(\bsk_[a-z]+_)[A-Za-z0-9_\-]+"),
    re.compile(r"(\b[a-z][a-z0-9+.\-]*://[^\s/:@]*:)[^\s/@]+(?=@)"),
    # The details of what PostgreSQL refuses quote the row, and with it people's data, which logs must not outlive.
    re.compile(r"(\b(?:DETAIL|CONTEXT): +)[^\n]+"),
)


def redact(key: str, value: Any) -> Any:
    """`value` as it may be written: no secret (told by `key`), no query of a request; inside mappings too."""
    plain = key.lower().replace("_", "").replace("-", "")
    if any(word in plain for word in SECRET_WORDS):
        return REDACTED
    if isinstance(value, Mapping):
        return {str(name): redact(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact("", inner) for inner in value]
    if isinstance(value, HttpRequest):
        # Without its query: that may hold the name or address of somebody who was searched for.
        return f"{value.method} {value.path}"
    return _redact_text(value) if isinstance(value, str) else value


def _redact_text(text: str) -> str:
    for pattern in _SECRETS_IN_TEXT:
        text = pattern.sub(lambda found: found.group(1) + REDACTED, text)
    return text


def _one_line(text: str) -> str:
    # What a client sent may stand in a message; it must not be able to write a line of its own.
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class OutageInOneLine(logging.Filter):
    """Celery and kombu repeat a traceback at each attempt while Redis is away: what failed and why is enough."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True; the traceback of a lost connection becomes its last line."""
        error = record.exc_info[1] if record.exc_info else None
        # Not "celery.app": there the tasks fail, and what they raise is ours.
        if record.name.startswith(("celery.worker", "celery.beat", "kombu")) and _is_outage(error):
            message = record.getMessage().strip().partition("\n")[0]
            cause = "" if str(error) in message else f" ({type(error).__name__}: {error})"
            record.msg, record.args = "%s", (message + cause,)
            record.exc_info = record.exc_text = None
        return True


def _is_outage(error: BaseException | None) -> bool:
    """Whether the connection was lost; beat wraps that into an error of its own."""
    return error is not None and any(
        isinstance(one, _LOST_CONNECTION) for one in (error, error.__cause__, error.__context__)
    )


class OnlyUnreported(logging.Filter):
    """For `django.request`: the handler of the API has reported each 5xx that it answered; what escaped it has not."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether an exception comes with it."""
        return record.exc_info is not None


class LineFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO invoicing.tasks message key=value`, or the same as a JSON object per line."""

    def __init__(self, *, json: bool = False) -> None:
        """`json` chooses the form."""
        super().__init__()
        self._json = json

    def format(self, record: logging.LogRecord) -> str:
        """One line; in the readable form a traceback follows on indented lines."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        message = _redact_text(record.getMessage())
        extras = {key: redact(key, value) for key, value in vars(record).items() if key not in _STANDARD}
        trace = ""
        if record.exc_info:
            trace = _redact_text(self.formatException(record.exc_info))
        if self._json:
            line = {"time": time, "level": record.levelname, "logger": record.name, "message": message, **extras}
            return jsonlib.dumps(line | ({"exception": trace} if trace else {}), default=str)
        pairs = "".join(f" {key}={self._value(value)}" for key, value in extras.items())
        body = f"{time} {record.levelname:<7} {record.name} {_one_line(message)}{pairs}"
        return body + "".join(f"\n    {_one_line(line)}" for line in trace.splitlines())

    def _value(self, value: Any) -> str:
        text = value if isinstance(value, str) else jsonlib.dumps(value, default=str, ensure_ascii=False)
        text = _one_line(text)
        return jsonlib.dumps(text, ensure_ascii=False) if text == "" or re.search(r"[\s=\"]", text) else text
