"""Reading plain transfers quickly, alone and in batches.

What is read here needs nothing but types and bounds; all else (text that must be trimmed, a field under two names,
anything wrong) is left to `TransferInput`, which knows all rules and all messages. A property test holds the two
together.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from accounting.api.fields import UNIT_PATTERN
from accounting.judging import TransferRequest
from accounting.services.transfers import MAX_BATCH
from common.ids import InvalidId, decode_id
from common.money import MAX_AMOUNT
from common.prefixes import ACCOUNT

_Amount = Annotated[int, msgspec.Meta(ge=1, le=MAX_AMOUNT)]
_Metadata = Annotated[dict[str, Annotated[str, msgspec.Meta(max_length=500)]], msgspec.Meta(max_length=50)]


class _Transfer(msgspec.Struct, forbid_unknown_fields=True):
    amount: _Amount
    currency: Annotated[str, msgspec.Meta(pattern=f"^{UNIT_PATTERN}$")]
    fromAccountId: str | None = None  # noqa: N815 - as on the wire
    toAccountId: str | None = None  # noqa: N815
    source: str | None = msgspec.field(default=None, name="from")
    target: str | None = msgspec.field(default=None, name="to")
    idempotencyKey: Annotated[str, msgspec.Meta(pattern=r"^[\x20-\x7e]{1,255}\Z")] | None = None  # noqa: N815
    description: Annotated[str, msgspec.Meta(min_length=1, max_length=500)] | None = None
    metadata: _Metadata | None = None


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    transfers: Annotated[list[_Transfer], msgspec.Meta(min_length=1, max_length=MAX_BATCH)]
    atomic: bool | None = None


def plain_transfer(body: Any, *, key: str | None) -> TransferRequest | None:
    """What is asked for under `key`, or None when the body is not plain."""
    try:
        return _request(msgspec.convert(body, _Transfer), key)
    except (msgspec.ValidationError, InvalidId):
        return None


def plain_batch(body: Any) -> list[TransferRequest] | None:
    """The transfers of a batch, or None when one of them is not plain or has a key of its own."""
    try:
        made = [_request(asked, None) for asked in msgspec.convert(body, _Batch).transfers]
    except (msgspec.ValidationError, InvalidId):
        return None
    plain = [one for one in made if one is not None]
    return plain if len(plain) == len(made) else None


def _request(asked: _Transfer, key: str | None) -> TransferRequest | None:
    source = _only(asked.fromAccountId, asked.source)
    target = _only(asked.toAccountId, asked.target)
    if source is None or target is None or source == target or not _plain_texts(asked, key):
        return None
    return TransferRequest(
        decode_id(ACCOUNT, source), decode_id(ACCOUNT, target), amount=asked.amount, currency=asked.currency,
        description=asked.description, metadata=asked.metadata or {}, idempotency_key=key,
    )  # fmt: skip


def _only(one: str | None, other: str | None) -> str | None:
    """The one that is given; both need the ordinary way, which compares them."""
    return (one or other) if one is None or other is None else None


def _plain_texts(asked: _Transfer, key: str | None) -> bool:
    """Whether every text can be taken as it is: trimmed and printable, the keys of the metadata short."""
    pairs = (asked.metadata or {}).items()
    texts = [asked.description or "x", *(name for name, _ in pairs)]
    return (
        (asked.idempotencyKey is None or asked.idempotencyKey == key)
        and "\n" not in asked.currency
        and all(text.isprintable() and text == text.strip() for text in texts)
        and all(0 < len(name) <= 40 for name, _ in pairs)
    )


# msgspec looks at a type when it is first used, and two threads that do so at once end the process with a fault.
# Imported by one thread, this is the first use.
plain_transfer({}, key=None)
plain_batch({})
