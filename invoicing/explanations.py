"""How an invoice was computed, as a text for people."""

from __future__ import annotations

from invoicing.models import Invoice


def explanation_text(*, invoice: Invoice) -> str:
    """The computation of an invoice, step by step. A draft may be asked for too."""
    return f"The explanation of {invoice.invoice_number or 'this draft'} is not written yet."
