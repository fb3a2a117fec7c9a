"""Recording exchange rates."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction

from billing.errors import ExchangeRateExists
from billing.models import ExchangeRate
from billing.models.exchange_rate import EXCHANGE_RATE_UNIQUE
from common.constraints import violated_constraint
from common.errors import InvalidRequest, Problem


def record_exchange_rate(
    *, tenant_id: UUID, at: dt.datetime, from_currency: str, to_currency: str, rate: Decimal, valid_from: dt.datetime,
    source: str | None = None,
) -> ExchangeRate:  # fmt: skip
    """What one unit of `from_currency` is in `to_currency` from `valid_from` on, which may lie in the past or ahead.

    Documents that were made keep the rate they were made with. Raises `InvalidRequest` for a currency and itself,
    `ExchangeRateExists` for the second rate from the same instant on.
    """
    if from_currency == to_currency:
        raise InvalidRequest([Problem("to", "invalid", "Expected another currency than that of from.")])
    recorded = ExchangeRate(
        tenant_id=tenant_id, from_currency=from_currency, to_currency=to_currency, rate=rate, valid_from=valid_from,
        source=source, created_at=at,
    )  # fmt: skip
    try:
        with transaction.atomic():
            recorded.save(force_insert=True)
    except IntegrityError as refused:
        if violated_constraint(refused) != EXCHANGE_RATE_UNIQUE:
            raise
        raise ExchangeRateExists() from refused
    return recorded
