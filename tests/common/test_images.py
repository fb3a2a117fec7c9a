"""Claims about reading what a picture is."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from common.images import Image, UnknownImage, read_image


def a_picture(kind: str, width: int, height: int, **options: object) -> bytes:
    out = io.BytesIO()
    Pillow.new("RGB", (width, height), "teal").save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize(("kind", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
@pytest.mark.parametrize("size", [(1, 1), (300, 20), (20, 300), (2000, 3)])
def test_kind_and_size_are_those_that_a_picture_was_made_with(kind, media_type, size):
    assert read_image(a_picture(kind, *size)) == Image(media_type, *size)


def test_a_progressive_jpeg_with_a_profile_and_comments_is_read():
    content = a_picture("JPEG", 40, 30, progressive=True, icc_profile=b"x" * 5000, comment=b"c" * 300)
    assert read_image(content) == Image("image/jpeg", 40, 30)


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a" + b"x" * 50, b"<svg/>", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00\x02"],
)
def test_anything_else_is_refused(content):
    with pytest.raises(UnknownImage):
        read_image(content)


def test_an_empty_picture_is_refused():
    content = a_picture("PNG", 1, 1)
    with pytest.raises(UnknownImage):
        read_image(content[:16] + struct.pack(">II", 0, 5) + content[24:])


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"]))
def test_no_bytes_make_another_error(content, head):
    try:
        read_image(head + content)
    except UnknownImage:
        pass
