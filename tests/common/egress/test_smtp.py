"""A session with a mail server that somebody else chose: checked, encrypted, bounded in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from common.egress import (
    Deadline,
    EgressPolicy,
    ExchangeFailed,
    ExchangeFailure,
    MailRefused,
    MailServer,
    SmtpSession,
    Stage,
)
from tests.common.egress.servers import CertificateAuthority, answering, serving
from tests.events.smtp_sink import SmtpSink

HOST = "mail.example"
MESSAGE = b"Subject: Hello\r\n\r\nText\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def sink_of() -> Iterator[Callable[..., SmtpSink]]:
    """Starts servers: `sink_of(certificate=…, passwords=…)`."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(SmtpSink(**options))


@pytest.fixture
def sink(sink_of: Callable[..., SmtpSink], authority: CertificateAuthority) -> SmtpSink:
    """A server with a certificate for its name, that knows ada."""
    return sink_of(certificate=authority.server_context(HOST), passwords={"ada": "pässword"})


def session(
    sink: SmtpSink, authority: CertificateAuthority | None, *, host: str = HOST, port: int = 0, user: str | None = None,
    password: str = "pässword", allow: str = "127.0.0.1", addresses: tuple[str, ...] = ("127.0.0.1",),
) -> SmtpSession:  # fmt: skip
    return SmtpSession(
        MailServer(host, port or sink.port, user, password if user else None),
        policy=EgressPolicy.from_setting(allow), ehlo="ledger.example", resolver=lambda host, port: addresses,
        ssl_context=authority.client_context() if authority else None,
    )  # fmt: skip


def deliver(using: SmtpSession, seconds: float = 5.0, **changes: Any) -> int:
    given: dict[str, Any] = {"sender": "a@example.com", "recipients": ["b@example.com"], "message": MESSAGE}
    deadline = Deadline(seconds)
    with using:
        using.open(deadline)
        return using.send(**{**given, **changes}, deadline=deadline)


def failure_of(using: SmtpSession, seconds: float = 5.0) -> ExchangeFailed:
    with pytest.raises(ExchangeFailed) as caught:
        deliver(using, seconds)
    return caught.value


def refusal_of(using: SmtpSession, **changes: Any) -> MailRefused:
    with pytest.raises(MailRefused) as caught:
        deliver(using, **changes)
    return caught.value


def test_what_is_offered_starttls_is_encrypted_before_anything_is_told(sink, authority):
    using = session(sink, authority, user="ada")
    assert deliver(using) == 0
    assert using.tls == "STARTTLS"
    (received,) = sink.received
    assert (received.tls, received.user, received.recipients) == (True, "ada", ["b@example.com"])
    assert [verb for verb, tls in sink.said if not tls] == ["EHLO", "STARTTLS"]


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN"])
def test_each_usual_way_of_signing_in_works(sink, authority, mechanisms):
    sink.mechanisms = mechanisms
    sink.passwords = {"ada": "password"}
    deliver(session(sink, authority, user="ada", password="password"))
    assert sink.received[0].user == "ada"


def test_on_port_465_the_line_is_encrypted_from_the_first_byte(sink_of, authority, monkeypatch):
    sink = sink_of(certificate=authority.server_context(HOST), implicit_tls=True)
    monkeypatch.setattr("common.egress.smtp.IMPLICIT_TLS_PORT", sink.port)
    using = session(sink, authority)
    deliver(using)
    assert (using.tls, sink.received[0].tls) == ("implicit", True)
    assert {tls for _, tls in sink.said} == {True}


@pytest.mark.parametrize("issued_for", ["other.example", "127.0.0.1", "*.mail.example"])
def test_a_certificate_for_another_host_ends_the_session_before_the_password(sink_of, authority, issued_for):
    sink = sink_of(certificate=authority.server_context(issued_for), passwords={"ada": "pässword"})
    assert failure_of(session(sink, authority, user="ada")).kind is ExchangeFailure.TLS
    assert "AUTH" not in [verb for verb, _ in sink.said]


def test_a_certificate_of_an_unknown_authority_is_refused(sink, authority):
    assert failure_of(session(sink, None)).kind is ExchangeFailure.TLS
    assert sink.received == []


def test_a_password_never_leaves_in_clear_even_to_a_listed_server(sink_of):
    sink = sink_of(passwords={"ada": "pässword"})
    failure = failure_of(session(sink, None, user="ada"))
    assert (failure.kind, "STARTTLS" in failure.message) == (ExchangeFailure.TLS, True)
    assert [verb for verb, _ in sink.said] == ["EHLO"]


def test_a_listed_server_without_tls_and_without_a_user_is_spoken_to(sink_of):
    sink = sink_of()
    using = session(sink, None)
    deliver(using)
    assert (using.tls, sink.received[0].tls) == (None, False)


