"""Where the settings come from: the environment first, then what the embedded services left in `LEDGER_HOME`."""

from __future__ import annotations

import json
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent


def ledger_home() -> Path:
    """The folder of embedded data, credentials and pid files: `LEDGER_HOME`, by default `.ledger` in the checkout."""
    return Path(os.environ.get("LEDGER_HOME") or BASE_DIR / ".ledger").expanduser().absolute()


def _stored(name: str) -> dict[str, str]:
    try:
        return dict(json.loads((ledger_home() / name).read_text()))
    except (OSError, ValueError):
        return {}


def service_urls() -> dict[str, str]:
    """`databaseUrl`, `databaseOwnerUrl` and `redisUrl` of the embedded services, or `{}` when none was started here."""
    return _stored("services.json")


def local_secrets() -> dict[str, str]:
    """`secretKey` and `encryptionKey` made at the first start of a development instance, or `{}`."""
    return _stored("secrets.json")
