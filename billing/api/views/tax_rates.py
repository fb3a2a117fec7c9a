"""Views of tax rates."""

from __future__ import annotations

from billing.api.tax_rates import FILTERS, TaxRateChange, TaxRateInput, TaxRateOutput
from billing.representations import tax_rate_body
from billing.services.tax_rates import create_tax_rate, update_tax_rate
from billing.tax_selectors import get_tax_rate, tax_rates
from common.api.operation import operation
from common.ids import encode_id
from common.prefixes import TAX_RATE
from tenants.api.view import Answer, Call, TenantView, path_id


class TaxRatesView(TenantView):
    """`/api/tax-rates`."""

    @operation(
        "catalogue:read", "List tax rates", answers={200: TaxRateOutput}, filters=FILTERS, paged=True,
        description="Of all times; with `at` those in force then.",
    )  # fmt: skip
    def get(self, call: Call) -> Answer:
        """Tax rates, newest first."""
        return call.listing(tax_rates(tenant_id=call.tenant_id, condition=call.filters()), tax_rate_body)

    @operation(
        "catalogue:write", "Create a tax rate", answers={201: TaxRateOutput}, body=TaxRateInput,
        refusals={409: ["overlapping_tax_rate"]},
        description="It applies to what is issued from `validFrom` on. Documents keep the rates they were issued with.",
    )  # fmt: skip
    def post(self, call: Call) -> Answer:
        """A new rate."""
        rate = create_tax_rate(tenant_id=call.tenant_id, at=call.at, **call.data)
        return Answer(201, tax_rate_body(rate), location=f"/api/tax-rates/{encode_id(TAX_RATE, rate.id)}")


class TaxRateView(TenantView):
    """`/api/tax-rates/{id}`."""

    @operation("catalogue:read", "Get a tax rate", answers={200: TaxRateOutput})
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """One rate."""
        return Answer(200, tax_rate_body(get_tax_rate(tenant_id=call.tenant_id, rate_id=path_id(TAX_RATE, id))))

    @operation(
        "catalogue:write", "Update a tax rate", answers={200: TaxRateOutput}, body=TaxRateChange, partial=True,
        refusals={409: ["overlapping_tax_rate", "tax_rate_in_force"]},
        description=(
            "Its end moves while it lies ahead, and never into the past. A rate that has not begun is withdrawn by "
            "ending it where it begins. For another rate end this one and make a new one."
        ),
    )  # fmt: skip
    def patch(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Change what is given; null leaves it open."""
        rate = update_tax_rate(
            tenant_id=call.tenant_id, rate_id=path_id(TAX_RATE, id), at=call.at, changes=call.data
        )  # fmt: skip
        return Answer(200, tax_rate_body(rate))
