"""Models of the accounting app, one file per subject."""

from accounting.models.account import Account, Balance
from accounting.models.grant import Grant, GrantUse
from accounting.models.hold import Hold
from accounting.models.journal import JournalEntry, JournalLine
from accounting.models.progress import SealProgress
from accounting.models.seal import Checkpoint, Seal, SealedEntry
from accounting.models.transfer import Transfer
from accounting.models.unit import Unit

__all__ = [
    "Account", "Balance", "Checkpoint", "Grant", "GrantUse", "Hold", "JournalEntry", "JournalLine", "Seal",
    "SealProgress", "SealedEntry", "Transfer", "Unit",
]  # fmt: skip
