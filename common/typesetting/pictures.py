"""A picture as a value: typst takes only texts from outside, and an SVG can carry a picture in its own text."""

from __future__ import annotations

import base64
import json
from typing import Final
from xml.sax.saxutils import quoteattr

import typst

_TRIAL: Final = b"""
#set page(width: auto, height: auto)
#image(bytes(json(bytes(sys.inputs.data))), width: 10mm)
"""


def picture(content: bytes, *, media_type: str, width: int, height: int) -> str:
    """An SVG text that shows the given PNG or JPEG and nothing else, for `image(bytes(…), format: "svg")`."""
    data = base64.b64encode(content).decode()
    link = quoteattr(f"data:{media_type};base64,{data}")
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}"><image width="{width}" height="{height}" xlink:href={link}/></svg>'
    )


def can_show(content: bytes) -> bool:
    """Whether a document with this picture can be made: its pixels are decoded, not only its header read.

    The caller bounds width and height before: what they claim is what decoding takes.
    """
    try:
        # Numbers, not an SVG: an SVG whose picture is broken is shown without it, and nobody is told.
        typst.compile(
            _TRIAL, format="png", ppi=72, ignore_system_fonts=True, sys_inputs={"data": json.dumps(list(content))}
        )
    except typst.TypstError:
        return False
    return True
