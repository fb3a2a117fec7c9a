"""Whole instances in folders of their own, as the tests of the supervisor have them."""

from tests.ledger_project.conftest import start

__all__ = ["start"]
