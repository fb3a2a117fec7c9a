"""The base view of routes that anybody may call: no identity, no tenant, the same errors as everywhere."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.views import APIView

from common.api.filters import parse_filters
from common.api.operation import operation_of
from common.errors import MethodNotAllowed


class PublicView(APIView):
    """`get` is declared with `@operation("", …)`, takes the plain request and returns a finished response."""

    authentication_classes = []
    permission_classes = []
    http_method_names = ["get", "head"]

    @property
    def allowed_methods(self) -> list[str]:
        """For `Allow`: methods that are declared."""
        return [name.upper() for name in self.http_method_names if operation_of(self, name.upper()) is not None]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Refuse other methods and unknown parameters, then answer; errors take the one handler."""
        self.args, self.kwargs = args, kwargs
        self.request = self.initialize_request(request, *args, **kwargs)
        try:
            declared = operation_of(self, request.method)
            if declared is None:
                raise MethodNotAllowed(sorted(self.allowed_methods))
            parse_filters(request.GET, declared.filters, zone=lambda: "UTC")
            response: HttpResponse = self.get(request, *args, **kwargs)  # type: ignore[attr-defined]
        except Exception as error:
            response = self.get_exception_handler()(error, self.get_exception_handler_context())
        if request.method == "HEAD":
            response.content = b""
        return response
