"""A statement as PDF: the values of `templates/accounting/statement.typ`, and setting them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime
from babel.numbers import format_decimal
from django.conf import settings

from accounting.enums import Side
from accounting.statements import Movement, Statement
from common.ids import encode_id
from common.prefixes import ACCOUNT, JOURNAL_ENTRY
from common.typesetting import Typeset, Typesetter

TEMPLATE: Final = "statement.typ"
TEMPLATES: Final = Path(__file__).resolve().parents[2] / "templates" / "accounting"
_COLOR: Final = "#1f4e79"


@dataclass(frozen=True, slots=True)
class Style:
    """Whose statement it is, and in which language, zone and decimals it speaks."""

    name: str
    locale: str
    time_zone: str
    exponent: int
    color: str | None = None


def statement_pdf(statement: Statement, *, style: Style, at: dt.datetime) -> Typeset:
    """The statement as it was at the instant `at`. The same arguments give the same bytes."""
    return typesetter().pdf(TEMPLATE, layout_values(statement, style=style, at=at), at=at, raw={})


def layout_values(statement: Statement, *, style: Style, at: dt.datetime) -> dict[str, Any]:
    """The texts of the layout."""
    locale = _locale(style.locale)
    words = texts(locale.language)
    account, period = statement.account, statement.period

    def day(instant: dt.datetime | None, none: str) -> str:
        if instant is None:
            return none
        return str(format_datetime(instant, "medium", tzinfo=ZoneInfo(style.time_zone), locale=locale))

    def money(amount: int) -> str:
        return amount_text(amount, style.exponent, locale)

    facts = [
        [words["account"], account.code or encode_id(ACCOUNT, account.id)],
        [words["currency"], account.currency],
        [words["from"], day(period.start, words["beginning"])],
        [words["to"], day(period.end, day(at, ""))],
    ]
    return {
        "lang": locale.language,
        "title": words["title"],
        "color": style.color or _COLOR,
        "name": style.name,
        "facts": facts,
        "columns": [words[name] for name in ("date", "description", "debit", "credit", "balance")],
        "closing": [words["closing"], money(statement.closing)],
        "opening": [words["opening"], money(statement.opening)],
        "empty": words["empty"] if not statement.movements else None,
        "rows": [_row(one, day(one.created_at, ""), money) for one in statement.movements],
        "page": words["page"],
        "made": words["made"].format(at=day(at, "")),
    }


def amount_text(amount: int, exponent: int, locale: Locale) -> str:
    """Minor units as people of a language read them: `-1.234,50`."""
    pattern = "#,##0" + ("." + "0" * exponent if exponent else "")
    with localcontext(prec=60):
        return str(format_decimal(Decimal(amount).scaleb(-exponent), format=pattern, locale=locale))


@cache
def languages() -> tuple[str, ...]:
    """The languages that statements exist in."""
    return tuple(sorted(path.stem for path in (TEMPLATES / "texts").glob("*.json")))


@cache
def texts(language: str) -> Mapping[str, str]:
    """The words of a language."""
    words: Mapping[str, str] = json.loads((TEMPLATES / "texts" / f"{language}.json").read_text("utf-8"))
    return words


@cache
def typesetter() -> Typesetter:
    """The typesetter of this process."""
    folder = settings.DOCUMENT_FONTS_DIR
    return Typesetter(TEMPLATES, extra_fonts=Path(folder) if folder else None)


def _row(movement: Movement, day: str, money: Any) -> list[str]:
    amount = money(movement.amount)
    debit = amount if movement.side == Side.DEBIT else ""
    entry = encode_id(JOURNAL_ENTRY, movement.entry_id)
    return [day, movement.description or "", entry, debit, "" if debit else amount, money(movement.running)]


def _locale(name: str) -> Locale:
    """The tenant's language where statements exist in it, else English."""
    if name.partition("-")[0] not in languages():
        return Locale.parse("en")
    try:
        return Locale.parse(name, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(name.partition("-")[0])
