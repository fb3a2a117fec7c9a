"""Routes of the invoicing app."""
