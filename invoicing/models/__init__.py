"""Models of the invoicing app, one file per subject."""

from invoicing.models.allocation import PaymentAllocation
from invoicing.models.invoice import Invoice, InvoiceBuyer, InvoiceItem
from invoicing.models.series import NumberSeries

__all__ = ["Invoice", "InvoiceBuyer", "InvoiceItem", "NumberSeries", "PaymentAllocation"]
