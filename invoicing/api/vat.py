"""The view of verifying a customer's VAT number. It is served here because the contract says so (record 23)."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework import serializers

from billing.enums import VatSource, VatStatus
from billing.errors import VatIdMissing
from billing.representations import vat_body
from billing.selectors import get_customer, vat_evidence
from billing.services.vat_checks import Outcome, verify_vat_number
from common.api.operation import operation
from common.clock import SystemClock
from common.prefixes import CUSTOMER
from tenants import idempotency
from tenants.api.view import Answer, Call, TenantView, guard_of, path_id
from tenants.scope import tenant_scope


class EvidenceOutput(serializers.Serializer[Any]):
    """What the status rests on."""

    source = serializers.ChoiceField(choices=VatSource.values)  # type: ignore[assignment]
    request_identifier = serializers.CharField(allow_null=True, help_text="VIES's proof that it was asked.")
    request_date = serializers.DateTimeField(allow_null=True, help_text="When VIES answered, in its own words.")
    requester = serializers.CharField(allow_null=True, help_text="The tenant's own number, where it was named to VIES.")
    name = serializers.CharField(allow_null=True)
    address = serializers.CharField(allow_null=True)
    error = serializers.CharField(
        allow_null=True,
        help_text="What the check digits refuse, or why the latest check brought no verdict: `vies_ms_unavailable`, …",
    )


class VerificationOutput(serializers.Serializer[Any]):
    """What is known of a VAT number."""

    vat_id = serializers.CharField()
    status = serializers.ChoiceField(choices=VatStatus.values)
    checked_at = serializers.DateTimeField(allow_null=True)
    evidence = EvidenceOutput(allow_null=True)


class VerifyVatView(TenantView):
    """`/api/customers/{id}/verify-vat`."""

    @operation(
        "customers:write",
        "Verify the VAT number of a customer",
        answers={200: VerificationOutput},
        refusals={409: ["customer_erased", "vat_id_missing"]},
        description=(
            "By its check digits, then by VIES. While VIES or the member's register cannot be reached, the status "
            "stays what it was, `evidence.error` says why, and the number is asked about again until a verdict comes."
        ),
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """What is known, once it has been asked about."""
        customer = get_customer(tenant_id=call.tenant_id, customer_id=path_id(CUSTOMER, id))
        if not customer.vat_id:
            raise VatIdMissing()  # it was taken away meanwhile
        standing, newest = vat_evidence(customer)
        return Answer(200, vat_body(customer, standing=standing, newest=newest))

    def run(self, call: Call, key: str | None) -> HttpResponse:
        """Ask before the transaction of the answer is open, and not at all where the answer is stored already."""
        now = SystemClock().now()
        with tenant_scope(call.context):
            self.validate(call)
            known = key is not None and idempotency.find_answer(guard_of(call, key), now=now) is not None
        if not known:
            customer_id = path_id(CUSTOMER, self.kwargs["id"])
            outcome = verify_vat_number(context=call.context, customer_id=customer_id, at=call.at, now=now)
            if outcome is Outcome.BUSY:
                key = None  # what somebody else is still finding out is not the answer to keep
        return super().run(call, key)
