"""A caller of the API as the tests need one."""

from __future__ import annotations

import json as json_module
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

_MISSING = object()


@dataclass
class Api:
    """Calls the API through the whole middleware stack with one set of credentials.

    `json` is sent as it is, `raw` as bytes; `key` becomes `Idempotency-Key`; other keyword arguments are headers in
    Python's spelling (`x_tenant_id="tnt_…"`).
    """

    headers: dict[str, str] = field(default_factory=dict)
    client: Client = field(default_factory=Client)

    @classmethod
    def with_key(cls, secret: str) -> Api:
        """A sibling service."""
        return cls({"Authorization": f"ServiceKey {secret}"})

    @classmethod
    def with_token(cls, token: str, tenant: str | None = None) -> Api:
        """A member of staff with a bearer token, in the tenant of that TypeID."""
        return cls({"Authorization": f"Bearer {token}"} | ({"X-Tenant-Id": tenant} if tenant else {}))

    def request(
        self, method: str, path: str, json: Any = _MISSING, *, key: str | None = None, raw: bytes | None = None,
        content_type: str = "application/json", **headers: str,
    ) -> Any:  # fmt: skip
        """One request; the answer is never followed or raised."""
        sent = dict(self.headers) | {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["Idempotency-Key"] = key
        body = raw if raw is not None else b"" if json is _MISSING else json_module.dumps(json).encode()
        return self.client.generic(method, path, body, content_type=content_type, headers=sent)

    def get(self, path: str, **headers: Any) -> Any:
        """GET."""
        return self.request("GET", path, **headers)

    def post(self, path: str, json: Any = _MISSING, **headers: Any) -> Any:
        """POST."""
        return self.request("POST", path, json, **headers)

    def put(self, path: str, json: Any = _MISSING, **headers: Any) -> Any:
        """PUT."""
        return self.request("PUT", path, json, **headers)

    def patch(self, path: str, json: Any = _MISSING, **headers: Any) -> Any:
        """PATCH."""
        return self.request("PATCH", path, json, **headers)

    def delete(self, path: str, json: Any = _MISSING, **headers: Any) -> Any:
        """DELETE."""
        return self.request("DELETE", path, json, **headers)
