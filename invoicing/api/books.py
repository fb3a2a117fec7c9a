"""The books of billing over HTTP: who owes what for how long, and what is still to be earned."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from common.api.operation import operation
from common.clock import format_instant
from common.files import CSV, File
from common.ids import encode_id
from common.prefixes import CUSTOMER
from invoicing.ageing import Age, deferred_revenue, deferred_totals, receivables_ageing
from invoicing.report_files import ageing_file, deferred_file
from tenants.api.report import ReportView
from tenants.api.view import Answer, Call


class AgeTotalOutput(serializers.Serializer[Any]):
    """What is due in one currency, by the days since the due date."""

    currency = serializers.CharField()
    invoices = serializers.IntegerField()
    current = serializers.IntegerField()
    days_1_to_30 = serializers.IntegerField()
    days_31_to_60 = serializers.IntegerField()
    days_61_to_90 = serializers.IntegerField()
    over_90 = serializers.IntegerField()
    total = serializers.IntegerField()


class AgeOutput(AgeTotalOutput):
    """The same of one customer."""

    customer_id = serializers.CharField()


class AgeingOutput(serializers.Serializer[Any]):
    """The ageing of receivables."""

    at = serializers.CharField()
    data = AgeOutput(many=True)  # type: ignore[assignment]
    totals = AgeTotalOutput(many=True)


class DeferredTotalOutput(serializers.Serializer[Any]):
    """What is to be earned in one currency."""

    currency = serializers.CharField()
    amount = serializers.IntegerField()


class DeferredOutput(DeferredTotalOutput):
    """The same of one month, written `2026-03`."""

    month = serializers.CharField()


class DeferredRevenueOutput(serializers.Serializer[Any]):
    """The schedule of deferred revenue."""

    at = serializers.CharField()
    data = DeferredOutput(many=True)  # type: ignore[assignment]
    totals = DeferredTotalOutput(many=True)


class ReceivablesAgeingView(ReportView):
    """`/api/books/receivables-ageing`."""

    @operation(
        "accounts:read",
        "Get the ageing of receivables",
        answers={200: AgeingOutput},
        other_types=[CSV],
        description=(
            "What is due of open invoices, by customer and currency and by the days since the due date, in the "
            "tenant's time zone. The totals are what stands on the receivables accounts. As `Accept` prefers it: JSON "
            "or CSV, which has decimals, no totals, and the names of customers for those with `customers:read`."
        ),
    )
    def get(self, call: Call) -> Answer:
        """Today."""
        ages = receivables_ageing(tenant_id=call.tenant_id, at=call.at, time_zone=call.time_zone)
        data = [
            {"customerId": encode_id(CUSTOMER, age.customer_id), **_age_body(age)}
            for age in ages
            if age.customer_id is not None
        ]
        totals = [_age_body(age) for age in ages if age.customer_id is None]
        return Answer(200, {"at": format_instant(call.at), "data": data, "totals": totals})

    def file(self, call: Call) -> File:
        """Today."""
        named = call.caller.may("customers:read")
        return ageing_file(tenant_id=call.tenant_id, at=call.at, time_zone=call.time_zone, named=named)


class DeferredRevenueView(ReportView):
    """`/api/books/deferred-revenue`."""

    @operation(
        "accounts:read",
        "Get the deferred revenue",
        answers={200: DeferredRevenueOutput},
        other_types=[CSV],
        description=(
            "What is invoiced and will be earned later, by month and currency, net of tax. The totals are what stands "
            "on the deferred revenue accounts. As `Accept` prefers it: JSON or CSV, which has decimals and no totals."
        ),
    )
    def get(self, call: Call) -> Answer:
        """What is not recognised yet."""
        rows = deferred_revenue(tenant_id=call.tenant_id)
        totals = deferred_totals(rows)
        return Answer(
            200,
            {
                "at": format_instant(call.at),
                "data": [
                    {"month": f"{row.month:%Y-%m}", "currency": row.currency, "amount": row.amount} for row in rows
                ],
                "totals": [{"currency": currency, "amount": amount} for currency, amount in totals.items()],
            },
        )

    def file(self, call: Call) -> File:
        """What is not recognised yet."""
        return deferred_file(tenant_id=call.tenant_id, at=call.at, time_zone=call.time_zone)


def _age_body(age: Age) -> dict[str, Any]:
    return {
        "currency": age.currency, "invoices": age.invoices, "current": age.current, "days1To30": age.days_1_to_30,
        "days31To60": age.days_31_to_60, "days61To90": age.days_61_to_90, "over90": age.over_90, "total": age.total,
    }  # fmt: skip
