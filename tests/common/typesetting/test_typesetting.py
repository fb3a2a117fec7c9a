"""Claims about typesetting: the same bytes everywhere, and any text fits."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

from common.typesetting import Typesetter, TypesettingFailed
from common.typesetting.coverage import coverage
from common.typesetting.engine import FONTS
from common.typesetting.texts import BOX, LONG_WORD, Texts, isolated

AT = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
TEMPLATE = r"""
#let d = json(bytes(sys.inputs.data))
#set document(title: "t")
#set text(font: d.fonts, lang: "en", size: 10pt)
#set page(width: 100mm, height: auto, margin: 10mm)
#show "\u{25a1}": it => if d.boxes > 0 { box(width: 0.6em, height: 0.7em, stroke: 0.5pt) } else { it }
#for line in d.lines { block(width: 80mm, line) }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("templates")
    (path / "t.typ").write_text(TEMPLATE)
    (path / "wrong.typ").write_text("#panic()")
    return path


@pytest.fixture(scope="module")
def typesetter(folder: Path) -> Typesetter:
    return Typesetter(folder)


def pdf(typesetter: Typesetter, *lines: str) -> Any:
    return typesetter.pdf("t.typ", {"lines": list(lines)}, at=AT, raw={})


def text_of(content: bytes) -> str:
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(content))


def characters_outside(content: bytes) -> list[tuple[int, Any]]:
    """Characters that stand beyond the margins of 10 mm."""
    outside = []
    for number, page in enumerate(pypdfium2.PdfDocument(content)):
        width, height = page.get_size()
        texts = page.get_textpage()
        for index in range(texts.count_chars()):
            left, bottom, right, top = texts.get_charbox(index)
            if right > left and (left < 27 or right > width - 27 or bottom < 0 or top > height):
                outside.append((number, (left, right)))
    return outside


def test_the_same_values_give_the_same_bytes_in_every_thread_and_process(typesetter, folder):
    lines = ["Ada – Ελλάδα, Москва, مرحبا, שלום", "x" * 200, "日本"]
    first = pdf(typesetter, *lines).content
    with ThreadPoolExecutor(4) as pool:
        assert {pdf(typesetter, *lines).content for _ in pool.map(lambda _: None, range(3))} == {first}
        assert set(pool.map(lambda _: pdf(typesetter, *lines).content, range(8))) == {first}
    program = (
        "import datetime as dt, hashlib, sys; from pathlib import Path; from common.typesetting import Typesetter\n"
        f"out = Typesetter(Path({str(folder)!r})).pdf('t.typ', {{'lines': {lines!r}}}, "
        "at=dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC), raw={})\nprint(hashlib.sha256(out.content).hexdigest())"
    )
    elsewhere = {"TZ": "Asia/Tokyo", "LANG": "C", "HOME": "/nowhere"}
    root = Path(__file__).parents[3]
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=elsewhere, cwd=root
    )
    assert other.stdout.strip() == hashlib.sha256(first).hexdigest()


def test_the_fonts_of_the_machine_are_not_used(typesetter):
    assert typesetter.families == ["Noto Sans", "Noto Sans Arabic", "Noto Sans Hebrew"]


@pytest.mark.parametrize(
    "text", ["Ada Lovelace", "Ωμέγα Ελλάδα", "Москва Ўзбекистон", "Čeština Łódź Ğ ő ß æ", "€ £ ¥ ₹ ₽ ₺ ₪"]
)
def test_the_scripts_of_our_fonts_are_shown(typesetter, text):
    made = pdf(typesetter, text)
    assert (made.boxes, made.archival) == (0, True)
    assert text in text_of(made.content)


@pytest.mark.parametrize("text", ["مرحبا بالعالم", "שלום עולם"])
def test_right_to_left_scripts_are_shown(typesetter, text):
    made = pdf(typesetter, text)
    assert (made.boxes, made.archival) == (0, True)
    assert set(text) <= set(text_of(made.content))


