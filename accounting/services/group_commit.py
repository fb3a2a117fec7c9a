"""Transfers of one tenant that arrive together commit together; each gets its own answer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final

from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected, SerializationFailure

from accounting.services.one_statement import Kept, Prepared, write_transfers
from tenants.grouping import Grouping


def write_together(prepared: Sequence[Prepared]) -> list[bool]:
    """Write all that the database allows of them: whether each was written.

    A group that is refused is halved, until what is refused stands alone: nobody fails for another. Raises
    `OperationalError` when the outcome is unknown.
    """
    written = _write(prepared)
    if written or len(prepared) == 1:
        return [written] * len(prepared)
    half = len(prepared) // 2
    return write_together(prepared[:half]) + write_together(prepared[half:])


def write_batch(prepared: Sequence[Prepared], *, kept: Kept | None = None) -> bool:
    """Write all of them and the answer that is kept, or nothing: whether they were written. See `write_together`."""
    return _write(prepared, kept=kept)


def _write(prepared: Sequence[Prepared], *, kept: Kept | None = None) -> bool:
    try:
        # A refusal must not cost the caller's transaction, when there is one.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            return write_transfers(prepared, kept=kept)
    except (IntegrityError, DataError):
        return False
    except OperationalError as lost:
        if not isinstance(lost.__cause__, DeadlockDetected | SerializationFailure):
            raise
        return False


_grouping: Final = Grouping(write_together)


def commit_transfer(prepared: Prepared) -> bool:
    """Write the transfer, together with others that wait for the same: whether it was written. See `write_together`."""
    return _grouping.do(prepared.context.tenant_id, prepared)
