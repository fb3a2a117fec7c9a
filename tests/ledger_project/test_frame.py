"""The routes that need no identity: probes, metrics, the API document and its page."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client, override_settings

from ledger_project import health, openapi

PUBLIC = ["/api/health", "/healthz", "/readyz", "/metrics", "/api/openapi", "/api/docs"]


@pytest.fixture
def fresh_readiness(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has not been ready yet."""
    monkeypatch.setattr(health, "_migrated", False)


def test_health_names_the_service(client: Client):
    answer = client.get("/api/health")
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "service": "ledger"})
    assert answer.headers["Cache-Control"] == "no-store"


def test_liveness_asks_nobody(client: Client):
    with override_settings(REDIS_URL="unix:///nowhere.sock"):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
@pytest.mark.usefixtures("fresh_readiness")
def test_readiness_with_all_services_and_migrations(client: Client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
    assert health._migrated


@pytest.mark.django_db
@pytest.mark.usefixtures("fresh_readiness")
def test_readiness_refuses_while_a_migration_has_not_run(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "django.db.migrations.loader.MigrationLoader.load_disk",
        lambda self: setattr(self, "disk_migrations", {("billing", "9999_later"): None}),
    )
    monkeypatch.setattr("django.db.migrations.loader.MigrationLoader.build_graph", lambda self: self.load_disk())
    answer = client.get("/readyz", headers={"X-Trace-Id": "probe-1"})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json() == {
        "message": "Ledger is not ready. See details.",
        "code": "unavailable",
        "details": [
            {"path": "database", "code": "unavailable", "message": "Migrations have not run: billing.9999_later."}
        ],
        "traceId": "probe-1",
    }
    assert not health._migrated


@pytest.mark.django_db
def test_readiness_names_every_service_that_does_not_answer(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    with override_settings(REDIS_URL="unix:///nowhere.sock"):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert [one["path"] for one in answer.json()["details"]] == ["database", "redis"]


@pytest.mark.django_db
def test_readiness_does_not_wait_for_silent_services(client: Client, monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        monkeypatch.setitem(connection.settings_dict, "PORT", str(port))
        started = time.monotonic()
        with override_settings(REDIS_URL=f"redis://127.0.0.1:{port}/0"):
            answer = client.get("/readyz")
    assert answer.status_code == 503
    assert time.monotonic() - started < 3 * health.TIMEOUT_SECONDS


@pytest.mark.django_db
def test_readiness_leaves_no_connection_behind(client: Client):
    def connections() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            return int(cursor.fetchone()[0])

    before = connections()
    for _ in range(5):
        assert client.get("/readyz").status_code == 200
    assert connections() <= before + 1  # the last one may still be closing


@pytest.mark.django_db  # the backlog is read
def test_metrics_count_requests(client: Client):
    client.get("/api/health")
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert re.search(
        r'ledger_http_requests_total\{method="GET",route="api/health",status="200"\} [1-9]', answer.content.decode()
    )


@pytest.mark.django_db
def test_metrics_of_several_processes_tell_the_backlog_too(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert "ledger_events_pending 0.0" in client.get("/metrics").content.decode()


def test_metrics_of_several_processes_are_added_up(tmp_path: Path):
    count = "from prometheus_client import Counter; Counter('probes', 'Probes.').inc()"
    read = (
        "from prometheus_client import generate_latest; from ledger_project.health import together;"
        "print(generate_latest(together()).decode())"
    )
    prepare = "import django; django.setup();"
    environment = {
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "ledger_project.settings",
        "SECRET_KEY": "k" * 60,
    }
    for _ in range(2):
        subprocess.run([sys.executable, "-c", count], check=True, env=environment)
    printed = subprocess.run(
        [sys.executable, "-c", prepare + read], check=True, env=environment, capture_output=True, text=True
    )
    assert "probes_total 2.0" in printed.stdout


def test_the_document_is_open_to_every_origin(client: Client):
    answer = client.get("/api/openapi", headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json()["openapi"].startswith("3.1")
    assert set(PUBLIC) <= set(answer.json()["paths"])


def test_the_document_is_made_once(client: Client, monkeypatch: pytest.MonkeyPatch):
    first = client.get("/api/openapi").content
    monkeypatch.setattr(openapi, "generate", lambda: pytest.fail("made again"))
    assert client.get("/api/openapi").content == first


def test_the_page_loads_nothing_from_elsewhere(client: Client):
    answer = client.get("/api/docs")
    page = answer.content.decode()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) >= 5
    assert [url for url in loaded if urlsplit(url).netloc or not url.startswith("/")] == []
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    for url in loaded:
        if url.startswith("/static/"):
            assert finders.find(url.removeprefix("/static/")), url


def test_scripts_and_styles_of_the_page_are_served(client: Client):
    for url in re.findall(r'(?:src|href)="(/static/[^"]+)"', client.get("/api/docs").content.decode()):
        answer = client.get(url)
        assert answer.status_code == 200, url
        assert b"".join(answer.streaming_content)  # type: ignore[attr-defined]


@pytest.mark.django_db
@pytest.mark.parametrize("path", PUBLIC)
def test_head_answers_like_get_without_a_body(client: Client, path: str):
    got, headed = client.get(path), client.head(path)
    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["Content-Type"] == got.headers["Content-Type"]


@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_refused_with_those_allowed(client: Client, path: str, method: str):
    answer = client.generic(method, path, b"{}", content_type="application/json")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD"
    assert answer.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", PUBLIC)
def test_unknown_parameters_are_refused(client: Client, path: str):
    answer = client.get(path, {"verbose": "1"})
    assert answer.status_code == 400
    assert answer.json()["details"][0] | {"message": ""} == {
        "path": "verbose",
        "code": "unknown_parameter",
        "message": "",
    }


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/", "/api/health/", "/healthz/", "/v1/invoices", "/ledger/transfers", "/nothing/%ff/%00"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_unknown_paths_answer_in_the_envelope(client: Client, path: str, method: str):
    answer = client.generic(method, path, headers={"X-Trace-Id": "lost"})
    assert answer.status_code == 404
    assert answer.json() == {
        "message": answer.json()["message"],
        "code": "not_found",
        "traceId": "lost",
    }


@pytest.mark.parametrize("path", [*PUBLIC, "/nowhere"])
def test_every_answer_carries_the_headers_of_the_house(client: Client, path: str):
    answer = client.post(path)
    assert answer.headers["X-Trace-Id"] == answer.json()["traceId"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@override_settings(ALLOWED_HOSTS=["billing.example.com"])
@pytest.mark.parametrize("path", ["/api/docs", "/api/openapi", "/static/nothing", "/nowhere"])
def test_a_host_that_is_not_ours_is_refused_in_the_envelope(
    client: Client, caplog: pytest.LogCaptureFixture, path: str
):
    answer = client.get(path, headers={"Host": "evil.example.com", "X-Trace-Id": "host-1"})
    assert answer.status_code == 400
    assert answer.json() == {
        "message": "The request could not be understood.",
        "code": "malformed_json",
        "traceId": "host-1",
    }
    assert answer.headers["X-Trace-Id"] == "host-1"
    assert not [record for record in caplog.records if record.exc_info]
    assert client.get(path, headers={"Host": "billing.example.com"}).status_code != 400


@pytest.mark.django_db
@override_settings(ALLOWED_HOSTS=["billing.example.com"])
@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/api/health"])
def test_probes_may_come_by_address(client: Client, path: str):
    assert client.get(path, headers={"Host": "10.0.0.7:5002"}).status_code == 200
