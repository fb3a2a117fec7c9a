"""Creating, changing, archiving and deleting features."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, IntegrityError, transaction

from billing.enums import FeatureCommand, FeatureStatus, FeatureType
from billing.errors import FeatureArchived, FeatureExists, FeatureInUse
from billing.models import Feature
from billing.models.feature import FEATURE_KEY_UNIQUE
from billing.selectors import lock_feature
from billing.services.references import require_application, require_no_meter
from billing.transitions import apply_feature_transition
from common.constraints import violated_constraint
from common.errors import InvalidRequest, Problem
from common.metadata import merged_metadata
from tenants.registries import reasons_in_use

UNLIMITED = -1


def create_feature(
    *, tenant_id: UUID, at: dt.datetime, key: str, name: str, type: str, application_id: UUID | None = None,  # noqa: A002
    meter_id: UUID | None = None, default_limit: int | None = None, unit: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Feature:  # fmt: skip
    """A new feature, global without an application.

    Raises `InvalidRequest` for the limit of a boolean feature, `NotFound` for an application or a meter that does not
    exist, `FeatureExists`.
    """
    _require_counted(type, default_limit)
    require_application(tenant_id=tenant_id, application_id=application_id)
    require_no_meter(meter_id)
    feature = Feature(
        tenant_id=tenant_id, application_id=application_id, key=key, name=name, type=type, default_limit=default_limit,
        unit=unit, metadata=dict(metadata or {}), created_at=at, updated_at=at,
    )  # fmt: skip
    try:
        with transaction.atomic():
            feature.save(force_insert=True)
    except IntegrityError as refused:
        if violated_constraint(refused) != FEATURE_KEY_UNIQUE:
            raise
        raise FeatureExists() from refused
    return feature


def update_feature(*, tenant_id: UUID, feature_id: UUID, at: dt.datetime, changes: Mapping[str, Any]) -> Feature:
    """The feature with `changes` (`name, default_limit, unit, metadata`; None clears, metadata are merged).

    Versions of plans keep the limits they were written with. Raises `NotFound`, `FeatureArchived`, `InvalidRequest`.
    """
    changed = dict(changes)
    feature = lock_feature(tenant_id=tenant_id, feature_id=feature_id)
    require_no_meter(changed.pop("meter_id", None))
    if "metadata" in changed:
        changed["metadata"] = merged_metadata(feature.metadata, changed["metadata"])
    _require_counted(feature.type, changed.get("default_limit"))
    differing = {name: value for name, value in changed.items() if getattr(feature, name) != value}
    if not differing:
        return feature
    if feature.status == FeatureStatus.ARCHIVED:
        raise FeatureArchived()
    for name, value in differing.items():
        setattr(feature, name, value)
    feature.updated_at = at
    feature.save(update_fields=[*differing, "updated_at"])
    return feature


def archive_feature(*, tenant_id: UUID, feature_id: UUID, at: dt.datetime) -> Feature:
    """The feature, which enters no plan and no price any more. Repeating it changes nothing. Raises `NotFound`."""
    feature = lock_feature(tenant_id=tenant_id, feature_id=feature_id)
    if feature.status != FeatureStatus.ARCHIVED:
        apply_feature_transition(feature, FeatureCommand.ARCHIVE, at=at)
        feature.save(update_fields=["status", "updated_at"])
    return feature


def delete_feature(*, tenant_id: UUID, feature_id: UUID) -> None:
    """Remove a feature that nothing refers to. Raises `NotFound`, `FeatureInUse`."""
    feature = lock_feature(tenant_id=tenant_id, feature_id=feature_id)
    reasons = reasons_in_use("feature", tenant_id=tenant_id, object_id=feature_id)
    if reasons:
        raise FeatureInUse(reasons)
    try:
        with transaction.atomic():
            # Foreign keys decide, whoever refers to it; Django's collector would ask each table first.
            Feature.objects.filter(tenant_id=tenant_id, id=feature.id)._raw_delete(DEFAULT_DB_ALIAS)
    except IntegrityError as refused:
        raise FeatureInUse() from refused


def _require_counted(type: str, limit: int | None) -> None:  # noqa: A002
    if type == FeatureType.BOOLEAN and limit is not None:
        raise InvalidRequest([Problem("defaultLimit", "invalid", "A feature of the type boolean has no limit.")])
