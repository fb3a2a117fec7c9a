"""The books as files: CSV for everybody, and the journal as a batch of postings as DATEV imports it. Pure.

DATEV knows pairs of accounts and no compound entries, so an entry becomes as many pairs as it needs. Its format is
`EXTF` 700, postings (21), version 13: semicolons, decimal commas, Windows-1252.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from accounting.amounts import decimal_text
from accounting.books import BookLine, TrialRow
from accounting.chart import CHART, TRANSITORY, role_of
from accounting.enums import Side
from common.clock import format_instant
from common.currencies import EXPONENTS
from common.files import csv_bytes, inert
from common.ids import encode_id
from common.prefixes import ACCOUNT, JOURNAL_ENTRY

CHARTS: Final = ("skr03", "skr04")
CSV_COLUMNS: Final = (
    "createdAt", "entryId", "event", "line", "accountId", "code", "type", "currency", "debit", "credit", "description",
)  # fmt: skip
TRIAL_COLUMNS: Final = ("code", "type", "accounts", "currency", "debit", "credit")
DATEV_COLUMNS: Final = (
    "Umsatz (ohne Soll/Haben-Kz)", "Soll/Haben-Kennzeichen", "WKZ Umsatz", "Kurs", "Basis-Umsatz", "WKZ Basis-Umsatz",
    "Konto", "Gegenkonto (ohne BU-Schlüssel)", "BU-Schlüssel", "Belegdatum", "Belegfeld 1", "Belegfeld 2", "Skonto",
    "Buchungstext",
)  # fmt: skip
_BASE_CURRENCY: Final = "EUR"


def journal_csv(lines: Iterable[BookLine], *, exponents: Mapping[str, int]) -> bytes:
    """One row per line, with amounts as decimals: `12.50` in the column of its side."""
    return csv_bytes(CSV_COLUMNS, (_journal_row(line, exponents) for line in lines))


def trial_balance_csv(rows: Iterable[TrialRow], *, exponents: Mapping[str, int]) -> bytes:
    """One row per code, type and unit, with amounts as decimals."""
    return csv_bytes(
        TRIAL_COLUMNS,
        (
            [
                inert(row.code), row.type, row.accounts, row.currency,
                decimal_text(row.debit, exponents.get(row.currency, 0)),
                decimal_text(row.credit, exponents.get(row.currency, 0)),
            ]
            for row in rows
        ),
    )  # fmt: skip


def datev_csv(
    lines: Sequence[BookLine], *, chart: str, start: dt.date, end: dt.date, time_zone: str, made_at: dt.datetime
) -> bytes:  # fmt: skip
    """The postings of a period inside one calendar year, `start` to `end`, both inclusive, in the tenant's zone.

    Units that are no currency are left out. Another currency than the euro is named in its row, without a rate.
    """
    zone = ZoneInfo(time_zone)
    rows = [_header(chart, start, end, made_at.astimezone(zone)), list(DATEV_COLUMNS)]
    for _, grouped in groupby(lines, key=lambda line: line.entry_id):
        entry = [line for line in grouped if line.currency in EXPONENTS]
        for debit, credit, amount in pairs(entry):
            text = f"{debit.kind} {debit.description or ''}".strip()
            rows.append(
                [
                    decimal_text(amount, EXPONENTS[debit.currency], point=","), '"S"', _quoted(debit.currency), "", "",
                    "", account_number(debit.code, chart), account_number(credit.code, chart), "",
                    f"{debit.at.astimezone(zone):%d%m}", _quoted(encode_id(JOURNAL_ENTRY, debit.entry_id)), "", "",
                    _quoted(text[:60]),
                ]
            )  # fmt: skip
    return "".join(";".join(row) + "\r\n" for row in rows).encode("cp1252", errors="replace")


def pairs(lines: Sequence[BookLine]) -> Iterator[tuple[BookLine, BookLine, int]]:
    """An entry as debit, credit and amount, unit by unit: every line is used up, and no pair more than is needed."""
    for unit in sorted({line.currency for line in lines}):
        debits, credits_ = (
            [line for line in lines if line.currency == unit and line.side == side]
            for side in (Side.DEBIT, Side.CREDIT)
        )
        left = {line.position: line.amount for line in (*debits, *credits_)}
        while debits and credits_:
            debit, credit = debits[0], credits_[0]
            amount = min(left[debit.position], left[credit.position])
            yield debit, credit, amount
            for side in (debits, credits_):
                left[side[0].position] -= amount
                if not left[side[0].position]:
                    side.pop(0)


def account_number(code: str | None, chart: str) -> str:
    """The number of an account in a chart; an account outside of it counts as items in transit."""
    role = role_of(code)
    if role is None:
        return TRANSITORY[chart]
    return CHART[role].skr03 if chart == "skr03" else CHART[role].skr04


def _header(chart: str, start: dt.date, end: dt.date, made_at: dt.datetime) -> list[str]:
    made = f"{made_at:%Y%m%d%H%M%S}{made_at.microsecond // 1000:03d}"
    year = dt.date(start.year, 1, 1)
    return [
        '"EXTF"', "700", "21", '"Buchungsstapel"', "13", made, "", '""', '"Ledger"', '""', "1001", "1",
        f"{year:%Y%m%d}", "4", f"{start:%Y%m%d}", f"{end:%Y%m%d}", '"Ledger"', '""', "1", "0", "0",
        _quoted(_BASE_CURRENCY), "", '""', "", "", _quoted(chart.removeprefix("skr")), "", "", '""', '""',
    ]  # fmt: skip


def _journal_row(line: BookLine, exponents: Mapping[str, int]) -> list[object]:
    amount = decimal_text(line.amount, exponents.get(line.currency, 0))
    debit, credit = (amount, "") if line.side == Side.DEBIT else ("", amount)
    return [
        format_instant(line.at), encode_id(JOURNAL_ENTRY, line.entry_id), line.kind, line.position + 1,
        encode_id(ACCOUNT, line.account_id), inert(line.code), line.type, line.currency, debit, credit,
        inert(line.description),
    ]  # fmt: skip


def _quoted(text: str) -> str:
    return '"' + " ".join(text.split()).replace('"', '""') + '"'
