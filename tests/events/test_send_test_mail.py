"""`manage.py send_test_mail` tries what an invoice would go through; in development mail is printed to be read."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.core.management import CommandError, call_command

from events.console import EmailBackend
from events.models import Mail
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.services.settings import update_settings
from tests.events.conftest import NOW
from tests.events.smtp_sink import SmtpSink

pytestmark = pytest.mark.django_db(transaction=True)


def run(tenant: Tenant, to: str = "ada@example.com", *, ok: bool = True) -> dict[str, Any]:
    out = io.StringIO()
    arguments = ("send_test_mail", "--tenant", tenant.slug, "--to", to, "--json")
    if ok:
        call_command(*arguments, stdout=out)
    else:
        with pytest.raises(SystemExit):
            call_command(*arguments, stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def test_it_goes_through_the_server_of_the_installation(tenant, mailoutbox):
    result = run(tenant)
    assert (result["ok"], result["ownServer"], result["from"]) == (True, False, '"Example GmbH" <billing@localhost>')
    assert [mail.to for mail in mailoutbox] == [["ada@example.com"]]
    with tenant_scope(tenant.id):
        assert not Mail.objects.exists()


def test_it_goes_through_the_tenants_server_and_says_what_that_answers(tenant, settings, mailoutbox):
    settings.LEDGER_EGRESS_ALLOW = "127.0.0.1"
    with SmtpSink() as sink:
        with tenant_scope(tenant.id):
            smtp = {"host": "127.0.0.1", "port": sink.port, "from": "a@example.com"}
            update_settings(tenant_id=tenant.id, changes={"smtp": smtp}, at=NOW)
        result = run(tenant)
        assert (result["ok"], result["server"], result["tls"]) == (True, f"127.0.0.1:{sink.port}", None)
        assert [one.recipients for one in sink.received] == [["ada@example.com"]]
        sink.behaviour.refuse_recipient = "550 no such user"
        result = run(tenant, ok=False)
        assert (result["ok"], result["error"]) == (False, "Refused (recipient): 550 no such user")
    settings.LEDGER_EGRESS_ALLOW = ""
    result = run(tenant, ok=False)
    assert result["error"] == "The host resolves to an address that is not a public one."
    assert mailoutbox == []


def test_it_says_so_in_words(tenant, mailoutbox):
    out = io.StringIO()
    call_command("send_test_mail", "--tenant", tenant.slug, "--to", "ada@example.com", stdout=out)
    assert out.getvalue().startswith(f"ok. {tenant.slug} sends through the installation")


@pytest.mark.parametrize("to", ["nobody", "a@example.com\nBcc: b@example.com", ""])
def test_what_is_no_address_is_refused(tenant, to, mailoutbox):
    with pytest.raises(CommandError):
        call_command("send_test_mail", "--tenant", tenant.slug, "--to", to)
    assert mailoutbox == []


def test_a_printed_mail_does_not_disturb_the_result(tenant, settings, capsys):
    settings.EMAIL_BACKEND = "events.console.EmailBackend"
    call_command("send_test_mail", "--tenant", tenant.slug, "--to", "ada@example.com", "--json")
    printed = capsys.readouterr()
    assert json.loads(printed.out)["ok"] is True
    assert "To: ada@example.com" in printed.err


def test_in_development_a_mail_is_printed_as_people_read_it():
    message = EmailMultiAlternatives("Rechnung für März", "Grüße\n", "Müller <a@example.com>", ["ada@example.com"])
    message.attach_alternative("<p>Grüße</p>", "text/html")
    message.attach("INV-2026-0001.pdf", b"%PDF" * 1000, "application/pdf")
    out = io.StringIO()
    assert EmailBackend(stream=out).send_messages([message]) == 1
    lines = out.getvalue().splitlines()
    assert {"Subject: Rechnung für März", "From: Müller <a@example.com>", "Grüße"} <= set(lines)
    assert "[application/pdf INV-2026-0001.pdf, 4,000 bytes]" in lines
    assert len(lines) < 20
