"""Routes whose whole effect is one statement, with the ordinary way behind it."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from common.errors import DomainError
from tenants.api.authentication import CachedKeyAuthentication, LedgerAuthentication
from tenants.api.view import Call, TenantView


class HotView(TenantView):
    """A view whose POST is plain most of the time: then `quick` answers, else the handler.

    The statement checks the service key again, so that a cached one will do; on the ordinary way it is read anew.
    """

    def get_authenticators(self) -> list[BaseAuthentication]:
        """By the method."""
        posting = self.request is not None and self.request.method == "POST"
        return [CachedKeyAuthentication() if posting else LedgerAuthentication()]

    def quick(self, call: Call, key: str | None) -> HttpResponse | None:
        """The answer of the one statement, or None, and nothing written, where the ordinary way is needed."""
        raise NotImplementedError

    def answer(self, request: Request) -> HttpResponse:
        """The quick way where it will do."""
        if request.method != "POST":
            return super().answer(request)
        try:
            call = self.new_call(request)
            key = self.read_key(request, call)
        except DomainError:
            # A key that was revoked meanwhile is told so, not what is wrong with its request.
            self.confirm(request)
            raise
        response = None if call.request.GET else self.quick(call, key)
        if response is not None:
            return response
        call.caller = self.confirm(request)
        return self.run(call, key)
