"""Mail in development: printed where the log goes, as a person would want to read it."""

from __future__ import annotations

import sys
from email.header import decode_header, make_header
from email.message import Message
from typing import Any

from django.core.mail.backends.console import EmailBackend as ConsoleBackend

RULE = "-" * 79


class EmailBackend(ConsoleBackend):
    """Prints headers and text on standard error; of everything else only what it is and how big."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Standard output belongs to the results of commands.
        super().__init__(*args, **{"stream": sys.stderr, **kwargs})

    def write_message(self, message: Any) -> None:
        """One mail between two lines."""
        built: Message = message.message()
        lines = [RULE, *(f"{name}: {_header(value)}" for name, value in built.items() if name != "MIME-Version"), ""]
        for part in built.walk():
            if part.is_multipart():
                continue
            content: bytes = part.get_payload(decode=True) or b""  # type: ignore[assignment]
            if part.get_content_type() == "text/plain" and part.get_filename() is None:
                lines.append(content.decode(part.get_content_charset() or "utf-8", errors="replace").rstrip())
            else:
                name = f" {part.get_filename()}" if part.get_filename() else ""
                lines.append(f"[{part.get_content_type()}{name}, {len(content):,} bytes]")
        self.stream.write("\n".join([*lines, RULE]) + "\n")


def _header(value: Any) -> str:
    """A header as people read it, not as it is encoded for the wire."""
    return str(make_header(decode_header(str(value))))
