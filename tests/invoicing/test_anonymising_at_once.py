"""Erasing beside other work: two workers, new documents, late money, documents being typeset, and a killed process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

from billing.models import Customer
from billing.services.erasing import erase_customers
from common.ids import decode_id
from common.prefixes import CUSTOMER
from invoicing.models import Invoice
from invoicing.models.document import InvoiceDocument
from invoicing.services.anonymising import anonymise_tenant
from invoicing.services.erasing import erase_invoices
from invoicing.services.retention_report import verify_erasure
from invoicing.services.verifying import verify_numbering
from tenants.context import system_context
from tenants.enums import RetentionCause
from tenants.models import AuditEntry, RetentionRun, Tenant
from tenants.registries import retention_blockers
from tenants.scope import tenant_scope
from tests.invoicing.anonymised import clocks, finished_long_ago, paid, real, run
from tests.invoicing.documents import asked, uuid_of

pytestmark = pytest.mark.django_db(transaction=True)


def in_thread(function: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Runs it beside the test; what it returned or raised."""
    results: list[Any] = []

    def target() -> None:
        try:
            results.append(function())
        except Exception as problem:
            results.append(problem)
        finally:
            connection.close()

    thread = threading.Thread(target=target)
    thread.start()
    return thread, results


def left(tenant: Tenant) -> dict[str, int]:
    """What is left of erased objects; the numbering must hold as well."""
    with tenant_scope(tenant.id):
        assert verify_numbering(tenant_id=tenant.id).findings == []
    verdict = verify_erasure(system_context(tenant.id, "tests"), at=real(), now=real())
    return {kind: count for kind, count in verdict.remaining.items() if count}


@pytest.mark.parametrize("attempt", range(3))
def test_two_workers_share_the_work_and_count_everything_once(tenant, monkeypatch, attempt):
    monkeypatch.setattr("invoicing.services.anonymising.BATCH", 5)
    finished_long_ago(tenant, customers=7, invoices=10)
    ready = threading.Barrier(2)

    def work() -> RetentionRun | None:
        ready.wait(10)
        return anonymise_tenant(
            tenant_id=tenant.id, actor="tests", cause=RetentionCause.SCHEDULE, clocks=clocks(days=1)
        )  # fmt: skip

    threads = [in_thread(work) for _ in range(2)]
    for thread, _ in threads:
        thread.join(60)
    assert [result for _, results in threads for result in results if isinstance(result, Exception)] == []
    run(tenant, days=2)  # what one had locked, the other left out
    with tenant_scope(tenant.id):
        runs = list(RetentionRun.objects.all())
        erasures = AuditEntry.objects.filter(entity_type="invoice", after__has_key="erased_at")
        assert set(Counter(erasures.values_list("entity_id", flat=True)).values()) == {1}
        assert erasures.count() == 70
        assert not Customer.objects.filter(erased_at=None).exists()
    assert (sum(one.invoices or 0 for one in runs), sum(one.customers or 0 for one in runs)) == (70, 7)
    assert left(tenant) == {}


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("draft", [True, False])
@pytest.mark.parametrize("by_id", [True, False])
def test_a_document_for_a_customer_who_is_being_erased_finds_nobody_or_somebody_new(invoices, at, warm, draft, by_id):
    old = paid(invoices, userId="ada-1")
    if warm:
        invoices.make(0, userId="ada-1")
    who = {"customerId": old["customerId"]} if by_id else {"userId": "ada-1"}
    with tenant_scope(invoices.tenant.id):
        ids = list(Invoice.objects.values_list("id", flat=True))
        erase_invoices(invoice_ids=ids, at=at)
        erase_customers(customer_ids=[decode_id(CUSTOMER, old["customerId"])], at=at)
        thread, answers = in_thread(lambda: invoices.post(asked(draft=draft, **who)))
        thread.join(0.5)
        assert thread.is_alive(), "it did not wait for the eraser"
    thread.join(20)
    (answer,) = answers
    if by_id:
        assert (answer.status_code, answer.json()["code"]) == (409, "customer_erased")
    else:
        assert answer.status_code == 201
        assert answer.json()["customerId"] != old["customerId"]
    with tenant_scope(invoices.tenant.id):
        gone = Invoice.objects.filter(customer_id=decode_id(CUSTOMER, old["customerId"]), erased_at=None)
        assert not gone.exists()