def test_on_port_587_even_a_listed_server_needs_starttls(sink_of, monkeypatch):
    sink = sink_of()
    monkeypatch.setattr("common.egress.smtp.SUBMISSION_PORT", sink.port)
    assert failure_of(session(sink, None)).kind is ExchangeFailure.TLS
    assert sink.received == []


def test_a_public_server_without_tls_gets_no_mail(sink_of, monkeypatch):
    """Its address counts as public here; nothing lists it."""
    monkeypatch.setattr("common.egress.policy.is_public", lambda address: True)
    sink = sink_of()
    assert failure_of(session(sink, None, allow="")).kind is ExchangeFailure.TLS
    assert sink.received == []


def test_what_was_said_in_clear_behind_starttls_is_forgotten(sink, authority):
    """CVE-2011-0411 and its many followers: an answer smuggled in before the handshake."""
    sink.behaviour.inject = "250-evil\r\n250 AUTH NONSENSE"
    deliver(session(sink, authority, user="ada"))
    assert sink.received[0].user == "ada"


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("mail.example", ("127.0.0.1",)),
        ("mail.example", ("93.184.216.34", "10.0.0.1")),
        ("localhost", ("127.0.0.1",)),
        ("127.0.0.1", ()),
        ("::1", ()),
        ("[::1]", ()),
        ("169.254.169.254", ()),
        ("0x7f.1", ()),
        ("internal", ("93.184.216.34",)),
        ("mail.example:25", ()),
        ("mail example", ()),
    ],
)
def test_a_server_inside_the_network_is_never_connected_to(sink_of, host, addresses):
    sink = sink_of()
    failure = failure_of(session(sink, None, host=host, addresses=addresses, allow=""))
    assert failure.kind is ExchangeFailure.REFUSED_ADDRESS
    assert sink.connections == 0


def test_the_name_is_resolved_once_and_the_checked_address_is_connected_to(sink, authority):
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    using = session(sink, authority)
    using._resolver = resolve
    deliver(using)
    assert asked == [HOST]


@pytest.mark.parametrize("how", ["hang_at", "drip_at"])
@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "AUTH"])
def test_the_whole_exchange_has_one_deadline(sink, authority, how, verb):
    setattr(sink.behaviour, how, verb)
    started = time.monotonic()
    failure = failure_of(session(sink, authority, user="ada"), seconds=0.6)
    assert failure.kind in (ExchangeFailure.TIMEOUT, ExchangeFailure.PROTOCOL)
    assert 0.1 < time.monotonic() - started < 2


def test_a_server_that_does_not_take_leave_is_left(sink, authority):
    sink.behaviour.hang_at = "QUIT"
    started = time.monotonic()
    assert deliver(session(sink, authority)) == 0
    assert time.monotonic() - started < 3


def test_a_closed_port_and_an_unknown_name_fail(sink, authority):
    assert failure_of(session(sink, authority, port=1)).kind is ExchangeFailure.CONNECT
    assert failure_of(session(sink, authority, addresses=())).kind is ExchangeFailure.UNRESOLVABLE


def test_a_server_that_speaks_something_else_fails_as_protocol():
    with serving(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        using = SmtpSession(
            MailServer("127.0.0.1", server.port), policy=EgressPolicy.from_setting("127.0.0.1"), ehlo="x"
        )
        with pytest.raises((ExchangeFailed, MailRefused)):
            deliver(using, seconds=0.5)


def test_refusals_say_at_which_stage_and_with_which_code(sink, authority):
    refused = refusal_of(session(sink, authority, user="ada", password="wrong"))
    assert (refused.stage, refused.code) == (Stage.SIGN_IN, 535)
    sink.behaviour.refuse_recipient = "550 5.1.1 no such user"
    refused = refusal_of(session(sink, authority))
    assert (refused.stage, refused.code, "no such user" in refused.message) == (Stage.RECIPIENT, 550, True)
    sink.behaviour.refuse_recipient, sink.behaviour.refuse_message = "", "552 too big"
    refused = refusal_of(session(sink, authority))
    assert (refused.stage, refused.code) == (Stage.CONTENT, 552)


def test_an_address_with_a_line_break_brings_no_second_recipient(sink, authority):
    deliver(session(sink, authority), recipients=["b@example.com>\r\nRCPT TO:<c@example.com"])
    assert [verb for verb, _ in sink.said].count("RCPT") == 1
    assert [one.recipients for one in sink.received] == [["b@example.com"]]


def test_several_mails_share_a_session_each_with_its_own_deadline(sink, authority):
    with session(sink, authority) as using:
        for _ in range(3):
            deadline = Deadline(5)
            using.open(deadline)
            using.send(sender="a@example.com", recipients=["b@example.com"], message=MESSAGE, deadline=deadline)
    assert (len(sink.received), sink.connections) == (3, 1)


def test_a_password_is_not_shown_by_accident():
    assert "secret" not in repr(MailServer("mail.example", 587, "ada", "secret"))
