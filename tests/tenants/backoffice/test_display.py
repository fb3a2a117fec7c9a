"""Claims about how values look."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest
from django.utils import timezone

from tenants.backoffice import display

AT = dt.datetime(2026, 11, 21, 23, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (123450, "EUR", "€1,234.50"), (-5, "EUR", "-€0.05"), (0, "USD", "US$0.00"), (5000, "JPY", "JP¥5,000"),
        (1234, "KWD", "KWD\xa01.234"), (1200, "CREDITS", "1,200 CREDITS"),
        (9_007_199_254_740_993, "EUR", "€90,071,992,547,409.93"),
    ],
)  # fmt: skip
def test_money_reads_as_money(amount: int, currency: str, shown: str) -> None:
    assert display.money_text(amount, currency) == shown


def test_an_instant_is_shown_in_the_active_zone_and_says_utc_beside() -> None:
    with timezone.override(zoneinfo.ZoneInfo("Europe/Berlin")):
        shown = display.instant(AT)
        difference = display.changes({"dueDate": {"from": None, "to": "2026-11-21T23:30:00.000Z"}})
    assert "22 Nov 2026, 00:30" in shown
    assert 'title="2026-11-21 23:30:00 UTC"' in shown
    assert "22 Nov 2026, 00:30" in difference


def test_nothing_that_people_wrote_becomes_markup() -> None:
    evil = "<script>alert(1)</script>"
    for shown in (
        display.badge(evil), display.code(evil), display.link("/x", evil), display.person(evil, evil),
        display.json_block({evil: evil}), display.changes({evil: {"from": evil, "to": [evil]}}), display.money(1, evil),
        display.actor(evil),
    ):  # fmt: skip
        assert "<script" not in shown
