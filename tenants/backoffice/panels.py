"""What stands below the fields of an object: tables of related rows, timelines, pictures, free blocks.

`BackofficeAdmin.panels()` returns them; each names its template. Rows are plain values or safe HTML of `display`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from tenants.backoffice import display


@dataclass(frozen=True, slots=True)
class Panel:
    """A heading with something below it. `note` stands beside the heading, `more` is `(text, href)`."""

    template: ClassVar[str] = ""
    title: str
    note: str = field(default="", kw_only=True)
    more: tuple[str, str] | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Table(Panel):
    """Related rows. Columns named in `numeric` (by position) stand on the right, `below` are links: `(text, href)`.

    `layout`: `even` columns stand alike in tables below each other, a `narrow` table takes half of the page.
    """

    template: ClassVar[str] = "tenants/backoffice/panels/table.html"
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    footer: Sequence[Sequence[object]] = field(default=(), kw_only=True)
    numeric: Sequence[int] = field(default=(), kw_only=True)
    layout: Literal["", "even", "narrow"] = field(default="", kw_only=True)
    below: Sequence[tuple[str, str]] = field(default=(), kw_only=True)
    empty: str = field(default="Nothing yet.", kw_only=True)


@dataclass(frozen=True, slots=True)
class Moment:
    """An entry of a timeline. `kind` is shown as a badge, `tone` colours it."""

    at: dt.datetime
    kind: str
    title: str
    detail: object = ""
    actor: str = ""
    href: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Timeline(Panel):
    """What happened, newest first, whatever the order it was given in."""

    template: ClassVar[str] = "tenants/backoffice/panels/timeline.html"
    moments: Sequence[Moment]
    empty: str = field(default="Nothing has happened yet.", kw_only=True)

    @property
    def ordered(self) -> list[Moment]:
        """Newest first."""
        return sorted(self.moments, key=lambda moment: moment.at, reverse=True)


@dataclass(frozen=True, slots=True)
class Block(Panel):
    """Safe HTML of `display`, such as `json_block` and `changes`."""

    template: ClassVar[str] = "tenants/backoffice/panels/block.html"
    content: object


@dataclass(frozen=True, slots=True)
class Pictures(Panel):
    """Images one below the other, as `data:` or own addresses: pages of a document."""

    template: ClassVar[str] = "tenants/backoffice/panels/pictures.html"
    sources: Sequence[str]
    empty: str = field(default="There is nothing to show.", kw_only=True)


def json_panel(title: str, value: Any) -> Block:
    """A JSON value under a heading."""
    return Block(title, display.json_block(value))
