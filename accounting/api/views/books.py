"""Views of the books as a whole."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from accounting.api.parameters import instant_parameter, parameters_of
from accounting.api.serializers.books import TrialBalanceOutput
from accounting.books import trial_balance, trial_totals
from accounting.exporting import FORMATS, read_export, trial_balance_file
from accounting.exports import CHARTS
from common.api.filters import Filter, Refused
from common.api.operation import operation
from common.api.rendering import file_response
from common.clock import format_instant
from common.files import CSV, File
from tenants.api.report import ReportView
from tenants.api.view import Answer, Call, TenantView
from tenants.scope import tenant_scope


def choice_parameter(name: str, choices: tuple[str, ...], description: str) -> Filter:
    """One word of a closed list."""

    def read(text: str, _zone: Any) -> str:
        if text not in choices:
            raise Refused("invalid_choice", "Expected one of: " + ", ".join(choices) + ".")
        return text

    schema = {"type": "string", "enum": list(choices), "default": choices[0]}
    return Filter(name, name, read, schema=schema, description=description)


class TrialBalanceView(ReportView):
    """`/api/books/trial-balance`."""

    @operation(
        "accounts:read",
        "Get the trial balance",
        answers={200: TrialBalanceOutput},
        filters=[instant_parameter("at", "What stood there at this instant, by default now: entries before it count.")],
        other_types=[CSV],
        description=(
            "What all accounts hold, by code, type and unit. The totals of both sides are equal in every unit. As "
            "`Accept` prefers it: JSON or CSV, which has decimals."
        ),
    )
    def get(self, call: Call) -> Answer:
        """Now, or at an instant of the past."""
        at = parameters_of(call).get("at")
        rows = trial_balance(tenant_id=call.tenant_id, at=at)
        return Answer(
            200,
            {
                "at": format_instant(at or call.at),
                "data": [
                    {
                        "code": row.code, "type": row.type, "currency": row.currency, "debit": row.debit,
                        "credit": row.credit,
                    }
                    for row in rows
                ],
                "totals": [
                    {"currency": one.currency, "debit": one.debit, "credit": one.credit} for one in trial_totals(rows)
                ],
            },
        )  # fmt: skip

    def file(self, call: Call) -> File:
        """The same instant."""
        at = parameters_of(call).get("at")
        return trial_balance_file(tenant_id=call.tenant_id, at=at, now=call.at, time_zone=call.time_zone)


class ExportView(TenantView):
    """`/api/books/export`."""

    @operation(
        "accounts:read",
        "Export the journal",
        answers={200: {"type": "string", "format": "binary"}},
        filters=[
            choice_parameter("format", FORMATS, "CSV of all lines, or postings for DATEV."),
            choice_parameter("chart", CHARTS, "The chart of accounts of a file for DATEV."),
            instant_parameter("from", "The first instant; by default the beginning, for DATEV that of the year."),
            instant_parameter("to", "The instant at which the period ends, itself outside; by default now."),
        ],
        refusals={422: ["export_too_long"]},
        media_type="text/csv",
        description=(
            "At most 100,000 lines. A file for DATEV lies inside one calendar year of the tenant's time zone and holds "
            "currencies only; accounts outside of the chart are items in transit."
        ),
    )  # fmt: skip
    def get(self, call: Call) -> Answer:
        """Bytes, not JSON: `answer` gives them."""
        raise NotImplementedError

    def answer(self, request: Request) -> HttpResponse:
        """Read in a transaction, and write the file outside of it."""
        call = self.new_call(request)
        with tenant_scope(call.context):
            self.validate(call)
            given = parameters_of(call)
            export = read_export(
                tenant_id=call.tenant_id, start=given.get("from"), end=given.get("to"), at=call.at,
                time_zone=call.time_zone, format=given.get("format", FORMATS[0]), chart=given.get("chart", CHARTS[0]),
            )  # fmt: skip
        return file_response(export.file())
