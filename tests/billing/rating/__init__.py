"""The arithmetic of billing."""
