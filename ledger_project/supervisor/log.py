"""One readable log: every line of every process, with the name of its process in front."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

ROTATE_AT_BYTES = 20_000_000


class SharedLog:
    """Writes `name | line` to the terminal and to `<LEDGER_HOME>/log/ledger.log` (one older file is kept)."""

    def __init__(self, folder: Path, terminal: TextIO = sys.stdout) -> None:
        """Appends to the file of earlier runs. `terminal` is where people look."""
        self._stream = terminal
        self._path = folder / "ledger.log"
        self._file = self._path.open("ab", buffering=0)
        self._terminal = True

    def line(self, name: str, text: bytes | str, *, terminal: bool = True) -> None:
        """Write one line of the process `name`; to the file only, unless `terminal`."""
        body = text.encode(errors="replace") if isinstance(text, str) else text
        record = name.encode() + b" | " + body.rstrip() + b"\n"
        self._file.write(record)
        if self._file.tell() > ROTATE_AT_BYTES:
            self._rotate()
        if terminal:
            self._write(record)

    def say(self, text: str) -> None:
        """Tell the person at the terminal something, without a name in front. Not kept: it may be a password."""
        self._write(text.encode() + b"\n")

    def _write(self, record: bytes) -> None:
        if not self._terminal:
            return
        try:
            self._stream.buffer.write(record)
            self._stream.buffer.flush()
        except (OSError, ValueError):
            # The reader of a pipe went away, or the terminal was closed: what runs goes on, the file has it all.
            self._terminal = False

    def _rotate(self) -> None:
        self._file.close()
        self._path.replace(self._path.with_suffix(".log.1"))
        self._file = self._path.open("ab", buffering=0)
