"""HTTP entry of the accounting app."""
