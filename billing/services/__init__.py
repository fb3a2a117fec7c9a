"""What changes the state of customers, products and payments."""
