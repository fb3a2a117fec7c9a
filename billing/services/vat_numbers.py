"""VAT numbers as customers get them: judged by their check digits at once, and to be asked about where those fit."""

from __future__ import annotations

import datetime as dt
from typing import Any

from billing.enums import VatSource, VatStatus
from billing.models import Customer, VatCheck, VatVerification
from billing.tax_numbers import VatNumber, read_vat_number


def status_offline(vat_id: str | None) -> str | None:
    """The status of a number that nobody was asked about: None for none, invalid when it cannot be a member's."""
    if not vat_id:
        return None
    number = read_vat_number(vat_id)
    wrong = number is not None and number.problem is not None
    return VatStatus.INVALID.value if wrong else VatStatus.UNVERIFIED.value


def follow_vat_number(customer: Customer, *, at: dt.datetime, changed: bool = False) -> None:
    """A customer was given a number, or another one (`changed`), in this transaction: write down what follows.

    What its check digits refuse is evidence; a number that may exist will be asked about by the sweep.
    """
    if changed:
        forget_verification(customer)
    number = read_vat_number(customer.vat_id)
    if number is None:
        return
    if number.problem is not None:
        record_offline(customer, number, at=at)
    else:
        VatVerification.objects.create(tenant_id=customer.tenant_id, customer_id=customer.id)


def record_offline(
    customer: Customer, number: VatNumber | None, *, at: dt.datetime, otherwise: str = "not_a_number_of_the_eu"
) -> VatCheck:
    """The evidence of a judgement that needed nobody else; `otherwise` is why there is none where digits are fine."""
    problem = number.problem if number else None
    return record_check(
        customer, number, at=at, source=VatSource.CHECKSUM,
        status=VatStatus.INVALID if problem else VatStatus.UNVERIFIED, error=problem.value if problem else otherwise,
    )  # fmt: skip


def record_check(customer: Customer, number: VatNumber | None, *, at: dt.datetime, **found: Any) -> VatCheck:
    """One row of evidence, by column. A number of no member is kept as it was written."""
    written = str(number) if number else customer.vat_id
    return VatCheck.objects.create(
        tenant_id=customer.tenant_id, customer_id=customer.id, number=written, checked_at=at, **found
    )


def forget_verification(customer: Customer) -> None:
    """Ask nobody about the customer's number any more."""
    VatVerification.objects.filter(tenant_id=customer.tenant_id, customer_id=customer.id).delete()
