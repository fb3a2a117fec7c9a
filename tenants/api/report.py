"""Reports: JSON, or the same as CSV where `Accept` prefers it."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from common.api.accepting import preferred_type
from common.api.rendering import file_response
from common.files import CSV, File
from tenants.api.view import Answer, Call, TenantView, finish
from tenants.scope import tenant_scope


class ReportView(TenantView):
    """A route with `get` for JSON, declared with `other_types=[CSV]`, and `file` for CSV. Both only read."""

    def get(self, call: Call) -> Answer:
        """The report as JSON."""
        raise NotImplementedError

    def file(self, call: Call) -> File:
        """The report as CSV."""
        raise NotImplementedError

    def answer(self, request: Request) -> HttpResponse:
        """In one transaction, whatever the form."""
        call = self.new_call(request)
        with tenant_scope(call.context):
            self.validate(call)
            if preferred_type(call.request.META.get("HTTP_ACCEPT", ""), [CSV]) == CSV:
                return file_response(self.file(call))
            return finish(self.get(call))
