"""The typst engine: one compiler per thread, kept, because starting one costs more than a page."""

from __future__ import annotations

import ctypes
import datetime as dt
import hashlib
import itertools
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import typst

from common.typesetting.coverage import SUFFIXES, coverage
from common.typesetting.texts import Texts

logger = logging.getLogger(__name__)

FONTS: Final = Path(__file__).parent / "fonts"
FAMILIES: Final = ("Noto Sans", "Noto Sans Arabic", "Noto Sans Hebrew")
ARCHIVAL: Final[list[Any]] = ["a-2a"]
"""PDF/A-2a: fonts embedded, tagged for screen readers, nothing that a reader of the year 2050 could miss."""

LARGE: Final = 50_000
"""Characters of values beyond which a document has some hundreds of items."""

REMEMBERED: Final = 12


class TypesettingFailed(Exception):
    """The template and the values do not make a document: a mistake in the template, or a picture that is broken."""


@dataclass(frozen=True, slots=True)
class Typeset:
    """A finished document, and how many characters no font could show."""

    content: bytes
    boxes: int
    archival: bool


class Typesetter:
    """Sets the templates of one folder with our fonts and those of one more. Safe to share between threads."""

    def __init__(self, root: Path, *, extra_fonts: Path | None = None) -> None:
        self._root = root
        self._extra = extra_fonts
        self._local = threading.local()
        self._large = itertools.count(1)

    @cached_property
    def engine(self) -> str:
        """What else than template and values decides the bytes: typst's version, and a digest of the fonts."""
        digest = hashlib.sha256()
        for font in self._font_files:
            digest.update(font.name.encode() + b"\0" + hashlib.sha256(font.read_bytes()).digest())
        return f"typst-{version('typst')}-{digest.hexdigest()[:12]}"

    @cached_property
    def families(self) -> list[str]:
        """Font families in the order in which they are tried: ours first."""
        others = set(self._fonts.families()) - set(FAMILIES)
        return [*FAMILIES, *sorted(others)]

    def pdf(self, template: str, values: Mapping[str, Any], *, at: dt.datetime, raw: Mapping[str, Any]) -> Typeset:
        """The PDF of a template. `at` becomes its date; `values` are prepared texts, `raw` are passed on untouched.

        The same arguments give the same bytes. It is PDF/A-2a, unless a combination of characters that is covered one
        by one cannot be shown together. Raises `TypesettingFailed`.
        """
        inputs, boxes = self._inputs(values, raw)
        with self._forgetting(inputs, raw):
            try:
                content = self._compile(template, inputs, format="pdf", at=at, standards=ARCHIVAL)
                return Typeset(content, boxes, archival=True)
            except typst.TypstError as refused:
                why = {"template": template, "reason": refused.message[:200]}
                logger.warning("A document cannot be PDF/A", extra=why)
            try:
                content = self._compile(template, inputs, format="pdf", at=at, standards=[])
                return Typeset(content, boxes, archival=False)
            except typst.TypstError as refused:
                raise TypesettingFailed(f"{template}: {refused.message}") from refused

    def images(
        self, template: str, values: Mapping[str, Any], *, at: dt.datetime, raw: Mapping[str, Any], ppi: int
    ) -> list[bytes]:
        """The pages of a template as PNG. Raises `TypesettingFailed`."""
        inputs, _ = self._inputs(values, raw)
        with self._forgetting(inputs, raw):
            try:
                pages = self._compile(template, inputs, format="png", at=at, standards=[], ppi=ppi)
            except typst.TypstError as refused:
                raise TypesettingFailed(f"{template}: {refused.message}") from refused
        return pages if isinstance(pages, list) else [pages]

    @contextmanager
    def _forgetting(self, inputs: dict[str, str], raw: Mapping[str, Any]) -> Iterator[None]:
        """typst remembers the last ten compilations: ten documents of a thousand items are a gigabyte.

        After each third large one, empty ones push them out, and the memory goes back to the system.
        """
        try:
            yield
        finally:
            size = len(inputs["data"]) - sum(len(str(value)) for value in raw.values())
            if size > LARGE and next(self._large) % 3 == 0:
                for _ in range(REMEMBERED):
                    self._compiler("").compile(input=b"#set page(width: 1pt, height: 1pt)", format="png", ppi=10)
                _give_memory_back()

    def _inputs(self, values: Mapping[str, Any], raw: Mapping[str, Any]) -> tuple[dict[str, str], int]:
        texts = Texts(self._covered.__contains__)
        data = {**texts.prepare(dict(values)), **raw, "fonts": self.families}
        boxes = texts.boxes.total()
        if boxes:
            missing = " ".join(f"U+{ord(one):04X}" for one in sorted(texts.boxes)[:20])
            logger.warning("No font has these characters", extra={"characters": missing, "count": boxes})
        data["boxes"] = boxes
        return {"data": json.dumps(data, ensure_ascii=False)}, boxes

    def _compile(
        self, template: str, inputs: dict[str, str], *, format: Any, at: dt.datetime,  # noqa: A002 - typst's name
        standards: list[Any], ppi: int | None = None,
    ) -> Any:  # fmt: skip
        return self._compiler(template).compile(
            format=format, sys_inputs=inputs, timestamp=int(at.timestamp()), pdf_standards=standards, ppi=ppi
        )

    def _compiler(self, template: str) -> typst.Compiler:
        known: dict[str, typst.Compiler] | None = getattr(self._local, "compilers", None)
        if known is None:
            known = self._local.compilers = {}
        if template not in known:
            known[template] = typst.Compiler(
                str(self._root / template) if template else None,
                root=str(self._root),
                font_paths=self._fonts,
                ignore_system_fonts=True,
            )
        return known[template]

    @cached_property
    def _fonts(self) -> typst.Fonts:
        paths = [str(FONTS)] + ([str(self._extra)] if self._extra else [])
        return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=paths)

    @cached_property
    def _font_files(self) -> list[Path]:
        folders = [FONTS] + ([self._extra] if self._extra else [])
        found = (path for folder in folders for path in sorted(folder.rglob("*")))
        return [path for path in found if path.suffix.lower() in SUFFIXES]

    @cached_property
    def _covered(self) -> frozenset[int]:
        return frozenset().union(*map(coverage, self._font_files))


def _give_memory_back() -> None:
    """What was freed, to the system; where the C library has no such call, to whoever allocates next."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
