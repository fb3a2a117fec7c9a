"""The API frame every route shares: errors, parsing, pagination, schema."""