def test_a_character_that_no_font_has_is_a_box_and_is_logged(typesetter, caplog):
    made = pdf(typesetter, "日本 🎉 Ada", "\ue000\u0378")
    assert (made.boxes, made.archival) == (5, True)
    assert "Ada" in text_of(made.content)
    [record] = [one for one in caplog.records if one.name.startswith("common.typesetting")]
    assert "U+65E5" in record.characters
    assert record.count == 5


def test_a_folder_of_more_fonts_adds_what_it_has(folder, tmp_path):
    embedded = [one for one in typst.Fonts(include_system_fonts=False).fonts() if one.path]
    assert embedded == []
    # A copy of one of ours stands for any other.
    shutil.copy(FONTS / "NotoSansHebrew-Regular.ttf", tmp_path / "extra.ttf")
    more = Typesetter(folder, extra_fonts=tmp_path)
    assert more.engine != Typesetter(folder).engine
    assert pdf(more, "שלום").boxes == 0


def test_coverage_reads_what_the_fonts_have():
    latin, hebrew = (coverage(FONTS / f"NotoSans{name}.ttf") for name in ("-Regular", "Hebrew-Regular"))
    assert {ord(one) for one in "AzÄ€ΩЖ"} <= latin
    assert ord("ש") in hebrew
    assert ord("ש") not in latin
    assert not latin & {ord(one) for one in "日🎉" + BOX}


def test_what_is_no_font_covers_nothing(tmp_path):
    (tmp_path / "x.ttf").write_bytes(b"\x00\x01\x00\x00\x00\x09" + b"\xff" * 40)
    assert coverage(tmp_path / "x.ttf") == frozenset()


def test_values_are_never_markup(typesetter):
    text = '*bold* #panic("x") $x^2$ \\u{41} <label> @ref // no /* no */ = Head #import "/etc/passwd"'
    assert text in text_of(pdf(typesetter, text).content).replace("\r\n", " ").replace("  ", " ")


def test_long_words_stay_inside(typesetter):
    words = ["x" * 5000, "W" * 300, "م" * 300, "https://example.org/" + "a/" * 200, "e\u0301" * 100]
    assert characters_outside(pdf(typesetter, *words).content) == []


def test_words_of_ordinary_length_are_left_alone():
    texts = Texts(lambda _: True)
    assert texts.text("a" * LONG_WORD) == "a" * LONG_WORD
    assert texts.text("a" * (LONG_WORD + 1)).replace("\u200b", "") == "a" * (LONG_WORD + 1)


def test_controls_and_marks_that_turn_others_round_are_taken_out():
    texts = Texts(lambda _: True)
    assert texts.text("a\x00b\x07c\x7f\x9fd\u202egpj.exe\u2066\ufeff") == "abcdgpj.exe"
    assert texts.text("a\r\nb\rc\u2028d") == "a\nb\nc\nd"


def test_a_right_to_left_text_is_shut_off_line_by_line():
    assert isolated("abc") == "abc"
    assert isolated("שלום\nabc") == "\u2068שלום\u2069\n\u2068abc\u2069"


def test_a_wrong_template_is_an_error_of_ours(typesetter):
    with pytest.raises(TypesettingFailed):
        typesetter.pdf("wrong.typ", {}, at=AT, raw={})
    with pytest.raises(TypesettingFailed):
        typesetter.images("wrong.typ", {}, at=AT, raw={}, ppi=50)


def test_pages_are_pictures_too(typesetter):
    [page] = typesetter.images("t.typ", {"lines": ["a"]}, at=AT, raw={}, ppi=50)
    assert page.startswith(b"\x89PNG")


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=4))
def test_any_text_is_set(typesetter, lines):
    made = pdf(typesetter, *lines)
    assert made.content.startswith(b"%PDF")
    assert characters_outside(made.content) == []
