"""Versions of plans: making drafts, publishing them, taking them out of sale."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from billing.enums import PlanCommand, PlanStatus, VersionStatus
from billing.errors import PlanArchived, VersionOverlap
from billing.models import PlanVersion
from billing.models.plan import VERSION_WINDOWS_APART
from billing.rating.errors import CurrencyDoesNotFit
from billing.selectors import get_plan_version, lock_plan, plan_versions
from billing.services.plan_content import (
    checked_features,
    checked_prices,
    held_features,
    require_grantable,
    write_features,
    write_prices,
)
from billing.services.prices import mark_prices_used
from billing.transitions import apply_deactivation, apply_plan_transition, apply_publication
from common.constraints import violated_constraint
from common.errors import InvalidRequest, Problem
from tenants.scope import state_reason


def create_plan_version(*, tenant_id: UUID, plan_id: UUID, at: dt.datetime, given: Mapping[str, Any]) -> PlanVersion:
    """A new draft. What is not `given` (as `create_plan` takes it) is as in the latest version.

    Raises `NotFound`, `PlanArchived`, `CurrencyDoesNotFit` for another currency than the plan's, and what
    `checked_prices` and `checked_features` raise.
    """
    plan = lock_plan(tenant_id=tenant_id, plan_id=plan_id)
    if plan.status == PlanStatus.ARCHIVED:
        raise PlanArchived()
    if given.get("currency", plan.currency) != plan.currency:
        raise CurrencyDoesNotFit(given["currency"], plan.currency, path="currency")
    latest = plan_versions(tenant_id=tenant_id, plan_id=plan_id).order_by("-number")[0]
    charged: Sequence[UUID] = [one.price_id for one in latest.prices.all()]
    if "prices" in given:
        charged = [price.id for price in checked_prices(tenant_id, given["prices"], currency=plan.currency)]
    granted = list(latest.features.all())
    if "features" in given:
        granted = checked_features(tenant_id, given["features"], application_id=plan.application_id)
    version = PlanVersion.objects.create(
        tenant_id=tenant_id, plan_id=plan_id, number=latest.number + 1, name=given.get("name", plan.name),
        description=given.get("description", plan.description), currency=plan.currency,
        trial_days=given.get("trial_days", latest.trial_days),
        minimum_commitment=given.get("minimum_commitment", latest.minimum_commitment),
        metadata=dict(given.get("metadata", {})), created_at=at, updated_at=at,
    )  # fmt: skip
    write_prices(version, charged)
    write_features(version, granted)
    return version


def publish_plan_version(
    *, tenant_id: UUID, plan_id: UUID, version: int | UUID, at: dt.datetime, starts_at: dt.datetime | None = None,
    ends_at: dt.datetime | None = None,
) -> PlanVersion:  # fmt: skip
    """The version in force from `starts_at` (else from now) until `ends_at`; where another was, it ends there.

    Only the open window of a version that started earlier is closed, and never in the past: what has been in force
    stays so. From now on its prices are in use. The plan is active. Raises `InvalidRequest`, `NotFound`,
    `PlanArchived`, `VersionPublished`, `VersionOverlap`, and for what it holds `PriceInactive`, `CurrencyDoesNotFit`,
    `FeatureArchived`, `ApplicationMismatch`.
    """
    starts = starts_at or at
    if ends_at is not None and ends_at <= starts:
        raise InvalidRequest([Problem("endsAt", "too_small", "Must be after startsAt.")])
    plan = lock_plan(tenant_id=tenant_id, plan_id=plan_id)
    row = get_plan_version(tenant_id=tenant_id, plan_id=plan_id, version=version)
    plan_moved = apply_plan_transition(plan, PlanCommand.PUBLISH, at=at)
    apply_publication(row, starts_at=starts, ends_at=ends_at, at=at)
    charged = checked_prices(tenant_id, [one.price_id for one in row.prices.all()], currency=plan.currency)
    require_grantable(held_features(row), application_id=plan.application_id)
    _make_room(row, at=at)
    mark_prices_used(tenant_id=tenant_id, price_ids=[price.id for price in charged], at=at)
    if plan_moved:
        plan.save(update_fields=["status", "updated_at"])
    try:
        with transaction.atomic():
            row.save(update_fields=["status", "starts_at", "ends_at", "published_at", "updated_at"])
    except IntegrityError as refused:
        if violated_constraint(refused) != VERSION_WINDOWS_APART:
            raise
        raise VersionOverlap() from refused
    return row


def deactivate_plan_version(
    *, tenant_id: UUID, plan_id: UUID, version: int | UUID, reason: str, at: dt.datetime
) -> PlanVersion:
    """The version, which nobody can subscribe to any more; who has it keeps it. Its window ends now.

    Repeating it changes nothing. Raises `NotFound`, `VersionNotPublished` for a draft.
    """
    lock_plan(tenant_id=tenant_id, plan_id=plan_id)
    row = get_plan_version(tenant_id=tenant_id, plan_id=plan_id, version=version)
    if row.status == VersionStatus.DEACTIVATED:
        return row
    # What never came into force keeps an empty window, and what is over already ended when it did.
    ends = max(at, row.starts_at or at)
    if row.ends_at is not None:
        ends = min(ends, row.ends_at)
    apply_deactivation(row, ends_at=ends, reason=reason, at=at)
    state_reason(reason)
    row.save(update_fields=["status", "ends_at", "deactivated_at", "deactivation_reason", "updated_at"])
    return row


def _make_room(row: PlanVersion, *, at: dt.datetime) -> None:
    """End the version before where this one starts, and see that no other is in force in the window."""
    starts, ends = row.starts_at, row.ends_at
    assert starts is not None
    others = PlanVersion.objects.filter(tenant_id=row.tenant_id, plan_id=row.plan_id).exclude(
        status=VersionStatus.DRAFT
    )
    former = others.filter(ends_at__isnull=True, starts_at__lt=starts).first()
    if former is not None and starts >= at:
        former.ends_at, former.updated_at = starts, at
        former.save(update_fields=["ends_at", "updated_at"])
    within = Q(ends_at__isnull=True) | Q(ends_at__gt=starts)
    if ends is not None:
        within &= Q(starts_at__lt=ends)
    other = others.filter(within).exclude(ends_at=F("starts_at")).order_by("starts_at").first()
    if other is not None:
        raise VersionOverlap(f"Version {other.number} of the plan is in force in this time.")
