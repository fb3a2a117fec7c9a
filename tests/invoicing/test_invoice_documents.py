"""Claims about making documents: once, by whoever is first, from what was frozen; and proving them."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from common.clock import SystemClock
from common.typesetting import Typesetter
from events.services.dispatching import dispatch
from invoicing.errors import DocumentErased, InvoiceNotFinalised
from invoicing.models import DocumentRequest, Invoice, InvoiceDocument
from invoicing.services import documents
from invoicing.services.document_requests import make_requested, request_document
from invoicing.services.documents import invoice_document, preview_images
from tenants.context import system_context
from tenants.scope import tenant_scope
from tests.invoicing.anonymised import erase
from tests.invoicing.credited import credit
from tests.invoicing.documents import Invoices, uuid_of
from tests.invoicing.test_documents_api import pdf_of, text_of

pytestmark = pytest.mark.django_db(transaction=True)
NOW = SystemClock().now()


def make(invoices: Invoices, invoice: dict[str, Any]) -> documents.RenderedDocument:
    return invoice_document(
        context=system_context(invoices.tenant.id, "tests"), invoice_id=uuid_of(invoice), now=NOW
    )  # fmt: skip


def stored(invoices: Invoices) -> list[InvoiceDocument]:
    with tenant_scope(invoices.tenant.id):
        return list(InvoiceDocument.objects.all())


def forget(invoices: Invoices, invoice: dict[str, Any]) -> None:
    """Void the invoice and erase its customer."""
    assert invoices.act(invoice, "void", {"reason": "moved away"}).status_code == 200
    erase(invoices, invoice["customerId"])


def run(invoices: Invoices, statement: str) -> str | None:
    """The name of the constraint that refuses, or None."""
    try:
        with tenant_scope(invoices.tenant.id), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
            assert cursor.rowcount > 0
    except DatabaseError as refused:
        cause: Any = refused.__cause__
        return str(cause.diag.constraint_name)
    return None


def test_the_document_says_what_credit_paid_at_finalisation_whatever_happens_later(invoices):
    credit(invoices, 130)
    full, part = invoices.make(100), invoices.make(100)
    invoices.act(part, "mark-paid", {"amount": 1})
    assert "Credit used" in text_of(make(invoices, full).content)
    text = text_of(make(invoices, part).content)
    assert "€0.70" in text
    assert "€0.69" not in text
    credit(invoices, 40)
    void = invoices.make(100)
    invoices.act(void, "void", {"reason": "Wrong buyer"})
    with tenant_scope(invoices.tenant.id):
        row = Invoice.objects.select_related("buyer").get(id=uuid_of(void))
        assert documents.frozen_input(row).credit_used == 40
    assert "€0.60" in text_of(make(invoices, void).content)


def test_of_several_that_make_it_at_once_one_has_written_and_all_return_its_bytes(invoices, monkeypatch):
    invoice = invoices.make(5)
    together = threading.Barrier(4)
    typeset = Typesetter.pdf

    def slowly(self: Typesetter, *args: Any, **options: Any) -> Any:
        together.wait(20)
        # As if typst were not deterministic: whoever is second must not win.
        return typeset(self, *args, **{**options, "at": options["at"].replace(second=threading.get_ident() % 60)})

    monkeypatch.setattr(Typesetter, "pdf", slowly)
    seen: list[bytes] = []

    def ask() -> None:
        try:
            seen.append(make(invoices, invoice).content)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(seen) == 4
    assert set(seen) == {bytes(row.content or b"") for row in stored(invoices)}


def test_nothing_is_typeset_inside_a_transaction_nor_twice(invoices, monkeypatch):
    invoice = invoices.make(5)
    inside: list[bool] = []
    typeset = Typesetter.pdf

    def watched(self: Typesetter, *args: Any, **options: Any) -> Any:
        inside.append(connection.in_atomic_block)
        return typeset(self, *args, **options)

    monkeypatch.setattr(Typesetter, "pdf", watched)
    first = pdf_of(invoices, invoice).content
    assert pdf_of(invoices, invoice).content == first
    assert inside == [False]


def test_when_the_process_dies_before_it_writes_the_next_one_makes_it(invoices, monkeypatch):
    invoice = invoices.make(5)

    def dies(*args: Any, **options: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(documents, "_write", dies)
        with pytest.raises(SystemExit):
            make(invoices, invoice)
    assert stored(invoices) == []
    assert make(invoices, invoice).content.startswith(b"%PDF")


def test_a_document_whose_addressee_is_erased_while_it_is_made_is_not_kept(invoices, monkeypatch):
    invoice = invoices.make(5, customer={"name": "Ada"})
    typeset = Typesetter.pdf

    def erased_meanwhile(self: Typesetter, *args: Any, **options: Any) -> Any:
        forget(invoices, invoice)
        return typeset(self, *args, **options)

    monkeypatch.setattr(Typesetter, "pdf", erased_meanwhile)
    with pytest.raises(DocumentErased):
        make(invoices, invoice)
    assert stored(invoices) == []


@pytest.mark.parametrize(
    "change",
    ["content = 'x'", "sha256 = sha256('x')", "size = 1", "layout = 'x'", "rendered_at = now()", "boxes = 9",
     "content = NULL, sha256 = sha256('x')"],
)  # fmt: skip
def test_the_database_refuses_every_change_of_a_document(invoices, change):
    make(invoices, invoices.make(5))
    assert run(invoices, f"UPDATE invoicing_invoicedocument SET {change}") == "document_final"


def test_the_database_refuses_to_delete_a_document_and_to_bring_erased_bytes_back(invoices):
    invoice = invoices.make(5)
    make(invoices, invoice)
    assert run(invoices, "DELETE FROM invoicing_invoicedocument") == "document_final"
    assert run(invoices, "UPDATE invoicing_invoicedocument SET content = NULL") == "document_final"
    forget(invoices, invoice)
    assert run(invoices, "UPDATE invoicing_invoicedocument SET content = 'x'") == "document_final"


@pytest.mark.parametrize(
    ("content", "sha256", "size", "refusal"),
    [
        ("'x'", "sha256('y')", "1", "document_digest"), ("'x'", "sha256('x')", "2", "document_digest"),
        ("NULL", "sha256('x')", "1", "document_digest"), ("'x'", "sha256('x')", "1", "document_of_finalised"),
    ],
)  # fmt: skip
def test_the_database_refuses_a_wrong_digest_and_a_document_of_a_draft(invoices, content, sha256, size, refusal):
    invoices.draft(5)
    insert = (
        "INSERT INTO invoicing_invoicedocument (id, tenant_id, content, sha256, size, layout, boxes, rendered_at) "
        f"SELECT id, tenant_id, {content}::bytea, {sha256}, {size}, 'x', 0, now() FROM invoicing_invoice"
    )
    assert run(invoices, insert) == refusal


def test_finalising_has_the_document_made_by_the_job(invoices, other_invoices):
    made = [invoices.make(5), other_invoices.make(6)]
    draft = invoices.draft(7)
    dispatch(now=SystemClock().now())
    assert make_requested(now=SystemClock().now()) == 2
    assert make_requested(now=SystemClock().now()) == 0
    assert [len(stored(one)) for one in (invoices, other_invoices)] == [1, 1]
    assert invoices.act(draft, "finalise").status_code == 200
    dispatch(now=SystemClock().now())
    make_requested(now=SystemClock().now())
    assert len(stored(invoices)) == 2
    with tenant_scope(invoices.tenant.id):
        assert not DocumentRequest.objects.exists()
    digest = bytes(next(row for row in stored(invoices) if row.invoice_id == uuid_of(made[0])).sha256)
    assert hashlib.sha256(pdf_of(invoices, made[0]).content).digest() == digest


def test_a_document_that_is_there_is_not_asked_for_again(invoices):
    make(invoices, invoices.make(5))
    dispatch(now=SystemClock().now())
    with tenant_scope(invoices.tenant.id):
        assert not DocumentRequest.objects.exists()


def test_one_that_fails_is_tried_again_later_and_holds_up_no_other(invoices, monkeypatch):
    broken, fine = invoices.make(5), invoices.make(6)
    dispatch(now=SystemClock().now())
    make_one = invoice_document

    def fails(*, invoice_id: Any, **options: Any) -> Any:
        if invoice_id == uuid_of(broken):
            raise RuntimeError("no luck")
        return make_one(invoice_id=invoice_id, **options)

    monkeypatch.setattr("invoicing.services.document_requests.invoice_document", fails)
    now = SystemClock().now()
    assert make_requested(now=now) == 2
    assert [row.invoice_id for row in stored(invoices)] == [uuid_of(fine)]
    assert make_requested(now=now) == 0
    with tenant_scope(invoices.tenant.id):
        [request] = DocumentRequest.objects.all()
    assert (request.attempts, request.last_error) == (1, "RuntimeError: no luck")
    monkeypatch.undo()
    assert make_requested(now=request.next_attempt_at) == 1
    assert len(stored(invoices)) == 2


def test_a_wish_for_an_erased_document_is_dropped(invoices):
    invoice = invoices.make(5)
    dispatch(now=SystemClock().now())
    forget(invoices, invoice)
    # As if the event had been delivered only now.
    with tenant_scope(invoices.tenant.id):
        request_document(tenant_id=invoices.tenant.id, invoice_id=uuid_of(invoice), now=NOW)
    assert make_requested(now=SystemClock().now()) == 1
    with tenant_scope(invoices.tenant.id):
        assert not DocumentRequest.objects.exists()


def test_a_preview_of_a_draft_is_drawn_and_stores_nothing(invoices):
    context = system_context(invoices.tenant.id, "tests")
    draft, final = invoices.draft(5), invoices.make(*range(1, 300))
    [page] = preview_images(context=context, invoice_id=uuid_of(draft))
    assert page.startswith(b"\x89PNG")
    assert len(preview_images(context=context, invoice_id=uuid_of(final), pages=2)) == 2
    assert stored(invoices) == []
    with pytest.raises(InvoiceNotFinalised):
        make(invoices, draft)


def verdict(invoices: Invoices, *options: str) -> dict[str, Any]:
    out = StringIO()
    with suppress(SystemExit):
        call_command("verify_documents", "--tenant", invoices.tenant.slug, "--json", *options, stdout=out)
    [one] = json.loads(out.getvalue())["tenants"]
    return dict(one)


def test_verify_documents_counts_and_makes_them_again(invoices):
    first, second, third = (invoices.make(5, userId=f"user-{number}") for number in range(3))
    invoices.draft(8, userId="user-8")
    make(invoices, first)
    make(invoices, second)
    forget(invoices, second)
    forget(invoices, third)
    invoices.make(9, userId="user-9")
    found = verdict(invoices, "--again")
    counts = ("ok", "invoices", "stored", "missing", "erased", "madeAgain", "otherLayout", "findings")
    assert [found[name] for name in counts] == [True, 4, 1, 1, 2, 1, 0, []]
    assert verdict(invoices, "--again") == found


def test_verify_documents_finds_what_was_altered(invoices, monkeypatch):
    from tests.conftest import owner_connection

    numbers = [invoices.make(5)["invoiceNumber"] for _ in range(4)]
    for row in invoices.listed():
        make(invoices, row)
    with owner_connection() as owner:
        owner.execute("ALTER TABLE invoicing_invoicedocument DISABLE TRIGGER document_guard")
        owner.execute("ALTER TABLE invoicing_invoicedocument NO FORCE ROW LEVEL SECURITY")
        where = "WHERE id = (SELECT id FROM invoicing_invoicedocument ORDER BY id OFFSET"
        owner.execute(f"UPDATE invoicing_invoicedocument SET content = 'x' {where} 0 LIMIT 1)")
        owner.execute(f"UPDATE invoicing_invoicedocument SET content = NULL {where} 1 LIMIT 1)")
        owner.execute(
            f"UPDATE invoicing_invoicedocument SET content = 'y', sha256 = sha256('y'), size = 1 {where} 2 LIMIT 1)"
        )
        owner.execute("ALTER TABLE invoicing_invoicedocument FORCE ROW LEVEL SECURITY")
        owner.execute("ALTER TABLE invoicing_invoicedocument ENABLE TRIGGER document_guard")
    found = {one["number"]: one["problem"] for one in verdict(invoices, "--again")["findings"]}
    assert found == {
        numbers[0]: "its bytes are not those of its digest",
        numbers[1]: "its bytes are gone, but its addressee was not erased",
        numbers[2]: "its frozen input makes other bytes",
    }
    monkeypatch.setattr("invoicing.services.verifying_files.layout_name", lambda: "another")
    assert verdict(invoices, "--again")["otherLayout"] == 2


def test_the_payment_instructions_of_the_language_stand_on_invoice_and_document(invoices, settings_of):
    settings_of(
        paymentInstructions="IBAN ANY", locale="en",
        invoiceTexts={"de": {"paymentInstructions": "IBAN DEUTSCH", "intro": "Guten Tag"}},
    )  # fmt: skip
    plain = invoices.make(5, customer={"name": "A"})
    german = invoices.make(5, userId="user-2", customer={"name": "B", "locale": "de-AT"})
    hot = invoices.make(5, userId="user-2")
    assert [one["paymentInstructions"] for one in (plain, german, hot)] == ["IBAN ANY", "IBAN DEUTSCH", "IBAN DEUTSCH"]
    text = text_of(pdf_of(invoices, hot).content)
    assert "IBAN DEUTSCH" in text
    assert "Guten Tag" in text
