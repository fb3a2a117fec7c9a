"""Pressing buttons as a browser does: open the form, fill it in, send everything that stands in it."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

from django.test import Client


class _Fields(HTMLParser):
    """The fields of the forms on a page with their values, as a browser would send them."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._select = self._area = ""
        self._template = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "template":
            self._template += 1
        if self._template:
            return
        if tag == "input" and name and (given.get("type") != "checkbox" or "checked" in given):
            self.values[name] = given.get("value") or ("on" if given.get("type") == "checkbox" else "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in given or self._select not in self.values):
            self.values[self._select] = given.get("value") or ""
        elif tag == "textarea":
            self._area = name
            self.values[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self._template -= 1
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area] += data


def form_of(html: str) -> dict[str, str]:
    """What the form of a page would send."""
    main = html[html.index("data-once") :]
    parser = _Fields()
    parser.feed("<form " + main)
    return {name: value.removeprefix("\n") for name, value in parser.values.items() if name != "csrfmiddlewaretoken"}


def press(browser: Client, path: str, **fields: Any) -> Any:
    """Open the button at `path`, fill `fields` in (None leaves one out), send it; the answer."""
    page = browser.get(path)
    assert page.status_code == 200, (path, page.status_code, getattr(page, "url", ""))
    values: dict[str, Any] = form_of(page.content.decode())
    values.update(fields)
    return browser.post(path, {name: value for name, value in values.items() if value is not None}, follow=True)


def tables_on(answer: Any) -> list[list[list[str]]]:
    """The tables of the panels on a page: rows of cells, without markup, headings and totals included."""
    html = answer.content.decode()
    return [
        [
            [_plain(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
            for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
        ]
        for table in re.findall(r'<table class="bo-table">(.*?)</table>', html, re.DOTALL)
    ]


def _plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def text_of(answer: Any) -> str:
    """What a page says, without markup and with single spaces."""
    html = re.sub(r"<(script|style|template)\b.*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("&amp;", "&").replace("&#x27;", "'").split())


def buttons_on(answer: Any) -> set[str]:
    """The names of the buttons that a page offers."""
    return set(re.findall(r"/do/(\w+)/", answer.content.decode().partition("bo-panel")[0]))
