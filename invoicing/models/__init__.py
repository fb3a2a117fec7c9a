"""Models of the invoicing app, one file per subject."""

from invoicing.models.allocation import PaymentAllocation
from invoicing.models.derivation import InvoiceDerivation
from invoicing.models.document import DocumentRequest, InvoiceDocument
from invoicing.models.invoice import Invoice, InvoiceBuyer, InvoiceItem
from invoicing.models.recognition import Recognition
from invoicing.models.series import NumberSeries

__all__ = [
    "DocumentRequest", "Invoice", "InvoiceBuyer", "InvoiceDerivation", "InvoiceDocument", "InvoiceItem",
    "NumberSeries", "PaymentAllocation", "Recognition",
]  # fmt: skip
