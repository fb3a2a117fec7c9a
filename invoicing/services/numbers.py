"""Taking numbers. The series row is locked from here to the commit: take the number last."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from common.ids import new_id
from invoicing.errors import SeriesStarted
from invoicing.models import NumberSeries
from invoicing.numbering import genesis

# The text of the number in SQL, as `numbering.number_text` writes it.
TEXT = "code || '-' || year || '-' || lpad({n}::text, greatest(4, length({n}::text)), '0')"
NEXT = TEXT.format(n="(last_number + 1)")
TAKE = f"""
    UPDATE invoicing_numberseries
    SET last_number = last_number + 1, head = sha256(head || %s::bytea || convert_to({NEXT}, 'UTF8'))
    WHERE tenant_id = %s AND code = %s AND year = %s
    RETURNING last_number, {TEXT.format(n="last_number")}, head
"""  # noqa: S608 - no value is formatted in


@dataclass(frozen=True, slots=True)
class Numbered:
    """A number that has been taken, its text, and the document's hash in its chain."""

    number: int
    text: str
    chain_hash: bytes


def take_number(*, tenant_id: UUID, code: str, year: int, content_digest: bytes) -> Numbered:
    """The next number of the series for a document with this digest, in the caller's transaction: undone with it."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(TAKE, [content_digest, tenant_id, code, year])
            row = cursor.fetchone()
        if row is not None:
            return Numbered(number=row[0], text=row[1], chain_hash=bytes(row[2]))
        ensure_series(tenant_id=tenant_id, code=code, year=year)


def ensure_series(*, tenant_id: UUID, code: str, year: int, first: int = 1) -> None:
    """Make the row of a series unless it exists; whoever comes second waits for the first."""
    NumberSeries.objects.bulk_create(
        [
            NumberSeries(
                id=new_id(),
                tenant_id=tenant_id,
                code=code,
                year=year,
                start=first,
                last_number=first - 1,
                head=genesis(tenant_id, code, year),
            )
        ],
        ignore_conflicts=True,
    )


def start_series(*, tenant_id: UUID, code: str, year: int, first: int) -> NumberSeries:
    """Let the series begin at `first`, as a company does that continues its old numbers. `SeriesStarted` once used."""
    ensure_series(tenant_id=tenant_id, code=code, year=year, first=first)
    series = NumberSeries.objects.select_for_update().get(tenant_id=tenant_id, code=code, year=year)
    if series.last_number >= series.start:
        raise SeriesStarted()
    series.start, series.last_number = first, first - 1
    series.save(update_fields=["start", "last_number"])
    return series
