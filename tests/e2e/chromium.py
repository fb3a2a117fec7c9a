"""Which Chromium the browser tests use: the system's own. Playwright's own download is never needed."""

from __future__ import annotations

import shutil
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING: Final = f"no browser: none of {', '.join(NAMES)} is installed (Debian: apt-get install chromium)"


def chromium_path() -> str | None:
    """Where Chromium is, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)
