"""The document of an invoice: typeset once from what was frozen at finalisation, the same bytes ever after."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection

from common.constraints import violated_constraint
from common.typesetting import Typeset, Typesetter
from invoicing import metrics
from invoicing.documents.layout import LAYOUT_VERSION, TEMPLATE, DocumentInput, layout_values, untouched_values
from invoicing.documents.seller import LogoPicture, seller_from
from invoicing.documents.texts import TEMPLATES
from invoicing.enums import InvoiceStatus
from invoicing.errors import DocumentErased, InvoiceNotFinalised
from invoicing.models import Invoice, InvoiceDocument
from invoicing.selectors import (
    buyer_from,
    content_of,
    counting_prices,
    credit_used_on,
    get_invoice,
    items_of,
)
from tenants.context import Context
from tenants.scope import tenant_scope
from tenants.selectors import find_logo, get_settings, get_snapshot

PREVIEW_PPI = 110
MAX_PREVIEW_PAGES = 5

_FIRST_WRITER = """
INSERT INTO invoicing_invoicedocument (id, tenant_id, content, sha256, size, layout, boxes, rendered_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class RenderedDocument:
    """The bytes as they were first written, their SHA-256, and a name for the file."""

    content: bytes
    sha256: bytes
    filename: str

    @property
    def etag(self) -> str:
        """The strong entity tag: the bytes never change under it."""
        return f'"{self.sha256.hex()}"'


def invoice_document(*, context: Context, invoice_id: UUID, now: dt.datetime) -> RenderedDocument:
    """The PDF of a finalised invoice; typeset and stored when nobody has asked for it before.

    Call it outside of a transaction: it works in short ones of its own and typesets between them. Of several that
    typeset at once the first to write has written, and all return those bytes. Raises `NotFound`,
    `InvoiceNotFinalised`, `DocumentErased`, `common.typesetting.TypesettingFailed`.
    """
    with tenant_scope(context):
        invoice = get_invoice(tenant_id=context.tenant_id, invoice_id=invoice_id)
        stored = _stored(invoice)
        if stored is not None:
            return stored
        document = frozen_input(invoice)
    typeset = render(document, at=issue_instant(invoice))
    with tenant_scope(context):
        _write(context.tenant_id, invoice, typeset, now=now)
        stored = _stored(invoice)
    assert stored is not None, "the document was just written, by us or by somebody before us"
    return stored


def preview_images(*, context: Context, invoice_id: UUID, pages: int = MAX_PREVIEW_PAGES) -> list[bytes]:
    """The first pages of the document as PNG. A draft is drawn as it would be today, and marked as a draft.

    Raises `NotFound`, `DocumentErased`, `common.typesetting.TypesettingFailed`.
    """
    with tenant_scope(context):
        invoice = get_invoice(tenant_id=context.tenant_id, invoice_id=invoice_id)
        document = preview_input(invoice) if invoice.status == InvoiceStatus.DRAFT else frozen_input(invoice)
    images = typesetter().images(
        TEMPLATE, layout_values(document), at=issue_instant(invoice), raw=untouched_values(document), ppi=PREVIEW_PPI
    )
    return images[:pages]


def frozen_input(invoice: Invoice) -> DocumentInput:
    """Everything the document is made of; nothing of it can change any more.

    Raises `InvoiceNotFinalised`, and `DocumentErased` when its addressee is gone.
    """
    if invoice.status == InvoiceStatus.DRAFT:
        raise InvoiceNotFinalised()
    if invoice.buyer.salt is None:
        raise DocumentErased()
    assert invoice.settings_version is not None, "invoice_issued_has_number"
    return _input(invoice, version=invoice.settings_version)


def preview_input(invoice: Invoice) -> DocumentInput:
    """What a draft would be made of today."""
    return _input(invoice, version=get_settings(tenant_id=invoice.tenant_id).version)


def render(document: DocumentInput, *, at: dt.datetime) -> Typeset:
    """Typeset a document. The same input gives the same bytes, on every machine with the same `layout_name()`."""
    started = time.perf_counter()
    typeset = typesetter().pdf(TEMPLATE, layout_values(document), at=at, raw=untouched_values(document))
    metrics.DURATION.observe(time.perf_counter() - started)
    metrics.BOXES.inc(typeset.boxes)
    return typeset


def layout_name() -> str:
    """What beside the input decides the bytes: layout, engine and fonts."""
    return f"{LAYOUT_VERSION}-{typesetter().engine}"


def issue_instant(invoice: Invoice) -> dt.datetime:
    """The date that the file claims to be of: that of issue; a draft's is when it was begun."""
    return invoice.issued_at or invoice.created_at


@cache
def typesetter() -> Typesetter:
    """The typesetter of this process."""
    folder = settings.DOCUMENT_FONTS_DIR
    return Typesetter(TEMPLATES, extra_fonts=Path(folder) if folder else None)


def _input(invoice: Invoice, *, version: int) -> DocumentInput:
    seller = seller_from(get_snapshot(tenant_id=invoice.tenant_id, version=version))
    logo = find_logo(tenant_id=invoice.tenant_id, sha256=seller.logo) if seller.logo else None
    content = content_of(invoice, items_of(invoice))
    return DocumentInput(
        content=content,
        buyer=buyer_from(invoice.buyer),
        seller=seller,
        number=invoice.invoice_number,
        logo=LogoPicture(bytes(logo.content), logo.media_type, logo.width, logo.height) if logo else None,
        credit_used=credit_used_on(invoice),
        counting=counting_prices(tenant_id=invoice.tenant_id, items=content.items),
    )


def _stored(invoice: Invoice) -> RenderedDocument | None:
    row = InvoiceDocument.objects.filter(tenant_id=invoice.tenant_id, invoice_id=invoice.id).first()
    if row is None:
        return None
    if row.content is None:
        raise DocumentErased()
    return RenderedDocument(bytes(row.content), bytes(row.sha256), f"{invoice.invoice_number}.pdf")


def _write(tenant_id: UUID, invoice: Invoice, typeset: Typeset, *, now: dt.datetime) -> None:
    """Store the bytes unless somebody was faster. Raises `DocumentErased` when the addressee went meanwhile."""
    values: list[Any] = [
        invoice.id, tenant_id, typeset.content, hashlib.sha256(typeset.content).digest(), len(typeset.content),
        layout_name(), typeset.boxes, now,
    ]  # fmt: skip
    try:
        with connection.cursor() as cursor:
            cursor.execute(_FIRST_WRITER, values)
            written = cursor.rowcount == 1
    except IntegrityError as refused:
        if violated_constraint(refused) != "document_of_finalised":
            raise
        raise DocumentErased() from refused
    metrics.DOCUMENTS.labels("rendered" if written else "overtaken").inc()
