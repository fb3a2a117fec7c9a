"""The requests in docs/catalogue.md do what the page says of them."""

from __future__ import annotations

import json
import re

import pytest
from django.conf import settings

from tests.clients import Api

pytestmark = pytest.mark.django_db


def requests() -> list[tuple[str, str, str, str, str]]:
    """Method, path, body, status, and a name for what was made or the place of what is refused."""
    page = (settings.BASE_DIR / "docs/catalogue.md").read_text()
    blocks = "\n".join(re.findall(r"```http\n(.*?)```", page, re.DOTALL))
    return re.findall(r"^([A-Z]+) (\S+)\n(.*?)→ (\d+) ?(\S*)$", blocks, re.DOTALL | re.MULTILINE)


def test_the_requests_of_the_page_give_its_answers(api: Api) -> None:
    known: dict[str, str] = {}
    assert len(requests()) >= 10
    for method, path, sent, status, name in requests():
        for one, identity in known.items():
            path, sent = path.replace(f"{{{one}}}", identity), sent.replace(f'"{{{one}}}"', f'"{identity}"')
        answer = api.get(path) if method == "GET" else api.request(method, path, json.loads(sent))
        found = answer.json()
        assert answer.status_code == int(status), (method, path, found)
        if status == "201" and name:
            known[name] = found["id"]
        elif name:
            assert [one["path"] for one in found["details"]] == [name]
        elif method == "GET":
            assert [(one["version"], one["startsAt"]) for one in found["data"]] == [(2, "2100-01-01T00:00:00.000Z")]
