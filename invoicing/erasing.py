"""What invoicing keeps beside the invoice, which the function that marks it has emptied together with its buyer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from tenants.erasing import number

_BUYERS_LEFT: Final = """
    SELECT count(*) FROM invoicing_invoice i JOIN invoicing_invoicebuyer b ON b.tenant_id = i.tenant_id AND b.id = i.id
    WHERE i.tenant_id = %s AND i.erased_at IS NOT NULL AND num_nonnulls(
        b.user_id, b.name, b.email, b.address, b.vat_id, b.locale, b.notes, b.payment_instructions, b.salt) > 0
"""
# A finished document without its buyer that nobody erased: what the application itself cannot do.
_UNRECORDED: Final = """
    SELECT count(*) FROM invoicing_invoice i JOIN invoicing_invoicebuyer b ON b.tenant_id = i.tenant_id AND b.id = i.id
    WHERE i.tenant_id = %s AND i.status <> 'draft' AND b.salt IS NULL AND i.erased_at IS NULL
"""
_UNMARKED: Final = """
    SELECT count(*) FROM invoicing_invoice i
    WHERE i.tenant_id = %s AND i.erased_at IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM tenants_erasedobject o WHERE o.tenant_id = i.tenant_id AND o.id = i.id
    )
"""


_DOCUMENTS: Final = """
    SELECT count(*) FROM invoicing_invoicedocument d
    WHERE d.tenant_id = %s AND d.id = ANY(%s::uuid[]) AND d.content IS NOT NULL
"""
_DOCUMENTS_LEFT: Final = """
    SELECT count(*) FROM tenants_erasedobject o
    LEFT JOIN invoicing_invoicedocument d ON d.tenant_id = o.tenant_id AND d.id = o.id
    LEFT JOIN invoicing_documentrequest r ON r.tenant_id = o.tenant_id AND r.id = o.id
    WHERE o.tenant_id = %s AND (d.content IS NOT NULL OR r.id IS NOT NULL)
"""


class InvoiceTraces:
    """The document: its bytes go, its digest and its size stay. Of the addressee the object itself takes care."""

    def count(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """Documents with bytes."""
        return {"documents": number(_DOCUMENTS, [tenant_id, list(ids)])}

    def erase(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """Delete the bytes, and the wishes for documents that will not be made any more."""
        return {"documents": number("SELECT invoicing_erase_documents(%s::uuid[])", [list(ids)])}

    def remaining(self, *, tenant_id: UUID) -> Mapping[str, int]:
        """Addressees and documents of erased invoices; invoices erased without a record, and records without one."""
        return {
            "buyers": number(_BUYERS_LEFT, [tenant_id]),
            "buyersErasedUnrecorded": number(_UNRECORDED, [tenant_id]),
            "documents": number(_DOCUMENTS_LEFT, [tenant_id]),
            "invoicesErasedUnmarked": number(_UNMARKED, [tenant_id]),
        }
