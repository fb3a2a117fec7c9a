"""Invoices, items, credit notes, numbering and tax."""
