"""The requests in docs/vat.md do what the page says of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.conf import settings

from billing.tax_numbers import NumberProblem
from tests.billing.vat.fake_vies import FakeVies
from tests.clients import Api

pytestmark = pytest.mark.django_db
PAGE = (settings.BASE_DIR / "docs/vat.md").read_text()


def requests() -> list[tuple[str, str, str, str]]:
    """Path, body, status and what is then known of the number."""
    blocks = "\n".join(re.findall(r"```http\n(.*?)```", PAGE, re.DOTALL))
    return re.findall(r"^POST (.+)\n(.*)\n→ (\d+) (\S+)$", blocks, re.MULTILINE)


def test_the_requests_of_the_page_give_its_answers(api: Api, vies: FakeVies) -> None:
    api.patch("/api/settings", {"vatId": "DE811907980"})
    known: dict[str, str] = {}
    shown = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
    assert len(requests()) == 6
    for path, sent, status, expected in requests():
        for name, identity in known.items():
            path = path.replace(f"{{{name}}}", identity)
        answer = api.post(path, json.loads(sent))
        found: dict[str, Any] = answer.json()
        assert (answer.status_code, found.get("vatStatus", found.get("status"))) == (int(status), expected)
        if status == "201":
            known[found["name"]] = found["id"]
        elif expected == "valid":
            assert found | {"checkedAt": shown["checkedAt"]} == shown


def test_the_page_names_what_may_be_wrong_with_a_number() -> None:
    assert [problem for problem in NumberProblem if f"`{problem}`" not in PAGE] == []
