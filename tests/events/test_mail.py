"""A queued mail is sent once; what fails is tried again; nothing is sent for what was rolled back."""

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from common.ids import encode_id, new_id
from events.errors import InvalidMail
from events.models import Mail
from events.services import leases
from events.services.leases import ABANDONED, MAILS
from events.services.mail import queue_mail
from events.services.sending import send_due_mail
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.events.conftest import LEASE, NOW
from tests.events.smtp_sink import SmtpSink

pytestmark = pytest.mark.django_db(transaction=True)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def sink(settings):
    """The mail server of this test."""
    with SmtpSink() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_USE_TLS, settings.EMAIL_HOST_USER = False, ""
        yield server


def _queue(tenant: Tenant, **changes: Any) -> Mail:
    given: dict[str, Any] = {
        "to": ["Ada <ada@example.com>"], "subject": "Rechnung für März", "text": "Grüße\n",
        "html": "<p>Grüße</p>", "sender": "Shop <billing@shop.example>", "at": NOW, "now": NOW,
    }  # fmt: skip
    with tenant_scope(tenant.id):
        return queue_mail(tenant_id=tenant.id, **{**given, **changes})


def _mail(tenant: Tenant) -> Any:
    with tenant_scope(tenant.id):
        return Mail.objects.get()


def test_a_mail_arrives_as_it_was_queued(tenant, sink):
    invoice_id = new_id()
    queued = _queue(
        tenant, to=["Ada <ada@example.com>", "bob@example.com"], reply_to="help@shop.example",
        object_type="invoice", object_id=invoice_id,
    )  # fmt: skip
    assert send_due_mail(now=NOW) == 1
    (received,) = sink.received
    assert received.recipients == ["ada@example.com", "bob@example.com"]
    message = received.message
    assert (message["Subject"], message["From"]) == ("Rechnung für März", "Shop <billing@shop.example>")
    assert (message["To"], message["Reply-To"]) == ("Ada <ada@example.com>, bob@example.com", "help@shop.example")
    assert message["Message-ID"] == queued.message_id == f"<{encode_id('mail', queued.id)}@shop.example>"
    assert message.get_body(("plain",)).get_content().strip() == "Grüße"
    assert message.get_body(("html",)).get_content().strip() == "<p>Grüße</p>"
    mail = _mail(tenant)
    assert (mail.status, mail.attempts, mail.object_type, mail.object_id) == ("sent", 1, "invoice", invoice_id)
    assert mail.sent_at - NOW < 5 * SECOND
    assert send_due_mail(now=NOW + 10 * LEASE) == 0
    assert len(sink.received) == 1


def test_a_rollback_sends_nothing(tenant, sink):
    with tenant_scope(tenant.id):
        queue_mail(tenant_id=tenant.id, to=["a@example.com"], subject="s", text="t", at=NOW, now=NOW)
        transaction.set_rollback(True)
    assert send_due_mail(now=NOW) == 0
    assert not sink.received


def test_a_mail_is_not_sent_before_its_time(tenant, sink):
    _queue(tenant, now=NOW + SECOND)
    assert send_due_mail(now=NOW) == 0


def test_mail_is_never_sent_inside_a_transaction(tenant, sink):
    _queue(tenant)
    with pytest.raises(RuntimeError, match="outside of any transaction"), transaction.atomic():
        send_due_mail(now=NOW)
    assert not sink.received


def test_several_mails_share_one_connection_to_the_server(tenant, other_tenant, sink):
    for number in range(5):
        _queue(tenant, subject=f"Mail {number}")
    assert send_due_mail(now=NOW) == 5
    assert [received.message["Subject"] for received in sink.received] == [f"Mail {number}" for number in range(5)]


def test_racing_workers_send_each_mail_once(tenant, sink):
    sink.behaviour.delay = 0.02
    queued = {_queue(tenant).message_id for _ in range(12)}
    start = threading.Barrier(3)

    def work(_):
        start.wait()
        try:
            return sum(send_due_mail(now=NOW, limit=4) for _ in range(10))
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(work, range(3))) == 12
    assert sorted(received.message["Message-ID"] for received in sink.received) == sorted(queued)


