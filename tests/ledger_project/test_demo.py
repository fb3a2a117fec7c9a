"""The guided story, as far as it can be told without an instance."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ledger_project.demo.steps import STORY, subscribe_to_callbacks
from ledger_project.demo.story import Story, Surprise, tell


class Answering(BaseHTTPRequestHandler):
    """Answers every GET with an empty object, and takes no subscriber on this machine."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(422)
        self.end_headers()
        self.wfile.write(b'{"code": "url_not_allowed"}')

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
    assert tell(STORY) == 1
    assert str(tmp_path / "credentials.json") in capsys.readouterr().out


def test_where_this_machine_may_not_be_called_the_story_says_what_lets_it(address: str):
    story = Story(base_url=address, service_key="-")
    try:
        with pytest.raises(Surprise, match=r"LEDGER_EGRESS_ALLOW=127\.0\.0\.1"):
            subscribe_to_callbacks(story)
    finally:
        story.sink.close()
