"""The requests in docs/invoices.md do what the page says of them, and its text is the one that is sent."""

from __future__ import annotations

import json
import re

import pytest
from django.conf import settings

from tests.clients import Api

pytestmark = pytest.mark.django_db
PAGE = (settings.BASE_DIR / "docs/invoices.md").read_text()
_REQUEST = re.compile(r"^([A-Z]+) (\S+)\n(.*?)→ (\d+) ?(\S*?)(?: ?total=(\d+))?$", re.DOTALL | re.MULTILINE)


def test_the_requests_of_the_page_give_its_answers(api: Api) -> None:
    known: dict[str, str] = {}
    numbers: dict[str, str] = {}
    found = _REQUEST.findall("\n".join(re.findall(r"```http\n(.*?)```", PAGE, re.DOTALL)))
    assert len(found) >= 10
    for method, path, sent, status, name, total in found:
        for one, identity in known.items():
            path, sent = (text.replace(f"{{{one}}}", identity) for text in (path, sent))
        answer = api.request(method, path, json.loads(sent))
        body = answer.json()
        assert answer.status_code == int(status), (path, body)
        if total:
            assert body["total"] == int(total), body
        if status == "201":
            known[name], numbers[name] = body["id"], body.get("invoiceNumber") or ""
        elif name:
            assert [one["path"] for one in body["details"]] == [name]
    text = api.get(f"/api/invoices/{known['invoice']}/explain", Accept="text/plain").content.decode()
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert text.startswith(shown.replace("INV-2026-0001", numbers["invoice"]))
