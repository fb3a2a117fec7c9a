"""Claims about `/api/settings`."""

from __future__ import annotations

from tests.clients import Api


def test_settings_of_a_new_tenant_have_the_defaults(api: Api) -> None:
    body = api.get("/api/settings").json()
    assert body["defaultCurrency"] == "EUR"
