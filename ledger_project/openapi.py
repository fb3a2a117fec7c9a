"""The OpenAPI document and its page. The document is made once per process, whoever asks first."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any, Final

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

from common.api.operation import operation
from common.api.public import PublicView

# Nothing of the page comes from elsewhere, and the browser is told to refuse it if it did.
_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_lock = threading.Lock()


class OpenApiView(PublicView):
    """`/api/openapi`: the contract, readable from any origin."""

    @operation("", "Get the OpenAPI document", answers={200: {"type": "object", "additionalProperties": {}}})
    def get(self, request: HttpRequest) -> HttpResponse:
        """OpenAPI 3.1 as JSON."""
        response = HttpResponse(document_json(), content_type="application/json; charset=utf-8")
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response


class DocsView(PublicView):
    """`/api/docs`: Swagger UI over the document."""

    @operation("", "Get the API documentation", answers={200: {"type": "string"}}, media_type="text/html")
    def get(self, request: HttpRequest) -> HttpResponse:
        """The page; scripts and styles are served from here too."""
        response = render(request, "ledger_project/docs.html")
        response.headers["Content-Security-Policy"] = _PAGE_POLICY
        return response


def document() -> dict[str, Any]:
    """The OpenAPI document as plain values."""
    value: dict[str, Any] = orjson.loads(document_json())
    return value


def document_json() -> bytes:
    """The OpenAPI document as JSON."""
    with _lock:
        return _document_json()


@lru_cache(maxsize=1)
def _document_json() -> bytes:
    return orjson.dumps(generate(), default=str, option=orjson.OPT_NON_STR_KEYS)


def document_yaml() -> str:
    """The OpenAPI document as the file `openapi.yaml` holds it: the same bytes whenever the code is the same."""
    text: bytes = OpenApiYamlRenderer().render(generate(), renderer_context={})  # type: ignore[no-untyped-call]
    return text.decode()


def generate() -> dict[str, Any]:
    """Build the document from the declarations of all routes."""
    built: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return built
