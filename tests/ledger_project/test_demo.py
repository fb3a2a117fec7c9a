"""The guided story, as far as it can be told without an instance."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ledger_project.demo import Story, main


class Answering(BaseHTTPRequestHandler):
    """Answers every GET with an empty object."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_proxy_of_the_environment_is_not_asked_for_our_own_server(monkeypatch: pytest.MonkeyPatch, address: str):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert Story(base_url=address, service_key="-").call("GET", "/anything").status == 200


def test_without_credentials_the_story_says_which_file_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    monkeypatch.setenv("LEDGER_HOME", str(tmp_path))
    assert main() == 1
    assert str(tmp_path / "credentials.json") in capsys.readouterr().out
