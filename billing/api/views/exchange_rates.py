"""Views of exchange rates."""

from __future__ import annotations

from billing.api.exchange_rates import IN_FORCE_AT, ExchangeRateInput, ExchangeRateOutput
from billing.exchange import recorded_exchange_rates
from billing.representations import exchange_rate_body
from billing.services.exchange_rates import record_exchange_rate
from common.api.filters import currency_filter
from common.api.operation import operation
from tenants.api.view import Answer, Call, TenantView


class ExchangeRatesView(TenantView):
    """`/api/exchange-rates`."""

    @operation(
        "catalogue:read",
        "List exchange rates",
        answers={200: ExchangeRateOutput},
        filters=[currency_filter("from", "from_currency"), currency_filter("to", "to_currency"), IN_FORCE_AT],
        paged=True,
    )
    def get(self, call: Call) -> Answer:
        """Rates, the newest record first; with `at` those in force then."""
        rows = recorded_exchange_rates(tenant_id=call.tenant_id, condition=call.filters())
        return call.listing(rows, exchange_rate_body)

    @operation(
        "catalogue:write", "Record an exchange rate", answers={201: ExchangeRateOutput}, body=ExchangeRateInput,
        refusals={409: ["already_exists"]},
        description=(
            "One unit of `from` is `rate` units of `to`, in major units, from `validFrom` until the next rate of the "
            "two begins. A rate never changes; a correction begins later. The other direction has rates of its own."
        ),
    )  # fmt: skip
    def post(self, call: Call) -> Answer:
        """A new rate."""
        given = dict(call.data)
        recorded = record_exchange_rate(
            tenant_id=call.tenant_id, at=call.at, from_currency=given.pop("from"), to_currency=given.pop("to"), **given
        )
        return Answer(201, exchange_rate_body(recorded))
