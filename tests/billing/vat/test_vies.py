"""Claims about asking VIES: only a plain yes or no is a verdict, and nothing that VIES does is an error of ours."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from typing import Any

import pytest

from billing import vies as client
from billing.tax_numbers import VatNumber
from billing.vies import NoVerdict, Verdict, ask
from tests.billing.vat.fake_vies import ADDRESS, IDENTIFIER, NAME, FakeVies, as_json, raw, refusal, verdict
from tests.webhooks.sink import RawSink

NUMBER, OWN = VatNumber("EL", "094259216"), VatNumber("DE", "811907980")


def test_a_valid_number_is_known_by_name_with_the_proof_of_the_question(vies: FakeVies) -> None:
    found = ask(NUMBER, requester=OWN)
    assert found == Verdict(True, IDENTIFIER, dt.datetime(2026, 10, 3, 21, 2, 5, 123000, tzinfo=dt.UTC), NAME, ADDRESS)
    assert vies.questions == [
        {
            "countryCode": "EL", "vatNumber": "094259216", "requesterMemberStateCode": "DE",
            "requesterNumber": "811907980",
        }
    ]  # fmt: skip


def test_without_a_requester_there_is_a_verdict_and_no_proof(vies: FakeVies) -> None:
    vies.usual = verdict(valid=False, userError="INVALID")
    found = ask(NUMBER, requester=None)
    assert isinstance(found, Verdict)
    assert (found.valid, found.request_identifier, found.name, found.address) == (False, None, None, None)
    assert vies.questions == [{"countryCode": "EL", "vatNumber": "094259216"}]


def test_a_requester_that_vies_does_not_take_is_left_out(vies: FakeVies) -> None:
    vies.usual = lambda asked: (
        refusal("INVALID_REQUESTER_INFO") if "requesterNumber" in asked else verdict(valid=True)
    )(asked)
    found = ask(NUMBER, requester=OWN)
    assert isinstance(found, Verdict)
    assert (found.valid, found.request_identifier, len(vies.questions)) == (True, None, 2)


CODES = {
    "MS_UNAVAILABLE": (True, False), "MS_MAX_CONCURRENT_REQ": (True, False), "TIMEOUT": (True, False),
    "MS_MAX_CONCURRENT_REQ_TIME": (True, False), "INVALID_REQUESTER_INFO": (True, False),
    "SERVICE_UNAVAILABLE": (True, True), "GLOBAL_MAX_CONCURRENT_REQ": (True, True),
    "GLOBAL_MAX_CONCURRENT_REQ_TIME": (True, True), "IP_BLOCKED": (True, True), "INVALID_INPUT": (False, False),
    "VAT_BLOCKED": (False, False),
}  # fmt: skip


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("code", CODES)
def test_an_error_of_vies_is_no_verdict(vies: FakeVies, code: str, status: int) -> None:
    vies.usual = refusal(code, status)
    again, everywhere = CODES[code]
    assert ask(NUMBER, requester=None) == NoVerdict(f"vies_{code.lower()}", again=again, everywhere=everywhere)


@pytest.mark.parametrize("code", ["MS_UNAVAILABLE", "TIMEOUT", "SERVICE_UNAVAILABLE"])
@pytest.mark.parametrize("valid", [True, False])
def test_an_error_beside_a_verdict_takes_it_back(vies: FakeVies, code: str, valid: bool) -> None:
    vies.usual = verdict(valid=valid, userError=code)
    found = ask(NUMBER, requester=None)
    assert isinstance(found, NoVerdict)
    assert found.error == f"vies_{code.lower()}"


GARBAGE: dict[str, Any] = {
    "nothing": raw(b""), "no JSON": raw(b"<html>maintenance</html>"), "not UTF-8": raw(b"\xff\xfe{"),
    "a list": as_json([True]), "a word": as_json("valid"), "null": as_json(None), "no verdict": as_json({}),
    "a verdict in words": as_json({"valid": "true"}), "a number": as_json({"valid": 1}),
    "null for a verdict": as_json({"valid": None}),
    "another number": as_json({"valid": True, "countryCode": "EL", "vatNumber": "1"}),
    "another country": as_json({"valid": True, "countryCode": "DE", "vatNumber": "094259216"}),
    "deep": raw(b"[" * 10_000), "nan": raw(b'{"valid": NaN}'), "huge": raw(b'{"valid": true, "x": "' + b"x" * 10**6),
}  # fmt: skip


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_no_verdict(vies: FakeVies, name: str) -> None:
    answer = GARBAGE[name]
    vies.usual = answer if callable(answer) else lambda asked: answer
    found = ask(NUMBER, requester=None)
    assert isinstance(found, NoVerdict)
    assert (found.error, found.again) == ("unreadable_answer", True)


def test_what_is_cut_off_is_not_read_even_where_it_would_be_json(vies: FakeVies) -> None:
    said = json.dumps({"valid": True}).encode()
    vies.usual = raw(said + b" " * client.MAX_ANSWER_BYTES)
    assert ask(NUMBER, requester=None) == NoVerdict("unreadable_answer", everywhere=True)


@pytest.mark.parametrize("status", [204, 301, 302, 307, 403, 404, 429, 500, 502, 503, 504])
def test_another_status_is_no_verdict_whatever_it_says(vies: FakeVies, status: int) -> None:
    content = json.dumps({"valid": True}).encode() if status != 204 else b""
    vies.usual = raw(content, status, Location=vies.url("/elsewhere"))
    found = ask(NUMBER, requester=None)
    assert isinstance(found, NoVerdict)
    assert (found.error, found.again) == (f"http_{status}", True)
    assert vies.at("/elsewhere") == [], "a redirect was followed"


@pytest.mark.parametrize("wrapped", ["x", {"a": 1}, [None], [[]], [{}], [{"error": 5}], [{"error": "NEW_WORD\n"}]])
def test_an_error_that_nobody_knows_is_one_all_the_same_and_not_repeated(vies: FakeVies, wrapped: Any) -> None:
    vies.usual = lambda asked: as_json({"valid": True, "errorWrappers": wrapped})
    assert ask(NUMBER, requester=None) == NoVerdict("vies_error")


def test_hostile_words_fit_into_the_database(vies: FakeVies) -> None:
    vies.usual = verdict(valid=True, name="A\0da \ud800" + "x" * 5000, address=["no"], requestDate="yesterday")
    found = ask(NUMBER, requester=None)
    assert isinstance(found, Verdict)
    assert found.name is not None
    assert (found.name[:6], len(found.name), found.address, found.answered_at) == ("Ada ?x", 1000, None, None)


def test_nobody_listening_is_an_outage(vies: FakeVies, settings: Any) -> None:
    settings.VIES_URL = "http://127.0.0.1:9/"
    assert ask(NUMBER, requester=None) == NoVerdict("exchange_connect", everywhere=True)


def test_an_address_inside_is_not_asked_unless_it_is_allowed(vies: FakeVies, settings: Any) -> None:
    settings.LEDGER_EGRESS_ALLOW = ""
    found = ask(NUMBER, requester=None)
    assert isinstance(found, NoVerdict)
    assert found.error in ("exchange_not_allowed", "exchange_refused_address")
    assert vies.received == []


def test_a_hanging_vies_is_left_at_the_deadline(
    vies: FakeVies, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(client, "EXCHANGE_SECONDS", 0.3)
    sink = RawSink(lambda connection: time.sleep(2))
    settings.VIES_URL = f"http://127.0.0.1:{sink.port}/"
    began = time.monotonic()
    assert ask(NUMBER, requester=None) == NoVerdict("exchange_timeout", everywhere=True)
    assert time.monotonic() - began < 1.5
    sink.close()


def test_a_dripping_vies_is_left_at_the_deadline(
    vies: FakeVies, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    def drip(connection: Any) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(100):
            connection.sendall(b" ")
            time.sleep(0.05)

    monkeypatch.setattr(client, "EXCHANGE_SECONDS", 0.3)
    sink = RawSink(drip)
    settings.VIES_URL = f"http://127.0.0.1:{sink.port}/"
    assert ask(NUMBER, requester=None) == NoVerdict("exchange_timeout", everywhere=True)
    sink.close()


def test_while_vies_hangs_it_takes_no_more_than_a_few_threads(vies: FakeVies) -> None:
    go_on, usual = threading.Event(), verdict(valid=True)

    def hang(asked: dict[str, Any]) -> Any:
        go_on.wait(5)
        return usual(asked)

    vies.usual = hang
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(ask(NUMBER, requester=None))) for _ in range(client.PLACES)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    while len(vies.received) < client.PLACES:
        time.sleep(0.01)
    assert ask(NUMBER, requester=None) == NoVerdict("busy")
    go_on.set()
    for thread in threads:
        thread.join()
    assert all(isinstance(one, Verdict) for one in found)
    assert isinstance(ask(NUMBER, requester=None), Verdict)
