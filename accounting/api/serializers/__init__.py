"""Shapes of accounting on the wire, one file per kind of object."""
