"""Units of a tenant's own."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import IntegrityError, transaction

from accounting.errors import CodeTaken
from accounting.models import Unit
from accounting.models.unit import UNIT_CODE_UNIQUE
from common.constraints import violated_constraint
from common.currencies import EXPONENTS


def create_unit(*, tenant_id: UUID, code: str, exponent: int, at: dt.datetime, name: str | None = None) -> Unit:
    """A new unit, of which accounts count `10 ** exponent` parts.

    Raises `CodeTaken` when the tenant has it or ISO 4217 does.
    """
    if code in EXPONENTS:
        raise CodeTaken(f"{code} is a currency of ISO 4217, which every tenant has.")
    try:
        with transaction.atomic():
            return Unit.objects.create(
                tenant_id=tenant_id, code=code, exponent=exponent, name=name, created_at=at, updated_at=at
            )
    except IntegrityError as refused:
        if violated_constraint(refused) != UNIT_CODE_UNIQUE:
            raise
        raise CodeTaken("A unit with this code already exists.") from refused
