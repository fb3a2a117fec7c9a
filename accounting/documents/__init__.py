"""Statements as files: what they say, and how they look. Nothing here asks the database or a clock."""
