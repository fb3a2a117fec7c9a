"""Files that are handed out: bytes with a type and a name, and tables as CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

CSV: Final = "text/csv"
PDF: Final = "application/pdf"
CSV_UTF_8: Final = f"{CSV}; charset=utf-8"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class File:
    """Something to be kept under `name`. `media_type` may carry its charset."""

    content: bytes
    media_type: str
    name: str


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A line of column names and the rows, by RFC 4180 and in UTF-8. What people wrote goes through `inert` before."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def inert(text: str | None) -> str:
    """What people wrote, so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text and text.startswith(_FORMULA) else text or ""
