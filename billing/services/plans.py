"""Creating, changing, archiving and deleting plans."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, IntegrityError, transaction
from django.utils.text import slugify

from billing.enums import PlanCommand, PlanStatus, VersionStatus
from billing.errors import PlanArchived, PlanExists, PlanInUse, PlanPublished
from billing.models import Plan, PlanFeature, PlanPrice, PlanVersion
from billing.models.plan import PLAN_SLUG_UNIQUE
from billing.selectors import lock_plan, plan_versions
from billing.services.plan_content import (
    checked_features,
    checked_prices,
    require_grantable,
    write_features,
    write_prices,
)
from billing.services.references import require_application
from billing.transitions import apply_plan_transition
from common.api.names import camel
from common.constraints import violated_constraint
from common.errors import InvalidRequest, Problem
from common.metadata import merged_metadata
from tenants.registries import reasons_in_use

SLUG_LENGTH: Final = 64
ALWAYS: Final = ("name", "description", "metadata")
"""What of a plan may change after it was published."""
_OF_PLAN = ("name", "slug", "description", "application_id", "currency", "multiple", "metadata")
_OF_VERSION = ("name", "description", "currency", "trial_days", "minimum_commitment")


def create_plan(
    *, tenant_id: UUID, at: dt.datetime, name: str, currency: str, slug: str | None = None,
    description: str | None = None, application_id: UUID | None = None, trial_days: int = 0,
    prices: Sequence[UUID] = (), features: Sequence[Mapping[str, Any]] = (), minimum_commitment: int | None = None,
    multiple: bool = False, metadata: Mapping[str, str] | None = None,
) -> Plan:  # fmt: skip
    """A new plan and its first version, both drafts. Without `slug` it is made from the name.

    Raises `InvalidRequest` when the name gives no slug, `NotFound`, `PlanExists`, and what `checked_prices` and
    `checked_features` raise.
    """
    slug = slug or slug_of(name)
    require_application(tenant_id=tenant_id, application_id=application_id)
    charged = checked_prices(tenant_id, prices, currency=currency)
    granted = checked_features(tenant_id, features, application_id=application_id)
    plan = Plan(
        tenant_id=tenant_id, application_id=application_id, name=name, slug=slug, description=description,
        currency=currency, multiple=multiple, metadata=dict(metadata or {}), created_at=at, updated_at=at,
    )  # fmt: skip
    with slug_taken():
        plan.save(force_insert=True)
    version = PlanVersion.objects.create(
        tenant_id=tenant_id, plan_id=plan.id, number=1, name=name, description=description, currency=currency,
        trial_days=trial_days, minimum_commitment=minimum_commitment, created_at=at, updated_at=at,
    )  # fmt: skip
    write_prices(version, [price.id for price in charged])
    write_features(version, granted)
    return plan


def update_plan(*, tenant_id: UUID, plan_id: UUID, at: dt.datetime, changes: Mapping[str, Any]) -> Plan:
    """The plan with `changes` (as `create_plan` takes them; None clears, metadata are merged).

    Everything of a draft may change, and the latest draft of its versions with it; afterwards only `ALWAYS`. Raises
    `NotFound`, `PlanArchived`, `PlanPublished`, and what `create_plan` raises.
    """
    plan = lock_plan(tenant_id=tenant_id, plan_id=plan_id)
    changed = dict(changes)
    _require_changeable(plan, changed)
    if "metadata" in changed:
        changed["metadata"] = merged_metadata(plan.metadata, changed["metadata"])
    if plan.status == PlanStatus.DRAFT:
        require_application(tenant_id=tenant_id, application_id=changed.get("application_id"))
        _rewrite_draft(plan, changed, at=at)
    with slug_taken():
        _save(plan, {name: value for name, value in changed.items() if name in _OF_PLAN}, at=at)
    return plan


def archive_plan(*, tenant_id: UUID, plan_id: UUID, at: dt.datetime) -> Plan:
    """The plan, which is not sold any more; who has it keeps it. Repeating it changes nothing. Raises `NotFound`."""
    plan = lock_plan(tenant_id=tenant_id, plan_id=plan_id)
    if apply_plan_transition(plan, PlanCommand.ARCHIVE, at=at):
        plan.save(update_fields=["status", "updated_at"])
    return plan


def delete_plan(*, tenant_id: UUID, plan_id: UUID) -> None:
    """Remove a plan of which no version was ever published, with its drafts. Raises `NotFound`, `PlanInUse`."""
    lock_plan(tenant_id=tenant_id, plan_id=plan_id)
    versions = PlanVersion.objects.filter(tenant_id=tenant_id, plan_id=plan_id)
    reasons = reasons_in_use("plan", tenant_id=tenant_id, object_id=plan_id)
    if versions.exclude(status=VersionStatus.DRAFT).exists():
        reasons = ["it has been published", *reasons]
    if reasons:
        raise PlanInUse(reasons)
    content = {"tenant_id": tenant_id, "version__plan_id": plan_id}
    try:
        with transaction.atomic():
            PlanPrice.objects.filter(id__in=PlanPrice.objects.filter(**content).values("id")).delete()
            PlanFeature.objects.filter(id__in=PlanFeature.objects.filter(**content).values("id")).delete()
            # Foreign keys decide, whoever refers to it; Django's collector would ask each table first.
            versions._raw_delete(using=DEFAULT_DB_ALIAS)
            Plan.objects.filter(tenant_id=tenant_id, id=plan_id)._raw_delete(using=DEFAULT_DB_ALIAS)
    except IntegrityError as refused:
        raise PlanInUse() from refused


def slug_of(name: str) -> str:
    """`Pro & more` is `pro-more`. Raises `InvalidRequest` (path `slug`) for a name without a Latin letter or digit."""
    slug = re.sub(r"-+", "-", slugify(name).replace("_", "-"))[:SLUG_LENGTH].strip("-")
    if not slug:
        raise InvalidRequest([Problem("slug", "required", "The name gives no slug. Say one.")])
    return slug


@contextmanager
def slug_taken() -> Iterator[None]:
    """Says so when the block fails because of the slug."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as refused:
        if violated_constraint(refused) != PLAN_SLUG_UNIQUE:
            raise
        raise PlanExists() from refused


