"""Which exchange rate is in force when. Each read needs the tenant's scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.models import ExchangeRate

# Each pair steps into the index once, however long the history of its rates is.
_IN_FORCE = """
SELECT found.* FROM unnest(%s::text[], %s::text[]) AS wanted (source, target) CROSS JOIN LATERAL (
    SELECT r.* FROM billing_exchangerate r
    WHERE r.tenant_id = %s AND r.from_currency = wanted.source AND r.to_currency = wanted.target AND r.valid_from <= %s
    ORDER BY r.valid_from DESC LIMIT 1
) AS found
"""


def exchange_rate(*, tenant_id: UUID, source: str, target: str, at: dt.datetime) -> ExchangeRate | None:
    """The rate from `source` to `target` in force at an instant: the latest that has begun. None where there is none.

    The rate of the other direction does not count: its reciprocal is no rate that anybody has set.
    """
    return exchange_rates(tenant_id=tenant_id, pairs=[(source, target)], at=at).get((source, target))


def exchange_rates(
    *, tenant_id: UUID, pairs: Iterable[tuple[str, str]], at: dt.datetime
) -> dict[tuple[str, str], ExchangeRate]:
    """The rates in force at an instant by (source, target), in one query. Pairs that have none are missing."""
    wanted = sorted(set(pairs))
    if not wanted:
        return {}
    sources, targets = [source for source, _ in wanted], [target for _, target in wanted]
    found = ExchangeRate.objects.raw(_IN_FORCE, [sources, targets, tenant_id, at])
    return {(rate.from_currency, rate.to_currency): rate for rate in found}


def recorded_exchange_rates(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[ExchangeRate]:
    """The tenant's rates that meet `condition`, past and future ones too, in no particular order."""
    return ExchangeRate.objects.filter(condition or Q(), tenant_id=tenant_id)


def in_force_at(at: dt.datetime) -> Q:
    """The rates in force at an instant: of each two currencies at most one."""
    later = ExchangeRate.objects.filter(
        tenant_id=OuterRef("tenant_id"), from_currency=OuterRef("from_currency"), to_currency=OuterRef("to_currency"),
        valid_from__gt=OuterRef("valid_from"), valid_from__lte=at,
    )  # fmt: skip
    return Q(valid_from__lte=at) & ~Q(Exists(later))
