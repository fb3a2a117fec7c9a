"""`anonymise` and `verify_erasure`: what they say, their status, and that a report changes nothing."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from events.services.mail import queue_mail
from tenants.leases import lease
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.conftest import AT, owner_connection
from tests.invoicing.anonymised import erase, finished_long_ago, paid, real
from tests.invoicing.documents import Invoices, rows_of, uuid_of
from tests.ledger_project.instances import free_port
from tests.webhooks.conftest import fan_out_all
from webhooks.egress import judge_url
from webhooks.services.delivering import Engine
from webhooks.services.subscribers import create_subscriber

pytestmark = pytest.mark.django_db(transaction=True)
TABLES = (
    "billing_customer", "billing_payment", "events_event", "invoicing_invoice", "invoicing_invoicebuyer",
    "tenants_auditentry", "tenants_erasedobject", "tenants_retentionrun",
)  # fmt: skip


def command(*arguments: str) -> tuple[int, Any]:
    """Exit status, and the JSON of the (only) tenant."""
    out = io.StringIO()
    status = 0
    try:
        call_command(*arguments, "--json", stdout=out, stderr=io.StringIO())
    except SystemExit as ended:
        status = int(str(ended.code))
    return status, json.loads(out.getvalue())["tenants"][0]


def said(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def old(tenant: Tenant, invoices: Any) -> Tenant:
    """Two customers with three old invoices each; one of them has a new, unpaid one as well."""
    finished_long_ago(tenant, customers=2, invoices=3)
    invoices.make(userId="user-1")
    return tenant


def test_a_dry_run_reports_what_would_go_and_who_is_held_and_changes_nothing(old):
    before = {table: rows_of(table, tenant=old) for table in TABLES}
    status, report = command("anonymise", "--tenant", old.slug, "--dry-run")
    assert status == 0
    assert {table: rows_of(table, tenant=old) for table in TABLES} == before
    assert (report["dryRun"], report["invoices"], report["customers"], report["blocked"]) == (True, 6, 1, 1)
    assert [one["reasons"] for one in report["held"]] == [["1 unpaid invoice"]]
    assert report["held"][0]["customerId"].startswith("cst_")
    text = said("anonymise", "--tenant", old.slug, "--dry-run")
    assert "6 invoices and 1 customers would be erased." in text
    assert f"held: {report['held'][0]['customerId']}: 1 unpaid invoice" in text


def test_the_report_counts_what_the_run_then_erases(old, invoices):
    paid(invoices, userId="user-9")  # young: neither counts it
    _, report = command("anonymise", "--tenant", old.slug, "--dry-run")
    _, done = command("anonymise", "--tenant", old.slug)
    assert [done[name] for name in ("invoices", "customers", "blocked", "held")] == [
        report[name] for name in ("invoices", "customers", "blocked", "held")
    ]
    for kind in ("events", "payments", "mails", "documents", "callbacks"):
        assert done["rows"].get(kind, 0) == report["rows"].get(kind, 0), kind
    _, again = command("anonymise", "--tenant", old.slug)
    assert (again["invoices"], again["customers"], again["rows"]) == (0, 0, {})


def test_one_customer_on_request_and_who_is_held_is_refused_with_the_reason(old, invoices):
    free, held = (
        invoices.api.get(f"/api/customers?externalId=user-{number}").json()["data"][0]["id"] for number in (0, 1)
    )
    status, done = command("anonymise", "--tenant", old.slug, "--customer", free)
    assert (status, done["invoices"], done["customers"]) == (0, 3, 1)
    with pytest.raises(CommandError, match="may not be erased yet: 1 unpaid invoice"):
        said("anonymise", "--tenant", old.slug, "--customer", held)
    assert invoices.api.get(f"/api/customers/{held}").json()["name"] == "Ada 1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--customer", "cst_01hqx3qgf2c8mhwy9s6zwmf3yh"], "needs --tenant"),
        (["--tenant", "SLUG", "--customer", "cst_01hqx3qgf2c8mhwy9s6zwmf3yh", "--dry-run"], "do not go together"),
        (["--tenant", "SLUG", "--customer", "cst_01hqx3qgf2c8mhwy9s6zwmf3yh"], "no customer cst_01hqx3"),
        (["--tenant", "SLUG", "--customer", "ada"], "id of a customer"),
    ],
)
def test_what_cannot_be_meant_is_refused(tenant, arguments, message):
    with pytest.raises(CommandError, match=message):
        said("anonymise", *[tenant.slug if one == "SLUG" else one for one in arguments])


def test_while_a_worker_is_erasing_the_command_says_so(tenant):
    with lease(f"invoicing.anonymise:{tenant.id}"), pytest.raises(CommandError, match="worker is erasing"):
        said("anonymise", "--tenant", tenant.slug)


def test_verifying_counts_what_is_due_and_is_content(old):
    status, verdict = command("verify_erasure", "--tenant", old.slug)
    assert (status, verdict["invoicesDue"], verdict["customersDue"], verdict["customersHeld"]) == (0, 6, 1, 1)
    assert command("verify_erasure", "--tenant", old.slug, "--strict")[0] == 1
    command("anonymise", "--tenant", old.slug)
    assert command("verify_erasure", "--tenant", old.slug, "--strict")[0] == 0


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE invoicing_invoicebuyer SET name = 'Ada'", "buyers"),
        ('UPDATE events_event SET data = \'{"name":"Ada"}\'', "events"),
        ("UPDATE tenants_auditentry SET reason = 'Ada'", "auditEntries"),
        ("UPDATE billing_payment SET reference = 'Ada'", "payments"),
        ("UPDATE events_mail SET subject = 'Ada'", "mails"),
        ("UPDATE invoicing_invoicedocument SET content = 'x'", "documents"),
        ("UPDATE webhooks_message SET body = 'x', created_at = '2020-01-01'", "callbacks"),
        ("UPDATE webhooks_attempt SET error = 'Ada', at = '2020-01-01'", "callbackAnswers"),
        ("UPDATE tenants_idempotencykey SET body = replace(body, 'null', '\"Ada\"')", "storedAnswers"),
        ("DELETE FROM tenants_erasedobject", "invoicesErasedUnmarked"),
        ("UPDATE invoicing_invoice SET erased_at = NULL", "buyersErasedUnrecorded"),
    ],
)
def test_what_was_left_behind_is_found_by_its_kind(tenant, invoices, everywhere, statement, kind):
    assert command("verify_erasure", "--tenant", tenant.slug)[0] == 0
    with owner_connection() as owner:
        owner.execute("SELECT set_config('ledger.tenant_id', %s, false)", [str(tenant.id)])
        table = statement.split()[1] if statement.startswith("UPDATE") else statement.split()[2]
        owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        try:
            assert owner.execute(statement).rowcount > 0
        finally:
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    status, verdict = command("verify_erasure", "--tenant", tenant.slug)
    assert status == 1
    assert kind in verdict["remaining"]
    assert kind in _not_ok(tenant)


def _not_ok(tenant: Tenant) -> str:
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_erasure", "--tenant", tenant.slug, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def everywhere(tenant: Tenant, invoices: Invoices, settings: Any) -> None:
    """An erased customer who had left something in every table."""
    settings.LEDGER_EGRESS_ALLOW = "127.0.0.1"
    with tenant_scope(tenant.id):
        nobody = judge_url(f"http://127.0.0.1:{free_port()}/")
        create_subscriber(tenant_id=tenant.id, at=AT, now=real(), name="Nobody listens", url=nobody)
    invoice = paid(invoices, userId="user-1")
    invoices.post({"userId": "user-1", "items": [{"description": "A", "unitPrice": 0}]}, key="k")
    assert invoices.api.get(f"/api/invoices/{invoice['id']}/pdf").status_code == 200
    with tenant_scope(tenant.id):
        queue_mail(
            tenant_id=tenant.id, to=["ada@example.org"], subject="For Ada", text="Dear Ada", at=AT, now=AT,
            object_type="invoice", object_id=uuid_of(invoice),
        )  # fmt: skip
    fan_out_all()
    engine = Engine(deadline_seconds=2)
    engine.run(seconds=2)
    engine.close()
    erase(invoices, invoice["customerId"])