def test_a_customer_for_whom_a_document_is_being_written_is_left_for_the_next_run(invoices):
    old = paid(invoices, userId="ada-1")
    with tenant_scope(invoices.tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM billing_customer FOR KEY SHARE")  # as every row does that refers to it
        thread, results = in_thread(lambda: run(invoices.tenant))
        thread.join(20)
        (record,) = results
    assert (record.invoices, record.customers) == (1, 0)
    assert invoices.api.get(f"/api/customers/{old['customerId']}").json()["erasedAt"] is None
    assert run(invoices.tenant).customers == 1


def test_a_document_that_comes_after_the_blockers_were_asked_keeps_the_customer(invoices):
    paid(invoices, userId="ada-1")
    late: list[Any] = []

    def issue(*, tenant_id: Any, customer_id: Any) -> None:
        if not late:
            thread, results = in_thread(lambda: invoices.make(0, userId="ada-1"))
            thread.join(20)
            late.extend(results)

    retention_blockers.register("tests.late", issue)
    try:
        record = run(invoices.tenant)
    finally:
        retention_blockers.unregister("tests.late")
    assert (record.invoices, record.customers) == (1, 0)
    assert invoices.get(late[0])["userId"] == "ada-1"
    assert left(invoices.tenant) == {}


def test_money_that_arrives_meanwhile_is_recorded_and_its_invoice_goes_later(invoices):
    done = paid(invoices, userId="ada-1")
    late = invoices.make(userId="ada-1")
    invoices.act(late, "mark-uncollectible", {"reason": "no answer"})
    with tenant_scope(invoices.tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM invoicing_invoice WHERE id = %s FOR UPDATE", [uuid_of(late)])
        thread, results = in_thread(lambda: run(invoices.tenant))
        thread.join(20)
        (record,) = results
    assert (record.invoices, record.customers, record.blocked) == (1, 0, 1)
    assert invoices.act(late, "mark-paid", {"reference": "at last, Ada"}).status_code == 200
    assert invoices.get(done)["userId"] is None
    record = run(invoices.tenant)
    assert (record.invoices, record.customers) == (1, 1)
    assert left(invoices.tenant) == {}


def test_an_invoice_that_is_being_changed_is_skipped_and_not_waited_for(invoices):
    invoice = paid(invoices)
    with tenant_scope(invoices.tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM invoicing_invoice FOR UPDATE")
        thread, results = in_thread(lambda: run(invoices.tenant))
        thread.join(20)
        assert results[0].invoices == 0
    assert invoices.get(invoice)["userId"] is not None
    assert run(invoices.tenant).invoices == 1


def test_a_document_that_is_typeset_while_its_invoice_is_erased_is_not_kept(invoices, at):
    invoice = paid(invoices)
    with tenant_scope(invoices.tenant.id):
        erase_invoices(invoice_ids=[uuid_of(invoice)], at=at)
        thread, answers = in_thread(lambda: invoices.api.get(f"/api/invoices/{invoice['id']}/pdf"))
        thread.join(3)
        assert thread.is_alive(), "storing the document did not wait for the eraser"
    thread.join(20)
    assert (answers[0].status_code, answers[0].json()["code"]) == (410, "document_erased")
    with tenant_scope(invoices.tenant.id):
        assert not InvoiceDocument.objects.filter(content__isnull=False).exists()


_WORKER = """
import datetime as dt, django, sys
django.setup()
from uuid import UUID
from common.clock import SystemClock
from invoicing.services import anonymising
from tenants.enums import RetentionCause
anonymising.BATCH = 5
real = SystemClock().now
print("begun", flush=True)
anonymising.anonymise_tenant(
    tenant_id=UUID(sys.argv[1]), actor="tests", cause=RetentionCause.SCHEDULE,
    clocks=anonymising.Clocks(business=real, real=real),
)
"""


@pytest.mark.serial
def test_a_killed_worker_leaves_whole_batches_and_the_next_run_goes_on(tenant):
    finished_long_ago(tenant, customers=20, invoices=15)
    environment = os.environ | {
        "DATABASE_URL": django_settings.DATABASE_URL.rpartition("/")[0] + f"/{connection.settings_dict['NAME']}",
        "SECRET_KEY": django_settings.SECRET_KEY,
    }

    def erased() -> int:
        with tenant_scope(tenant.id):
            return Invoice.objects.filter(erased_at__isnull=False).count()

    reached = []
    for more in (20, 60, 100):
        arguments = [sys.executable, "-c", _WORKER, str(tenant.id)]
        with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True) as worker:
            deadline = time.monotonic() + 60
            while erased() < more and worker.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        reached.append(erased())
        assert reached[-1] % 5 == 0
        assert left(tenant) == {}
    assert reached[0] < reached[-1] < 300, "the worker was never killed in the middle: the test proves nothing"
    record = run(tenant, days=0, cause=RetentionCause.SCHEDULE)
    assert (record.invoices, record.customers) == (300, 20)
    with tenant_scope(tenant.id):
        assert RetentionRun.objects.count() == 1
    assert left(tenant) == {}
