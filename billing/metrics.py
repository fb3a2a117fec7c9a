"""What Prometheus sees of VAT numbers."""

from prometheus_client import Counter

VAT_CHECKS = Counter("ledger_vat_checks", "Questions to VIES about VAT numbers, by outcome.", ["outcome"])
