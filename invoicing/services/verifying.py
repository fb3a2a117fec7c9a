"""Proving a tenant's numbering: no gap, no duplicate, no altered, removed or inserted document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from common.ids import encode_id
from common.prefixes import INVOICE
from invoicing.models import NumberSeries
from invoicing.numbering import chain, genesis, number_text
from invoicing.services.verifying_documents import BATCH, Document, altered, documents

MAX_FINDINGS = 100

_ABOVE = """
SELECT i.number FROM invoicing_invoice i
JOIN invoicing_numberseries s ON s.tenant_id = i.tenant_id AND s.code = i.series AND s.year = i.year
WHERE s.id = %(series)s AND i.tenant_id = %(tenant)s AND i.number > s.last_number
ORDER BY i.number
"""
_WITHOUT_SERIES = """
SELECT DISTINCT i.series || '-' || i.year FROM invoicing_invoice i
WHERE i.tenant_id = %(tenant)s AND i.number IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM invoicing_numberseries s
    WHERE s.tenant_id = i.tenant_id AND s.code = i.series AND s.year = i.year
)
ORDER BY 1
"""
_WITHOUT_NUMBER = """
SELECT id, status FROM invoicing_invoice
WHERE tenant_id = %(tenant)s AND CASE WHEN status = 'draft'
    THEN num_nonnulls(series, year, number, invoice_number) > 0
    ELSE num_nulls(series, year, number, invoice_number) > 0
END ORDER BY id
"""
# One statement, so that both sides are of one moment: a document commits together with its event and its audit entry.
# The number is cut out of the event's text: a cast to json would end the whole check at one altered event.
_REMEMBERED = """
WITH remembered AS (
    SELECT object_id AS id, substring(data FROM '"invoiceNumber": ?"([^"]*)"') AS text
    FROM events_event
    WHERE tenant_id = %(tenant)s AND type = 'invoice.finalised' AND object_type = 'invoice'
    UNION
    SELECT entity_id, COALESCE(after ->> 'invoice_number', before ->> 'invoice_number')
    FROM tenants_auditentry
    WHERE tenant_id = %(tenant)s AND entity_type = 'invoice'
        AND COALESCE(after ->> 'invoice_number', before ->> 'invoice_number') IS NOT NULL
), kept AS (
    SELECT id, invoice_number AS text FROM invoicing_invoice
    WHERE tenant_id = %(tenant)s AND invoice_number IS NOT NULL
)
SELECT COALESCE(k.id, r.id), r.id IS NOT NULL, r.text, k.id IS NOT NULL, k.text
FROM remembered r FULL JOIN kept k ON k.id = r.id
WHERE k.id IS NULL OR r.id IS NULL OR k.text <> r.text
ORDER BY COALESCE(r.text, k.text), 1
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where."""

    series: str
    number: str
    problem: str


@dataclass(slots=True)
class Verdict:
    """What was checked and what was found; of the findings the first hundred are kept, `more` counts the others."""

    documents: int = 0
    series: int = 0
    findings: list[Finding] = field(default_factory=list)
    more: int = 0

    @property
    def ok(self) -> bool:
        """Whether everything is as it must be."""
        return not self.findings

    def add(self, series: str, number: str, problem: str) -> None:
        """Note a finding."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(series, number, problem))
        else:
            self.more += 1


def verify_numbering(*, tenant_id: UUID, progress: Callable[[int], None] = lambda _: None) -> Verdict:
    """Check every series of the tenant in whose scope this runs. `progress` is told the documents checked so far,
    from 0 on.

    The head is read before the documents: a document commits together with its series, so that everything up to the
    head is there, and what is issued meanwhile is beyond it. Afterwards the documents are compared with what the
    outbox and the audit trail remember of them, which a series that was put back cannot show.
    """
    verdict = Verdict()
    # A check reads everything there is; the bound of a request is not for it. It ends with the transaction.
    _rows("SELECT set_config('statement_timeout', '0', true)", tenant_id)
    progress(0)
    for series in NumberSeries.objects.filter(tenant_id=tenant_id).order_by("code", "year"):
        verdict.series += 1
        _verify_series(series, verdict, progress)
    for (name,) in _rows(_WITHOUT_SERIES, tenant_id):
        verdict.add(name or "", "", "documents exist, but their series does not")
    for invoice_id, status in _rows(_WITHOUT_NUMBER, tenant_id):
        problem = "is a draft and has a number" if status == "draft" else "is issued and lacks its number"
        verdict.add("", encode_id(INVOICE, invoice_id), problem)
    _compare_with_memory(tenant_id, verdict)
    return verdict


def _verify_series(series: NumberSeries, verdict: Verdict, progress: Callable[[int], None]) -> None:
    name = str(series)
    expected = series.start
    head = before = genesis(series.tenant_id, series.code, series.year)
    for document in documents(series):
        verdict.documents += 1
        text = number_text(series.code, series.year, document.number)
        _verify_document(name, text, document, verdict)
        if document.number < series.start:
            verdict.add(name, text, "before the start of the series")
        elif document.number < expected:
            verdict.add(name, text, "stands twice")
            if _continues(before, document, text):
                head = document.chain_hash
        else:
            if document.number > expected:
                verdict.add(name, _span(series, expected, document.number - 1), "missing")
            if not _continues(head, document, text):
                verdict.add(name, text, "does not continue the chain of its predecessor")
            # Go on from what is stored: one break is reported once, not for every document after it.
            before, head = head, document.chain_hash
            expected = document.number + 1
        if verdict.documents % BATCH == 0:
            progress(verdict.documents)
    if expected <= series.last_number:
        verdict.add(name, _span(series, expected, series.last_number), "missing")
    if bytes(series.head) != head:
        verdict.add(name, number_text(series.code, series.year, series.last_number), "is not the head of the chain")
    for (number,) in _rows(_ABOVE, series.tenant_id, series=series.id):
        verdict.add(name, number_text(series.code, series.year, number), "was never given by the series")


def _verify_document(name: str, text: str, document: Document, verdict: Verdict) -> None:
    if document.text != text:
        verdict.add(name, text, f"reads {document.text!r}")
    problem = altered(document)
    if problem:
        verdict.add(name, text, problem)


def _continues(head: bytes, document: Document, text: str) -> bool:
    return chain(head, document.content_digest, text) == document.chain_hash


def _compare_with_memory(tenant_id: UUID, verdict: Verdict) -> None:
    """Each number that was announced or entered into the audit trail is there, and there is no other."""
    named = set()
    for invoice_id, remembered, was, kept, now in _rows(_REMEMBERED, tenant_id):
        if was is None and invoice_id in named:
            continue  # the audit trail knew the number that an altered event does not tell
        named.add(invoice_id)
        text = was or now or encode_id(INVOICE, invoice_id)
        name = text.rpartition("-")[0]
        if not kept:
            verdict.add(name, text, "was issued and is gone")
        elif not remembered:
            verdict.add(name, text, "was never announced: neither an event nor the audit trail knows it")
        else:
            verdict.add(name, text, f"was issued and is now {now}")


def _rows(sql: str, tenant_id: UUID, **values: UUID) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"tenant": tenant_id, **values})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _span(series: NumberSeries, first: int, last: int) -> str:
    start = number_text(series.code, series.year, first)
    return start if first == last else f"{start} to {number_text(series.code, series.year, last)}"
