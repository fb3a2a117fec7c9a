"""A VIES on this machine: it answers as the Commission's does, or fails as it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.webhooks.sink import Answer, Received, Sink

PATH = "/taxation_customs/vies/rest-api/check-vat-number"
IDENTIFIER = "WAPIAAAAaEDkvhHx"
NAME, ADDRESS = "Nordlicht GmbH", "Hauptstr. 1\n10115 Berlin"


class FakeVies(Sink):
    """By default every number is valid. `says` and `fails` change that for all numbers, or for one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.special: dict[str, Callable[[dict[str, Any]], Answer]] = {}
        self.usual: Callable[[dict[str, Any]], Answer] = verdict(valid=True)
        self.answers[PATH] = self._answer

    @property
    def questions(self) -> list[dict[str, Any]]:
        """What it was asked, in order."""
        return [json.loads(one.body) for one in self.received]

    def _answer(self, received: Received) -> Answer:
        asked = json.loads(received.body)
        return self.special.get(asked["vatNumber"], self.usual)(asked)


def verdict(*, valid: bool, **more: Any) -> Callable[[dict[str, Any]], Answer]:
    """The answer of a register, with the fields that the real one sends."""

    def answer(asked: dict[str, Any]) -> Answer:
        known = {"name": NAME, "address": ADDRESS} if valid else {"name": "---", "address": "---"}
        return as_json(
            {
                "countryCode": asked["countryCode"], "vatNumber": asked["vatNumber"],
                "requestDate": "2026-10-03T21:02:05.123Z", "valid": valid,
                "requestIdentifier": IDENTIFIER if "requesterNumber" in asked else "", **known,
                "traderName": "---", "traderStreet": "---", "traderPostalCode": "---", "traderCity": "---",
                "traderCompanyType": "---", "traderNameMatch": "NOT_PROCESSED", **more,
            }
        )  # fmt: skip

    return answer


def refusal(code: str, status: int = 200) -> Callable[[dict[str, Any]], Answer]:
    """An error in the words of VIES."""
    wrapped = {"actionSucceed": False, "errorWrappers": [{"error": code, "message": "no"}]}
    return lambda asked: as_json(wrapped, status)


def as_json(value: Any, status: int = 200) -> Answer:
    """Any JSON."""
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def raw(body: bytes, status: int = 200, **headers: str) -> Callable[[dict[str, Any]], Answer]:
    """Any bytes."""
    return lambda asked: (status, headers, body)
