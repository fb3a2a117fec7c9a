"""The routes of customers and products."""
