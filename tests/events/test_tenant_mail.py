"""A tenant's own mail server: what leaves through it, what never does, and that its failures are its own."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from django.db import connection

from events.models import Event, Mail
from events.services import leases, mail_servers
from events.services.leases import MAILS
from events.services.mail import queue_mail
from events.services.mail_servers import named_address, sender_of
from events.services.sending import send_due_mail
from tenants.models import Tenant, TenantSettings
from tenants.scope import tenant_scope
from tenants.services.settings import update_settings
from tests.common.egress.servers import CertificateAuthority
from tests.events.conftest import LEASE, NOW
from tests.events.smtp_sink import SmtpSink

pytestmark = pytest.mark.django_db(transaction=True)
SECOND = dt.timedelta(seconds=1)
Sinks = Callable[..., SmtpSink]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def _network(settings: Any, authority: CertificateAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority is one of the machine's, and the servers of the tests are allowed."""
    pem = authority._certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "authority.pem").write_bytes(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    settings.LEDGER_EGRESS_ALLOW = "localhost,127.0.0.1"


@pytest.fixture
def sinks(authority: CertificateAuthority) -> Iterator[Sinks]:
    """Starts servers for `localhost`, with STARTTLS and the user ada, unless told otherwise."""
    with ExitStack() as stack:

        def start(**options: Any) -> SmtpSink:
            given = {"certificate": authority.server_context("localhost"), "passwords": {"ada": "s3cret"}}
            return stack.enter_context(SmtpSink(**{**given, **options}))

        yield start


def use(tenant: Tenant, sink: SmtpSink | None, **smtp: Any) -> None:
    """Make `sink` the tenant's mail server."""
    port = sink.port if sink is not None else 1
    given = {"host": "localhost", "port": port, "user": "ada", "password": "s3cret", "from": "Acme <acme@example.com>"}
    with tenant_scope(tenant.id):
        update_settings(tenant_id=tenant.id, changes={"smtp": {**given, **smtp}}, at=NOW)


def queue(tenant: Tenant, count: int = 1, **changes: Any) -> list[Mail]:
    given: dict[str, Any] = {"to": ["ada@example.com"], "subject": "Hello", "text": "…", "at": NOW, "now": NOW}
    with tenant_scope(tenant.id):
        return [queue_mail(tenant_id=tenant.id, **{**given, **changes}) for _ in range(count)]


def rows(tenant: Tenant) -> list[Mail]:
    with tenant_scope(tenant.id):
        return list(Mail.objects.order_by("id"))


def due(mail: Mail) -> dt.datetime:
    """When the next attempt is."""
    assert mail.next_attempt_at is not None
    return mail.next_attempt_at


def error_of(tenant: Tenant) -> str:
    """What the one mail's last attempt said; it is to be tried again."""
    (mail,) = rows(tenant)
    assert mail.status == "queued"
    return mail.last_error or ""


def test_mail_leaves_through_the_tenants_server_encrypted_and_signed_in(tenant, other_tenant, sinks):
    sink = sinks()
    use(tenant, sink)
    (queued,) = queue(tenant, html="<p>Grüße</p>")
    assert send_due_mail(now=NOW) == 1
    (received,) = sink.received
    assert (received.tls, received.user) == (True, "ada")
    assert received.message["From"] == "Acme <acme@example.com>"
    assert received.message["Message-ID"] == queued.message_id
    assert received.message["Auto-Submitted"] == "auto-generated"
    assert rows(tenant)[0].status == "sent"


def test_who_has_no_server_uses_that_of_the_installation(tenant, other_tenant, sinks, mailoutbox):
    sink = sinks()
    use(tenant, sink)
    queue(tenant)
    queue(other_tenant)
    assert send_due_mail(now=NOW) == 2
    assert (len(sink.received), len(mailoutbox)) == (1, 1)
    assert mailoutbox[0].from_email == '"Other Ltd" <billing@localhost>'


def test_what_the_settings_say_when_the_mail_leaves_counts(tenant, sinks):
    first, second = sinks(), sinks()
    use(tenant, first)
    queue(tenant)
    use(tenant, second, **{"from": "new@example.com"})
    send_due_mail(now=NOW)
    assert (first.received, len(second.received)) == ([], 1)
    assert second.received[0].message["From"] == "Example GmbH <new@example.com>"


@pytest.mark.parametrize(
    ("values", "sender"),
    [
        ({}, '"Legal Ltd" <billing@localhost>'),
        ({"smtp_from": "a@example.com"}, '"Legal Ltd" <a@example.com>'),
        ({"smtp_from": "Shop <a@example.com>"}, '"Shop" <a@example.com>'),
        ({"smtp_host": "h", "smtp_user": "u@example.com"}, '"Legal Ltd" <u@example.com>'),
        ({"smtp_user": "u@example.com"}, '"Legal Ltd" <billing@localhost>'),
        ({"smtp_host": "h", "smtp_user": "ada"}, '"Legal Ltd" <billing@localhost>'),
        ({"legal_name": None}, '"Tenant" <billing@localhost>'),
        ({"legal_name": 'A "B" \\ C'}, "\"A 'B' C\" <billing@localhost>"),
        ({"legal_name": "A\r\nBcc: b@example.com"}, '"A Bcc: b@example.com" <billing@localhost>'),
    ],
)
def test_whom_the_mail_comes_from(values, sender):
    settings = TenantSettings(**{"legal_name": "Legal Ltd", **values})
    assert sender_of(settings, tenant_name="Tenant") == sender


@pytest.mark.parametrize(
    "name", ["Müller & Söhne", "a, b; c@d <e>", "שלום", "x" * 200, "()", "=?utf-8?q?x?=", "…\u202e"]
)
def test_a_hostile_name_arrives_as_a_name_and_nothing_else(tenant, sinks, name):
    sink = sinks()
    use(tenant, sink)
    queue(tenant, sender=named_address(name, "a@example.com"))
    send_due_mail(now=NOW)
    (address,) = sink.received[0].message["From"].addresses
    assert address.addr_spec == "a@example.com"


def test_a_server_inside_the_network_is_never_connected_to(tenant, sinks, settings):
    settings.LEDGER_EGRESS_ALLOW = ""
    sink = sinks()
    for host in ("localhost", "127.0.0.1"):
        use(tenant, sink, host=host)
        queue(tenant)
        send_due_mail(now=NOW)
    assert sink.connections == 0
    assert {mail.last_error for mail in rows(tenant)} == {
        "The host resolves to an address that is not a public one.",
    }


def test_a_wrong_password_is_an_attempt_that_failed_and_shows_no_password(tenant, sinks):
    use(tenant, sinks(), password="wr0ng")
    queue(tenant)
    assert send_due_mail(now=NOW) == 1
    assert error_of(tenant) == "Refused (sign in): 535 5.7.8 wrong"


def test_a_password_that_cannot_be_decrypted_is_an_attempt_that_failed(tenant, sinks, settings):
    sink = sinks()
    use(tenant, sink)
    settings.ENCRYPTION_KEY = "b2" * 32
    queue(tenant)
    send_due_mail(now=NOW)
    assert (error_of(tenant), sink.connections) == ("The password of the mail server cannot be decrypted.", 0)


def test_a_server_without_starttls_gets_neither_password_nor_mail(tenant, sinks):
    sink = sinks(certificate=None)
    use(tenant, sink)
    queue(tenant)
    send_due_mail(now=NOW)
    assert "STARTTLS" in error_of(tenant)
    assert [verb for verb, _ in sink.said] == ["EHLO"]


def test_a_refused_recipient_is_final_and_the_error_names_no_address(tenant, sinks):
    sink = sinks()
    use(tenant, sink)
    sink.behaviour.refuse_recipient = "550 5.1.1 <ada@example.com>: no such user"
    queue(tenant)
    send_due_mail(now=NOW)
    (mail,) = rows(tenant)
    assert (mail.status, mail.attempts) == ("failed", 1)
    assert mail.last_error == "Refused (recipient): 550 5.1.1 <the recipient>: no such user"


@pytest.mark.parametrize(("answer", "status"), [("450 later", "queued"), ("550 no", "failed")])
def test_only_a_refusal_for_good_is_final(tenant, sinks, answer, status):
    sink = sinks()
    use(tenant, sink)
    sink.behaviour.refuse_recipient = answer
    queue(tenant)
    send_due_mail(now=NOW)
    assert rows(tenant)[0].status == status


def test_a_dead_server_fails_all_that_waits_for_it_at_once_and_then_rests(tenant, monkeypatch):
    use(tenant, None)
    queue(tenant, 5)
    started = time.monotonic()
    assert send_due_mail(now=NOW, limit=3) == 3
    assert time.monotonic() - started < 20
    mails = rows(tenant)
    assert [mail.attempts for mail in mails] == [1, 1, 1, 0, 0]
    assert all(mail.status == "queued" and due(mail) > NOW + 50 * SECOND for mail in mails)
    assert send_due_mail(now=NOW + 30 * SECOND) == 0


def test_a_server_that_hangs_costs_one_attempt_and_then_rests(tenant, sinks, monkeypatch):
    monkeypatch.setattr(mail_servers, "EXCHANGE_SECONDS", 1.0)
    sink = sinks()
    use(tenant, sink)
    sink.behaviour.hang_at = "DATA"
    queue(tenant, 3)
    assert send_due_mail(now=NOW) == 1
    mails = rows(tenant)
    assert [(mail.status, mail.attempts) for mail in mails] == [("queued", 1), ("queued", 0), ("queued", 0)]
    assert all(due(mail) > NOW + 55 * SECOND for mail in mails)


def test_a_tenant_whose_server_hangs_delays_no_other(tenant, other_tenant, sinks, monkeypatch):
    """Also not what is queued while it hangs; and 100 mails that are longer due change nothing."""
    monkeypatch.setattr(mail_servers, "EXCHANGE_SECONDS", 30.0)
    hanging, working = sinks(), sinks()
    use(tenant, hanging)
    use(other_tenant, working)
    hanging.behaviour.hang_at = "EHLO"
    queue(tenant, 100, now=NOW - 3600 * SECOND)
    queue(other_tenant)

    def work() -> int:
        try:
            return send_due_mail(now=NOW, seconds=20)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        sending = pool.submit(work)
        for wanted in (1, 2):
            while len(working.received) < wanted:
                assert time.monotonic() - started < 20, "the other tenant waits"
                threading.Event().wait(0.02)
            queue(other_tenant)
        assert not sending.done()
        hanging.ended.set()
        sending.result()
    assert {mail.attempts for mail in rows(tenant)} == {0, 1}


def test_a_tenant_has_one_sender_at_a_time_over_all_processes(tenant, sinks):
    sink = sinks()
    use(tenant, sink)
    first, *_ = queue(tenant, 3)
    with tenant_scope(tenant.id):
        leases.claim(MAILS, [first.id], now=NOW, lease=LEASE)  # by another process
    assert send_due_mail(now=NOW + SECOND) == 0
    assert sink.connections == 0
    assert send_due_mail(now=NOW + LEASE) == 3


def test_the_longest_due_tenants_come_first(tenant, other_tenant):
    queue(tenant, now=NOW - SECOND)
    queue(other_tenant, 50, now=NOW - 2 * SECOND)
    found = leases.find_due_mail(now=NOW, senders=5, limit=3)
    assert [(found_tenant, len(ids)) for found_tenant, ids in found] == [(other_tenant.id, 3), (tenant.id, 1)]
    assert [one for one, _ in leases.find_due_mail(now=NOW, senders=1, limit=3)] == [other_tenant.id]


def test_outcomes_are_announced_with_their_record_and_without_personal_data(tenant, sinks):
    sink = sinks()
    use(tenant, sink)
    (sent,) = queue(tenant)
    send_due_mail(now=NOW)
    sink.behaviour.refuse_recipient = "550 no"
    (refused,) = queue(tenant, object_type="invoice", object_id=sent.id)
    send_due_mail(now=NOW)
    with tenant_scope(tenant.id):
        events = list(Event.objects.order_by("id"))
    assert [(event.type, event.object_type, event.object_id) for event in events] == [
        ("mail.sent", "mail", sent.id),
        ("mail.failed", "mail", refused.id),
    ]
    assert f'"objectType":"invoice","objectId":"{sent.id}"' in events[1].data
    assert "ada" not in events[0].data + events[1].data


def test_what_no_sender_survived_is_announced_as_failed(tenant):
    (mail,) = queue(tenant)
    now = NOW
    with tenant_scope(tenant.id):
        for _ in range(MAILS.max_attempts):
            leases.claim(MAILS, [mail.id], now=now, lease=LEASE)
            now += LEASE
    send_due_mail(now=now)
    with tenant_scope(tenant.id):
        assert list(Event.objects.values_list("type", "object_id")) == [("mail.failed", mail.id)]
