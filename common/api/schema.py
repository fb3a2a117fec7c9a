"""The OpenAPI document, from the declarations of `@operation`: nothing is described twice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import append_meta
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

from common.api.names import camel
from common.api.operation import Operation, operation_of
from common.api.serializers import InputSerializer

_ARTICLES = frozenset({"a", "an", "the", "of"})
_MUTATING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_FILE = {"type": "string", "format": "binary"}
_JSON = "application/json"
_COMMON: Mapping[int, str] = {
    400: "The request alone shows that it is wrong; `details` lists every problem.",
    401: "No identity, or one that is unknown, revoked or expired.",
    403: "The caller may not do this.",
    404: "What the path or the body names does not exist for this tenant.",
    429: "The caller's rate limit is used up.",
    503: "Storage is not available for the moment.",
}
_MUTATING_ONLY: Mapping[int, str] = {
    409: "The state of the object, or the idempotency key, does not allow this.",
    413: "The body is too large.",
    415: "The body is not application/json.",
}


class ProblemOutput(serializers.Serializer[Any]):
    """One problem of a request."""

    path = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ErrorOutput(serializers.Serializer[Any]):
    """The body of every answer that is not 2xx."""

    message = serializers.CharField()
    code = serializers.CharField()
    details = ProblemOutput(many=True, required=False)
    trace_id = serializers.CharField()


class LedgerSchema(AutoSchema):
    """Reads `Operation` instead of guessing from the view."""

    @property
    def declared(self) -> Operation:
        """The operation of the method at hand."""
        found = operation_of(self.view, self.method)
        assert found is not None, f"{type(self.view).__name__}.{self.method} is not declared with @operation"
        return found

    def get_operation_id(self) -> str:
        """`Create an invoice` → `createInvoice`."""
        head, *rest = [
            word for word in re.findall(r"[A-Za-z]+", self.declared.summary) if word.lower() not in _ARTICLES
        ]
        return str(head).lower() + "".join(word[0].upper() + word[1:] for word in rest)

    def get_summary(self) -> str:
        """One line."""
        return self.declared.summary

    def get_description(self) -> str:  # type: ignore[override]
        """Scope, rules and refusals of the operation."""
        lines = [self.declared.description] if self.declared.description else []
        if self.declared.scope:
            lines.append(f"Scope: `{self.declared.scope}`.")
        codes = [
            f"{status} {', '.join(f'`{code}`' for code in named)}" for status, named in self.declared.refusals.items()
        ]
        if codes:
            lines.append("Refusals: " + "; ".join(codes) + ".")
        return "\n\n".join(lines)

    def get_tags(self) -> list[str]:
        """The first word of the path."""
        parts = [part for part in self.path.split("/") if part]
        return [parts[1] if parts[0] == "api" and len(parts) > 1 else parts[0]]

    def get_auth(self) -> list[dict[str, Any]]:
        """Public routes have no scope."""
        return [{"serviceKey": []}, {"staffToken": []}] if self.declared.scope else [{}]

    def get_request_serializer(self) -> Any:
        """The declared body."""
        return self.declared.body

    def map_parsers(self) -> list[str]:
        """Only JSON is read."""
        return [_JSON]

    def map_renderers(self, attribute: str) -> list[str]:
        """Only JSON is written, unless a response says otherwise."""
        return [_JSON]

    def get_response_serializers(self) -> Any:
        """The declared answers and every refusal the frame can give."""
        declared = self.declared
        answers: dict[Any, Any] = {}
        for status, shape in declared.answers.items():
            code = status if declared.media_type == _JSON else (str(status), declared.media_type)
            answers[code] = OpenApiResponse(_listed(shape) if declared.paged else shape, description="OK")
            for other in declared.other_types:
                answers[(str(status), other)] = OpenApiResponse(_FILE, description="OK")
        refusals = dict(_COMMON) if declared.scope else {400: _COMMON[400]}
        if self.method in _MUTATING:
            refusals.update(_MUTATING_ONLY)
        for status in declared.refusals:
            refusals.setdefault(status, _COMMON.get(status, "A business rule refuses this."))
        for status, text in sorted(refusals.items()):
            answers[status] = OpenApiResponse(ErrorOutput, description=text)
        return answers

    def get_override_parameters(self) -> list[Any]:
        """Filters, paging and headers."""
        declared = self.declared
        parameters: list[Any] = []
        for one in declared.filters:
            for name in one.parameters:
                parameters.append(OpenApiParameter(name, dict(one.schema), description=one.description))
        if declared.paged:
            limit = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
            parameters.append(OpenApiParameter("limit", limit, description="How many objects at most."))
            parameters.append(OpenApiParameter("cursor", str, description="`nextCursor` of the page before."))
        if declared.scope:
            parameters.append(
                OpenApiParameter(
                    "X-Tenant-Id", str, OpenApiParameter.HEADER, description="The tenant; required of staff only."
                )
            )
        if self.method in _MUTATING and declared.scope and declared.keyed:
            parameters.append(
                OpenApiParameter(
                    "Idempotency-Key",
                    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x20-\\x7e]*$"},
                    OpenApiParameter.HEADER,
                    required=declared.key_required,
                    description="The same key with the same request gives the same answer again, for 24 hours.",
                )
            )
        return parameters

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Our strict fields describe themselves; optional inputs may be null, which means absent."""
        if not hasattr(field, "json_schema"):
            schema = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        else:
            meta = self._get_serializer_field_meta(field, direction)  # type: ignore[no-untyped-call]
            schema = append_meta(dict(field.json_schema()), meta)
        return _whatever(schema)

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        schema["properties"] = {camel(name): value for name, value in schema.get("properties", {}).items()}
        if "required" in schema:
            schema["required"] = sorted(camel(name) for name in schema["required"])
        if isinstance(serializer, InputSerializer):
            schema["additionalProperties"] = False
            required = set(schema.get("required", ()))
            for name, value in schema["properties"].items():
                if name not in required:
                    schema["properties"][name] = _nullable(value)
        return schema


