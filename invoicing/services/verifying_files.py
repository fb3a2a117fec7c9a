"""Proving the stored documents: their bytes are those of their digest, and the frozen input makes them again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from common.typesetting import TypesettingFailed
from invoicing.selectors import get_invoice
from invoicing.services.documents import frozen_input, issue_instant, layout_name, render
from tenants.context import Context
from tenants.scope import tenant_scope

BATCH = 200
MAX_FINDINGS = 100

_BATCH = """
SELECT i.id, i.invoice_number, b.salt IS NULL, d.id IS NOT NULL, d.content IS NULL, d.sha256, d.layout,
    sha256(d.content) = d.sha256 AND octet_length(d.content) = d.size
FROM invoicing_invoice i
JOIN invoicing_invoicebuyer b ON b.tenant_id = i.tenant_id AND b.id = i.id
LEFT JOIN invoicing_invoicedocument d ON d.tenant_id = i.tenant_id AND d.id = i.id
WHERE i.tenant_id = %s AND i.status <> 'draft' AND i.id > %s
ORDER BY i.id LIMIT %s
"""


@dataclass(slots=True)
class Verdict:
    """What was found. `missing` documents are no fault: they are made when somebody asks. `again` were made again."""

    invoices: int = 0
    stored: int = 0
    missing: int = 0
    erased: int = 0
    again: int = 0
    other_layout: int = 0
    findings: list[tuple[str, str]] = field(default_factory=list)
    more: int = 0

    @property
    def ok(self) -> bool:
        """Whether every document is as it must be."""
        return not self.findings

    def add(self, number: str, problem: str) -> None:
        """Note a finding; the first hundred are kept."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append((number, problem))
        else:
            self.more += 1


def verify_files(*, context: Context, again: bool, progress: Callable[[int], None] = lambda _: None) -> Verdict:
    """Check the documents of all finalised invoices of a tenant, in batches of their own transactions.

    With `again` each document of today's layout, engine and fonts is made once more from its frozen input and must
    come out byte for byte; those of another layout are counted.
    """
    verdict = Verdict()
    after = UUID(int=0)
    while True:
        with tenant_scope(context), connection.cursor() as cursor:
            cursor.execute(_BATCH, [context.tenant_id, after, BATCH])
            rows = cursor.fetchall()
        for row in rows:
            _check(context, verdict, *row, again=again)
        if len(rows) < BATCH:
            return verdict
        after = rows[-1][0]
        progress(verdict.invoices)


def _check(
    context: Context, verdict: Verdict, invoice_id: UUID, number: str, buyer_erased: bool, exists: bool, empty: bool,  # noqa: FBT001
    sha256: Any, layout: str, whole: bool | None, *, again: bool,  # noqa: FBT001
) -> None:  # fmt: skip
    verdict.invoices += 1
    if not exists:
        verdict.erased += buyer_erased
        verdict.missing += not buyer_erased
    elif empty:
        verdict.erased += 1
        if not buyer_erased:
            verdict.add(number, "its bytes are gone, but its addressee was not erased")
    else:
        verdict.stored += 1
        if buyer_erased:
            verdict.add(number, "its addressee was erased, but its bytes are there")
        elif not whole:
            verdict.add(number, "its bytes are not those of its digest")
        elif again:
            _make_again(context, verdict, invoice_id, number, bytes(sha256), layout)


def _make_again(
    context: Context, verdict: Verdict, invoice_id: UUID, number: str, sha256: bytes, layout: str
) -> None:  # fmt: skip
    if layout != layout_name():
        verdict.other_layout += 1
        return
    with tenant_scope(context):
        invoice = get_invoice(tenant_id=context.tenant_id, invoice_id=invoice_id)
        document = frozen_input(invoice)
    try:
        made = render(document, at=issue_instant(invoice))
    except TypesettingFailed as failed:
        verdict.add(number, f"cannot be made again: {failed}")
        return
    verdict.again += 1
    if hashlib.sha256(made.content).digest() != sha256:
        verdict.add(number, "its frozen input makes other bytes")
