"""What Prometheus sees of documents, and of their end."""

from prometheus_client import Counter, Histogram

DOCUMENTS = Counter("ledger_documents", "Documents of invoices, by what became of them.", ["outcome"])
DURATION = Histogram("ledger_document_seconds", "Time that typesetting a document of an invoice took.")
BOXES = Counter("ledger_document_boxes", "Characters on documents that no font could show.")
ANONYMISED = Counter("ledger_anonymised", "Objects whose personal data were erased, by kind.", ["kind"])