def _whatever(schema: dict[str, Any]) -> dict[str, Any]:
    """`any value, or null`, which null satisfies twice, as `any value`."""
    return {} if schema.get("oneOf") == [{}, {"type": "null"}] else schema


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema, or null."""
    kind = schema.get("type")
    if kind == "null" or (isinstance(kind, list) and "null" in kind):
        return schema
    if {"type": "null"} in schema.get("oneOf", ()):  # a second null would match twice, and `oneOf` allows one match
        return schema
    if isinstance(kind, str) and "enum" not in schema:
        return {**schema, "type": [kind, "null"]}
    if isinstance(kind, list):
        return {**schema, "type": [*kind, "null"]}
    outer: dict[str, Any] = {key: schema[key] for key in ("default", "description") if key in schema}
    inner = {key: value for key, value in schema.items() if key not in outer}
    return {"oneOf": [inner, {"type": "null"}], **outer}


def _listed(shape: Any) -> Any:
    """The list envelope around a serializer."""
    name = re.sub(r"(Output|Serializer)$", "", shape.__name__)
    return inline_serializer(
        name=f"{name}List",
        fields={
            "data": shape(many=True),
            "has_more": serializers.BooleanField(),
            "next_cursor": serializers.CharField(allow_null=True),
        },
    )


def security_schemes(result: dict[str, Any], generator: Any, request: Any, public: Any) -> dict[str, Any]:
    """Post-processing: how callers identify themselves."""
    result.setdefault("components", {})["securitySchemes"] = {
        "serviceKey": {
            "type": "apiKey", "in": "header", "name": "Authorization",
            "description": "`ServiceKey sk_svc_…` (alias: `X-API-Key`).",
        },
        "staffToken": {"type": "http", "scheme": "bearer"},
    }  # fmt: skip
    return result