def test_no_transaction_is_open_while_the_server_is_busy(tenant, sink):
    sink.behaviour.delay = 0.5
    _queue(tenant)

    def work():
        try:
            send_due_mail(now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(work)
        while not sink.connections:
            threading.Event().wait(0.01)
        with tenant_scope(tenant.id):
            assert Mail.objects.select_for_update(nowait=True).get().status == "sending"
        sending.result()


def test_a_refusal_for_now_is_tried_again_and_gives_up_after_eight_attempts(tenant, sink):
    sink.behaviour.refuse_message = "451 try later"
    _queue(tenant)
    now, pauses = NOW, []
    while (mail := _mail(tenant)).status == "queued":
        pauses.append((mail.next_attempt_at - now) / SECOND)
        now = mail.next_attempt_at
        assert send_due_mail(now=now) == 1
    assert (mail.status, mail.attempts) == ("failed", 8)
    assert "451" in mail.last_error
    for number, pause in enumerate(pauses[1:]):
        assert 0.8 * 120 * 2**number <= pause <= 1.2 * 120 * 2**number + 2
    assert send_due_mail(now=now + dt.timedelta(days=365)) == 0
    assert not sink.received


def test_a_later_attempt_carries_the_same_message_id(tenant, sink):
    sink.behaviour.refuse_message = "451 try later"
    queued = _queue(tenant)
    send_due_mail(now=NOW)
    sink.behaviour.refuse_message = ""
    send_due_mail(now=NOW + dt.timedelta(minutes=5))
    assert [received.message["Message-ID"] for received in sink.received] == [queued.message_id]
    assert (_mail(tenant).status, _mail(tenant).attempts, _mail(tenant).last_error) == ("sent", 2, None)


def test_a_recipient_who_does_not_exist_is_not_tried_again(tenant, sink):
    sink.behaviour.refuse_recipient = "550 no such user"
    _queue(tenant)
    send_due_mail(now=NOW)
    mail = _mail(tenant)
    assert (mail.status, mail.attempts, mail.last_error) == ("failed", 1, "Recipients refused: [550]")
    assert mail.next_attempt_at is None


def test_a_server_that_is_away_loses_nothing(tenant, sink, settings):
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
    _queue(tenant)
    _queue(tenant)
    assert send_due_mail(now=NOW) == 2
    with tenant_scope(tenant.id):
        assert Mail.objects.filter(last_error__startswith="ConnectionRefusedError").count() == 2
    settings.EMAIL_PORT = port
    assert send_due_mail(now=NOW + dt.timedelta(minutes=5)) == 2
    assert len(sink.received) == 2


def test_one_bad_mail_does_not_spoil_the_connection_for_the_next(tenant, sink):
    sink.behaviour.refuse_recipient = "550 no such user"
    _queue(tenant, subject="first")
    send_due_mail(now=NOW)
    sink.behaviour.refuse_recipient = ""
    _queue(tenant, subject="second")
    send_due_mail(now=NOW)
    assert [received.message["Subject"] for received in sink.received] == ["second"]


def test_a_sender_that_died_after_its_claim_is_replaced_when_the_lease_has_run_out(tenant, sink):
    queued = _queue(tenant)
    with tenant_scope(tenant.id):
        (old,) = leases.claim(MAILS, [queued.id], now=NOW, lease=LEASE)
    assert send_due_mail(now=NOW + LEASE - SECOND) == 0
    assert send_due_mail(now=NOW + LEASE) == 1
    with tenant_scope(tenant.id):
        assert leases.record_failure(MAILS, old, at=NOW + LEASE, error="late") is None
    assert (_mail(tenant).status, _mail(tenant).attempts) == ("sent", 2)
    assert len(sink.received) == 1


def test_a_line_cut_before_the_servers_answer_repeats_the_same_message(tenant, sink):
    """The one case of a doubled mail: receivers recognise it by its Message-ID."""
    sink.behaviour.hang_up_after_data = True
    queued = _queue(tenant)
    send_due_mail(now=NOW)
    assert _mail(tenant).status == "queued"
    sink.behaviour.hang_up_after_data = False
    send_due_mail(now=NOW + dt.timedelta(minutes=5))
    assert [received.message["Message-ID"] for received in sink.received] == [queued.message_id] * 2
    assert _mail(tenant).status == "sent"


def test_a_mail_that_kills_every_sender_is_given_up(tenant, sink):
    queued = _queue(tenant)
    now = NOW
    with tenant_scope(tenant.id):
        for _ in range(8):
            leases.claim(MAILS, [queued.id], now=now, lease=LEASE)
            now += LEASE
    assert send_due_mail(now=now) == 0
    assert (_mail(tenant).status, _mail(tenant).last_error) == ("failed", ABANDONED)


def test_mails_of_a_slow_server_whose_turn_did_not_come_are_handed_back(tenant, sink):
    sink.behaviour.delay = 0.2
    for _ in range(3):
        _queue(tenant)
    assert send_due_mail(now=NOW, lease=dt.timedelta(seconds=0.2)) == 1
    with tenant_scope(tenant.id):
        assert list(Mail.objects.order_by("id").values_list("status", "attempts")) == [
            ("sent", 1), ("queued", 0), ("queued", 0),
        ]  # fmt: skip


def test_an_erased_mail_is_not_sent(tenant, sink):
    _queue(tenant)
    with tenant_scope(tenant.id):
        Mail.objects.update(recipients=None, reply_to=None, subject=None, text=None, html=None)
    send_due_mail(now=NOW)
    assert (_mail(tenant).status, sink.received) == ("failed", [])
    assert "erased" in _mail(tenant).last_error


@pytest.mark.parametrize(
    "changes",
    [
        {"to": []},
        {"to": ["nobody"]},
        {"to": ["a@example.com\nBcc: b@example.com"]},
        {"to": ["a@example.com"] * 51},
        {"reply_to": "x@"},
        {"subject": "Hi\r\nBcc: b@example.com"},
        {"subject": "  "},
    ],
)
def test_a_mail_that_no_server_would_take_is_refused_at_once(tenant, changes):
    with pytest.raises(InvalidMail):
        _queue(tenant, **changes)
