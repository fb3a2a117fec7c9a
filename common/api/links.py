"""Links of the OpenAPI document: what can be done with an object that was just created."""

from __future__ import annotations

from typing import Any

_METHODS = frozenset({"get", "post", "put", "patch", "delete"})


def follow_ups(result: dict[str, Any], generator: Any, request: Any, public: Any) -> dict[str, Any]:
    """Post-processing: the 201 of `POST /api/things` names every operation of `/api/things/{id}…`, with its id."""
    paths = result["paths"]
    for path, item in paths.items():
        created = item.get("post", {}).get("responses", {}).get("201")
        if created is None:
            continue
        links = {
            operation["operationId"]: {
                "operationId": operation["operationId"],
                "parameters": {"id": "$response.body#/id"},
            }
            for other, methods in paths.items()
            if other == f"{path}/{{id}}" or other.startswith(f"{path}/{{id}}/")
            for method, operation in methods.items()
            if method in _METHODS
        }
        if links:
            created["links"] = links
    return result
