"""How values look on pages: money as money, times in the tenant's zone, states as badges, ids as ids."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from babel.numbers import get_currency_symbol
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from common.clock import parse_instant
from common.currencies import EXPONENTS
from common.ids import encode_id
from tenants.backoffice.access import actor_name

LOCALE: Final = "en_GB"
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
EMPTY: Final = "–"
# What unfold calls its colours.
TONES: Final[Mapping[str, str]] = {
    "active": "success", "paid": "success", "succeeded": "success", "delivered": "success", "sent": "success",
    "done": "success", "enabled": "success", "finished": "success",
    "pending": "info", "queued": "info", "running": "info", "open": "info", "processing": "info", "retrying": "warning",
    "posted": "success", "captured": "success", "released": "plain", "voided": "danger", "closed": "plain",
    "past_due": "warning", "suspended": "warning", "expired": "warning", "no_address": "warning", "refused": "warning",
    "failed": "danger", "dead": "danger", "disabled": "danger", "revoked": "danger", "uncollectible": "danger",
}  # fmt: skip


def money_text(amount: int, currency: str, *, digits: int | None = None) -> str:
    """`€1,234.50`; of a tenant's own unit with `digits` decimals `12.00 CREDITS`, without them its smallest units."""
    if currency not in EXPONENTS:
        return f"{Decimal(amount).scaleb(-(digits or 0)):,.{digits or 0}f} {currency}"
    digits = EXPONENTS[currency]
    symbol = get_currency_symbol(currency, locale=LOCALE)
    # A symbol of letters would run into the number.
    gap = "\N{NO-BREAK SPACE}" if symbol[-1].isalpha() else ""
    sign = "-" if amount < 0 else ""
    return f"{sign}{symbol}{gap}{Decimal(abs(amount)).scaleb(-digits):,.{digits}f}"


def money(amount: int | None, currency: str, *, digits: int | None = None) -> SafeString:
    """An amount of minor units as people read it, its digits one under the other. None is a dash."""
    text = EMPTY if amount is None else money_text(amount, currency, digits=digits)
    return format_html('<span class="bo-money">{}</span>', text)


def instant(value: dt.datetime | None) -> SafeString:
    """A time in the tenant's zone; the title says it in UTC."""
    if value is None:
        return format_html("{}", EMPTY)
    local = timezone.localtime(value)
    return format_html(
        '<time class="bo-time" datetime="{}" title="{} UTC">{}</time>',
        value.astimezone(dt.UTC).isoformat(),
        value.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S"),
        date_format(local, "DATETIME_FORMAT"),
    )


def day(value: dt.date | None) -> str:
    """A date: `21 Nov 2026`."""
    return EMPTY if value is None else date_format(value, "DATE_FORMAT")


def badge(value: str | None, label: str | None = None, *, tone: str = "") -> SafeString:
    """A state with its colour; `past_due` reads `Past due`."""
    if not value:
        return format_html("{}", EMPTY)
    return format_html(
        '<span class="bo-badge bo-{}">{}</span>',
        tone or TONES.get(value, "plain"),
        label or value.replace("_", " ").capitalize(),
    )


def type_id(prefix: str, value: UUID | None) -> SafeString:
    """An id as the API shows it: `inv_01hqx3qgf2c8mhwy9s6zwmf3yh`."""
    if value is None:
        return format_html("{}", EMPTY)
    return code(encode_id(prefix, value))


def code(text: str) -> SafeString:
    """Something a machine has written, to be copied."""
    return format_html('<code class="bo-code">{}</code>', text)


def actor(actor_id: str) -> SafeString:
    """Who acted, by name; the id of the audit trail stands in the title. Costs a query or two per page."""
    name = actor_name(actor_id)
    return code(actor_id) if name == actor_id else format_html('<span title="{}">{}</span>', actor_id, name)


def link(href: str, text: object) -> SafeString:
    """A link inside the back office."""
    return format_html('<a class="bo-link" href="{}">{}</a>', href, text)


def person(name: str | None, email: str | None) -> SafeString:
    """A name over an e-mail address."""
    if name and email:
        return format_html('{}<br><span class="bo-subtle">{}</span>', name, email)
    return format_html("{}", name or email or EMPTY)


def json_block(value: Any) -> SafeString:
    """A JSON value, indented."""
    return format_html('<pre class="bo-json">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False, default=str))


def changes(difference: Mapping[str, Mapping[str, Any]]) -> SafeString:
    """`{"taxRate": {"from": 0, "to": 1900}}` as lines: name, before, after."""
    if not difference:
        return format_html("{}", EMPTY)
    line = '<tr><th>{}</th><td class="bo-before">{}</td><td class="bo-after">{}</td></tr>'
    # What is made or deleted has one side only.
    created = all(change.get("from") is None for change in difference.values())
    deleted = all(change.get("to") is None for change in difference.values())
    rows = [
        format_html(
            line,
            name,
            "" if created else _plain(change.get("from")),
            "" if deleted else _plain(change.get("to")),
        )
        for name, change in difference.items()
    ]
    return format_html('<table class="bo-diff">{}</table>', SafeString("".join(rows)))


def _plain(value: Any) -> str:
    if value is None:
        return EMPTY
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return date_format(timezone.localtime(parse_instant(value)), "DATETIME_FORMAT")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