def _require_changeable(plan: Plan, changed: Mapping[str, Any]) -> None:
    if plan.status == PlanStatus.ARCHIVED and changed:
        raise PlanArchived()
    final = [camel(name) for name in changed if name not in ALWAYS]
    if plan.status == PlanStatus.ACTIVE and final:
        raise PlanPublished(final)


def _rewrite_draft(plan: Plan, changed: Mapping[str, Any], *, at: dt.datetime) -> None:
    """Bring the latest draft in line; what it holds already must fit a new currency or application too."""
    tenant_id = plan.tenant_id
    version = plan_versions(tenant_id=tenant_id, plan_id=plan.id).order_by("-number")[0]
    currency = changed.get("currency", plan.currency)
    application_id = changed.get("application_id", plan.application_id)
    if "prices" in changed or currency != plan.currency:
        kept = [one.price_id for one in version.prices.all()]
        charged = checked_prices(tenant_id, changed.get("prices", kept) or [], currency=currency)
        write_prices(version, [price.id for price in charged])
    if "features" in changed:
        write_features(version, checked_features(tenant_id, changed["features"] or [], application_id=application_id))
    elif application_id != plan.application_id:
        require_grantable([one.feature for one in version.features.all()], application_id=application_id)
    _save(version, {name: value for name, value in changed.items() if name in _OF_VERSION}, at=at)
    if currency != plan.currency:
        # Older drafts follow; their prices are looked at when they are published.
        PlanVersion.objects.filter(tenant_id=tenant_id, plan_id=plan.id).update(currency=currency)


def _save(row: Any, changes: Mapping[str, Any], *, at: dt.datetime) -> None:
    """Write what really differs."""
    differing = {name: value for name, value in changes.items() if getattr(row, name) != value}
    if not differing:
        return
    for name, value in differing.items():
        setattr(row, name, value)
    row.updated_at = at
    row.save(update_fields=[*differing, "updated_at"])
