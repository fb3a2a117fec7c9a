"""Tax rates from the file of a catalogue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from billing.models import TaxRate
from billing.services.tax_rates import create_tax_rate, update_tax_rate
from billing.tax_selectors import tax_rates
from billing.taxation import region_key
from common.errors import InvalidRequest, Problem


def import_tax_rates(
    entries: Sequence[Mapping[str, Any]], *, tenant_id: UUID, at: dt.datetime, note: Callable[[str], None],
    place: Callable[[str], AbstractContextManager[None]],
) -> None:  # fmt: skip
    """Make the rates of the file that are missing, and change label and end of those that are there.

    A rate is known by its country, region, category and beginning. `note` hears what became of each, `place` says where
    in the file a refusal belongs. What is there is changed first, so that its end makes room for what follows it.
    """
    standing = {_key(one.country, one.region, one.category, one.valid_from): one for one in _kept(tenant_id)}
    missing = []
    for index, entry in enumerate(entries):
        row = standing.get(_key(entry["country"], entry.get("region"), entry["category"], entry["valid_from"]))
        if row is None:
            missing.append((index, entry))
            continue
        with place(f"taxRates[{index}]"):
            note(_changed(row, entry, at=at))
    for index, entry in missing:
        with place(f"taxRates[{index}]"):
            create_tax_rate(tenant_id=tenant_id, at=at, **entry)
            note("created")


def _changed(row: TaxRate, entry: Mapping[str, Any], *, at: dt.datetime) -> str:
    if row.rate != entry["rate"]:
        raise InvalidRequest([Problem("rate", "invalid", "The rate exists, and it never changes. End it first.")])
    wanted = {"label": entry["label"], "valid_until": entry.get("valid_until")}
    if all(getattr(row, name) == value for name, value in wanted.items()):
        return "unchanged"
    update_tax_rate(tenant_id=row.tenant_id, rate_id=row.id, at=at, changes=wanted)
    return "changed"


def _kept(tenant_id: UUID) -> list[TaxRate]:
    """Rates that were not withdrawn: of each key at most one."""
    return [one for one in tax_rates(tenant_id=tenant_id) if one.valid_until != one.valid_from]


def _key(country: str, region: str | None, category: str, valid_from: dt.datetime) -> tuple[Any, ...]:
    return country, region_key(country, region), category, valid_from
