"""What changes invoices, one module per business verb."""
