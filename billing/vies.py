"""VIES, the Commission's exchange of VAT information: one question over REST. No other file knows its words.

Only a plain yes or no is a verdict. Whatever else comes, or does not come, says nothing about the number: that a
member's register is down VIES reports with HTTP 200, sometimes with `valid: false` beside the error. So an error is
looked for first, and an answer that is about another number is none.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from billing.tax_numbers import VatNumber
from common.egress import EgressPolicy, ExchangeFailed, UrlNotAllowed, send

EXCHANGE_SECONDS: Final = 10
"""For everything, from the lookup of the host to the last byte, and a second question where one is needed."""
MAX_ANSWER_BYTES: Final = 16_384
PLACES: Final = 3
"""Questions of one process at a time: while VIES hangs, it must not take all threads of the web server."""
MAX_TEXT: Final = 1000

_NO_ERROR: Final = frozenset({"VALID", "INVALID"})  # `userError` of some answers repeats the verdict
_REQUESTER_REFUSED: Final = "INVALID_REQUESTER_INFO"
_NOT_ASKED_AGAIN: Final = frozenset({"INVALID_INPUT", "VAT_BLOCKED"})
_OF_ALL: Final = frozenset(
    {"SERVICE_UNAVAILABLE", "IP_BLOCKED", "GLOBAL_MAX_CONCURRENT_REQ", "GLOBAL_MAX_CONCURRENT_REQ_TIME"}
)
_ERRORS: Final = (
    _NOT_ASKED_AGAIN | _OF_ALL
    | {_REQUESTER_REFUSED, "MS_UNAVAILABLE", "MS_MAX_CONCURRENT_REQ", "MS_MAX_CONCURRENT_REQ_TIME", "TIMEOUT"}
)  # fmt: skip
_UNDISCLOSED: Final = "---"
_places = threading.BoundedSemaphore(PLACES)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the member's register says. `request_identifier` is VIES's proof of the question; it needs a requester."""

    valid: bool
    request_identifier: str | None = None
    answered_at: dt.datetime | None = None
    name: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class NoVerdict:
    """Why nothing is known. `again`: asking later may help. `everywhere`: now it would be the same for any number."""

    error: str
    again: bool = True
    everywhere: bool = False


class _Refused(Exception):
    """VIES answered with an error, named by its code."""


def ask(number: VatNumber, *, requester: VatNumber | None) -> Verdict | NoVerdict:
    """Ask VIES about `number`, in the name of `requester`. Never raises for what the other side does.

    Takes up to EXCHANGE_SECONDS: no transaction may be open. A requester that VIES does not accept is left out, because
    a verdict without proof is better than none.
    """
    if not _places.acquire(blocking=False):
        return NoVerdict("busy")
    try:
        end = time.monotonic() + EXCHANGE_SECONDS
        try:
            return _ask(number, requester, end)
        except _Refused as refused:
            if requester is None or str(refused) != _REQUESTER_REFUSED:
                return _no_verdict(str(refused))
        try:
            return _ask(number, None, end)
        except _Refused as refused:
            return _no_verdict(str(refused))
    finally:
        _places.release()


def _ask(number: VatNumber, requester: VatNumber | None, end: float) -> Verdict | NoVerdict:
    asked = {"countryCode": number.country, "vatNumber": number.body}
    if requester is not None:
        asked |= {"requesterMemberStateCode": requester.country, "requesterNumber": requester.body}
    left = end - time.monotonic()
    if left <= 0:
        return NoVerdict("exchange_timeout", everywhere=True)
    try:
        answer = send(
            settings.VIES_URL,
            method="POST",
            headers={"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "Ledger"},
            body=json.dumps(asked).encode(),
            policy=EgressPolicy.from_setting(settings.LEDGER_EGRESS_ALLOW),
            deadline_seconds=left,
            max_response_bytes=MAX_ANSWER_BYTES,
        )
    except ExchangeFailed as failed:
        return NoVerdict(f"exchange_{failed.kind}", everywhere=True)
    except UrlNotAllowed:
        return NoVerdict("exchange_not_allowed", everywhere=True)
    said = None if answer.truncated else _json_object(answer.body)
    if said is not None:
        _raise_error_of(said)
    if answer.status != 200:
        return NoVerdict(f"http_{answer.status}", everywhere=True)
    verdict = _verdict(said, number) if said is not None else None
    return verdict or NoVerdict("unreadable_answer", everywhere=said is None)


def _no_verdict(code: str) -> NoVerdict:
    # A word that we do not know is the peer's: it is not repeated to anybody.
    known = f"vies_{code.lower()}" if code in _ERRORS else "vies_error"
    return NoVerdict(known, again=code not in _NOT_ASKED_AGAIN, everywhere=code in _OF_ALL)


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _raise_error_of(said: dict[str, Any]) -> None:
    """Raise what VIES says went wrong, in either of its two ways."""
    wrapped = said.get("errorWrappers")
    first = wrapped[0] if isinstance(wrapped, list) and wrapped else None
    code = first.get("error") if isinstance(first, dict) else said.get("userError")
    if wrapped or said.get("actionSucceed") is False or (code and code not in _NO_ERROR):
        raise _Refused(code if isinstance(code, str) else "")


def _verdict(said: dict[str, Any], number: VatNumber) -> Verdict | None:
    valid = said.get("valid")
    if not isinstance(valid, bool):
        return None
    about = (said.get("countryCode", number.country), said.get("vatNumber", number.body))
    if about != (number.country, number.body):
        return None
    return Verdict(
        valid, _text(said.get("requestIdentifier"), 64), _instant(said.get("requestDate")), _text(said.get("name")),
        _text(said.get("address")),
    )  # fmt: skip


def _text(value: Any, limit: int = MAX_TEXT) -> str | None:
    """The peer's words, as PostgreSQL takes them; None for nothing and for what the member does not disclose."""
    if not isinstance(value, str):
        return None
    # Encoded and back: JSON may hold half of a surrogate pair.
    text = value.replace("\0", "").encode(errors="replace").decode().strip()
    return text[:limit] if text and text != _UNDISCLOSED else None


def _instant(value: Any) -> dt.datetime | None:
    try:
        instant = dt.datetime.fromisoformat(value)
        return (instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (TypeError, ValueError, OverflowError):
        return None
