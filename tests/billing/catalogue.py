"""What tests of the catalogue make through the API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.clients import Api

_numbers = count(1)


def body(answer: Any) -> Any:
    """The JSON of an answer."""
    return json.loads(answer.content)


def problems(answer: Any, status: int = 400) -> dict[str, str]:
    """Paths and codes of a refusal."""
    assert answer.status_code == status, answer.content
    return {one["path"]: one["code"] for one in body(answer).get("details", [])}


def refusal(answer: Any) -> tuple[int, str]:
    """Status and code."""
    return answer.status_code, body(answer)["code"]


@dataclass
class Catalogue:
    """Makes objects with what they need; each answers with the object."""

    api: Api

    def create(self, path: str, given: dict[str, Any]) -> Any:
        """POST that must succeed."""
        answer = self.api.post(path, given)
        assert answer.status_code == 201, answer.content
        return body(answer)

    def product(self, **fields: Any) -> Any:
        """A recurring product."""
        return self.create("/api/products", {"name": "API", "type": "recurring"} | fields)

    def price(self, **fields: Any) -> Any:
        """49.00 EUR a month."""
        product = fields.pop("productId", None) or self.product()["id"]
        given = {"productId": product, "currency": "EUR", "interval": "month", "unitAmount": 4900}
        return self.create("/api/prices", given | fields)

    def feature(self, **fields: Any) -> Any:
        """A metered feature."""
        return self.create("/api/features", {"key": f"f{next(_numbers)}", "name": "F", "type": "metered"} | fields)

    def plan(self, **fields: Any) -> Any:
        """A draft in EUR."""
        return self.create("/api/plans", {"name": f"Plan {next(_numbers)}", "currency": "EUR"} | fields)

    def version(self, plan: Any, **fields: Any) -> Any:
        """One more draft version."""
        return self.create(f"/api/plans/{plan['id']}/versions", fields)

    def publish(self, plan: Any, version: int = 1, **fields: Any) -> Any:
        """A version that must be published."""
        answer = self.api.post(f"/api/plans/{plan['id']}/versions/{version}/publish", fields)
        assert answer.status_code == 200, answer.content
        return body(answer)
