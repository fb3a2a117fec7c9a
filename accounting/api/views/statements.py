"""Views of balances and statements."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from accounting.api.parameters import PAGE_FILTERS, instant_parameter, parameters_of
from accounting.api.serializers.statements import BalanceOutput, StatementOutput
from accounting.api.statement_bodies import balance_body, statement_body
from accounting.api.statement_pages import cursor_after, path_with, place_asked
from accounting.services.settling_grants import settled_balance_of
from accounting.statement_files import period_between, statement_file, style_of, whole_statement
from accounting.statements import Statement, statement_of
from common.api.accepting import preferred_type
from common.api.operation import operation
from common.api.pagination import PAGE_PARAMETERS, read_limit
from common.api.rendering import file_response, json_response
from common.files import CSV, PDF
from common.prefixes import ACCOUNT
from tenants.api.view import Answer, Call, TenantView, path_id
from tenants.scope import tenant_scope


class BalanceView(TenantView):
    """`/api/accounts/{id}/balance`."""

    @operation(
        "accounts:read",
        "Get the balance of an account",
        answers={200: BalanceOutput},
        filters=[instant_parameter("at", "What stood there at this instant: movements strictly before it count.")],
        refusals={422: ["amount_too_large"]},
    )
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Now, or at an instant of the past."""
        at = parameters_of(call).get("at")
        standing = settled_balance_of(tenant_id=call.tenant_id, account_id=path_id(ACCOUNT, id), now=call.at, at=at)
        return Answer(200, balance_body(standing, at=at or call.at))


class StatementView(TenantView):
    """`/api/accounts/{id}/statements`."""

    @operation(
        "accounts:read",
        "Get the statement of an account",
        answers={200: StatementOutput},
        filters=[
            instant_parameter("from", "The first instant of the period; without it the beginning."),
            instant_parameter("to", "The instant at which the period ends, itself outside; without it everything."),
            *PAGE_FILTERS,
        ],
        refusals={422: ["amount_too_large", "statement_too_long"]},
        other_types=[CSV, PDF],
        description=(
            "Movements, newest first. As `Accept` prefers it: JSON, CSV or PDF. A file holds the whole period, at most "
            "10,000 movements as CSV and 1,000 as PDF, or the page that `limit` and `cursor` ask for; then the header "
            "`Link` names the next."
        ),
    )
    def get(self, call: Call, **path: Any) -> Answer:
        """Not always JSON: `answer` gives the bytes."""
        raise NotImplementedError

    def answer(self, request: Request) -> HttpResponse:
        """Read in a transaction, and typeset outside of it."""
        call = self.new_call(request)
        wanted = preferred_type(call.request.META.get("HTTP_ACCEPT", ""), [CSV, PDF])
        with tenant_scope(call.context):
            self.validate(call)
            statement = _read(call, path_id(ACCOUNT, self.kwargs["id"]), wanted)
            cursor = cursor_after(statement, call.request)
            if wanted is None:
                return json_response(200, statement_body(statement, next_cursor=cursor))
            style = style_of(statement.account, settings=call.settings)
        response = file_response(
            statement_file(statement, form=wanted, style=style, at=call.at), inline=wanted == PDF
        )  # fmt: skip
        if cursor is not None:
            response.headers["Link"] = f'<{path_with(call.request, cursor)}>; rel="next"'
        return response


def _read(call: Call, account_id: UUID, wanted: str | None) -> Statement:
    """The page that was asked for, or the whole period for a file."""
    query = call.request.GET
    given = parameters_of(call)
    period = period_between(given.get("from"), given.get("to"))
    limit, after = read_limit(query), place_asked(call.request)
    if wanted is not None and not any(name in query for name in PAGE_PARAMETERS):
        return whole_statement(tenant_id=call.tenant_id, account_id=account_id, period=period, form=wanted)
    return statement_of(tenant_id=call.tenant_id, account_id=account_id, period=period, limit=limit, after=after)
