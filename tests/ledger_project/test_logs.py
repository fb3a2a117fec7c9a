"""Log lines: one per record, readable or JSON, without secrets."""

from __future__ import annotations

import json
import logging
import sys

import pytest
import redis.exceptions
from django.test import RequestFactory

from ledger_project.logs import LineFormatter, OnlyUnreported, OutageInOneLine


def line(message: str = "Sent", *arguments: object, form: str = "console", **extra: object) -> str:
    fixed = {"name": "events.tasks", "levelno": logging.INFO, "levelname": "INFO", "created": 0.5}
    record = logging.makeLogRecord(fixed | {"msg": message, "args": arguments} | extra)
    return LineFormatter(json=form == "json").format(record)


def test_a_line_has_time_level_logger_message_and_values():
    assert line("Sent %d", 2, tenant="demo", note="two words", empty="") == (
        '1970-01-01T00:00:00.500Z INFO    events.tasks Sent 2 tenant=demo note="two words" empty=""'
    )


def test_json_is_one_object_with_the_values_at_its_top():
    assert json.loads(line("Sent %d", 2, form="json", count=3)) == {
        "time": "1970-01-01T00:00:00.500Z",
        "level": "INFO",
        "logger": "events.tasks",
        "message": "Sent 2",
        "count": 3,
    }


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize(
    "key", ["password", "smtp_password", "clientSecret", "Authorization", "api_key", "X-API-Key", "accessToken", "DSN"]
)
def test_a_value_whose_key_names_a_secret_is_not_written_at_any_depth(form, key):
    for extra in ({key: "hunter2"}, {"smtp": {"nested": [{key: "hunter2"}]}}):
        text = line(form=form, **extra)
        assert "hunter2" not in text
        assert "[redacted]" in text


@pytest.mark.parametrize("form", ["console", "json"])
def test_of_a_request_its_method_and_path_are_written_and_not_whom_it_searched_for(form):
    """Django puts the request beside each of its own messages; a search names people."""
    request = RequestFactory().get("/admin/billing/customer/?q=ada@example.com")
    text = line("Refused", form=form, request=request)
    assert "GET /admin/billing/customer/" in text
    assert "ada" not in text


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize(
    "text",
    [
        "Authorization: ServiceKey sk_svc_hunter2",
        "Bearer hunter2.hunter2",
        "the key sk_svc_hunter2 is unknown",
        "cannot reach postgres://ledger_app:hunter2@db/ledger",
        "duplicate key value\nDETAIL:  Key (tenant_id, external_id)=(1, hunter2) already exists.",
    ],
)
def test_a_secret_inside_a_text_is_not_written(form, text):
    assert "hunter2" not in line(text, form=form)
    assert "hunter2" not in line("Failed", problem=text, form=form)


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_text_from_outside_cannot_write_a_second_line(form):
    text = line("Unknown user %s", "x\n1970-01-01 INFO forged\x1b[2J\u2028", form=form, also="a\r\nb")
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text


def test_a_traceback_follows_on_indented_lines():
    try:
        raise ValueError("no")
    except ValueError:
        text = line(exc_info=sys.exc_info())
    first, *rest = text.splitlines()
    assert first.endswith("Sent")
    assert rest
    assert all(each.startswith("    ") for each in rest)
    assert "ValueError: no" in rest[-1]


def raised(error: Exception) -> tuple[type[Exception], Exception, None]:
    return type(error), error, None


def test_a_lost_connection_of_the_queue_is_one_line_that_says_why():
    record = logging.makeLogRecord(
        {
            "name": "celery.worker.consumer.consumer",
            "msg": "consumer: Connection to broker lost. %s\n",
            "args": ("Trying again",),
            "exc_info": raised(redis.exceptions.ConnectionError("refused")),
        }
    )
    assert OutageInOneLine().filter(record)
    text = LineFormatter().format(record)
    assert text.endswith("consumer: Connection to broker lost. Trying again (ConnectionError: refused)")
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("celery.worker", ValueError("ours")),
        ("celery.app.trace", OSError("ours")),
        ("invoicing.tasks", OSError("ours")),
    ],
)
def test_every_other_traceback_stays(name, error):
    record = logging.makeLogRecord({"name": name, "msg": "Failed", "exc_info": raised(error)})
    assert OutageInOneLine().filter(record)
    assert "ours" in LineFormatter().format(record).splitlines()[-1]


def test_an_answered_5xx_is_not_reported_again_and_an_exception_outside_the_views_is():
    answered = logging.makeLogRecord({"name": "django.request", "msg": "Internal Server Error: /api/x"})
    assert not OnlyUnreported().filter(answered)
    answered.exc_info = raised(ValueError("in a middleware"))
    assert OnlyUnreported().filter(answered)
