"""The lives of features, plans and their versions. Only these functions write a status of the catalogue."""

from __future__ import annotations

import datetime as dt

from billing.enums import (
    FeatureCommand,
    FeatureStatus,
    PlanCommand,
    PlanStatus,
    VersionCommand,
    VersionStatus,
)
from billing.errors import PlanArchived, VersionNotPublished, VersionPublished
from billing.models import Feature, Plan, PlanVersion
from common.states import StateMachine, TransitionRefused

FEATURE = StateMachine(
    "feature",
    {(FeatureStatus.ACTIVE, FeatureCommand.ARCHIVE): FeatureStatus.ARCHIVED},
    initial=FeatureStatus.ACTIVE,
)

PLAN = StateMachine(
    "plan",
    {
        (PlanStatus.DRAFT, PlanCommand.PUBLISH): PlanStatus.ACTIVE,
        (PlanStatus.ACTIVE, PlanCommand.PUBLISH): PlanStatus.ACTIVE,
        (PlanStatus.DRAFT, PlanCommand.ARCHIVE): PlanStatus.ARCHIVED,
        (PlanStatus.ACTIVE, PlanCommand.ARCHIVE): PlanStatus.ARCHIVED,
        (PlanStatus.ARCHIVED, PlanCommand.ARCHIVE): PlanStatus.ARCHIVED,
    },
    initial=PlanStatus.DRAFT,
)

PLAN_VERSION = StateMachine(
    "plan version",
    {
        (VersionStatus.DRAFT, VersionCommand.PUBLISH): VersionStatus.PUBLISHED,
        (VersionStatus.PUBLISHED, VersionCommand.DEACTIVATE): VersionStatus.DEACTIVATED,
    },
    initial=VersionStatus.DRAFT,
)


def apply_feature_transition(feature: Feature, command: FeatureCommand, *, at: dt.datetime) -> None:
    """Set the status that `command` leads to. Raises `TransitionRefused`."""
    feature.status = FEATURE.next_state(FeatureStatus(feature.status), command)
    feature.updated_at = at


def apply_plan_transition(plan: Plan, command: PlanCommand, *, at: dt.datetime) -> bool:
    """Set the status that `command` leads to; whether it is another than before. Raises `PlanArchived`."""
    before = plan.status
    try:
        plan.status = PLAN.next_state(PlanStatus(before), command)
    except TransitionRefused as refused:
        raise PlanArchived() from refused
    if plan.status == before:
        return False
    plan.updated_at = at
    return True


def apply_publication(
    version: PlanVersion, *, starts_at: dt.datetime, ends_at: dt.datetime | None, at: dt.datetime
) -> None:
    """A draft is published, with its window. Raises `VersionPublished`."""
    try:
        version.status = PLAN_VERSION.next_state(VersionStatus(version.status), VersionCommand.PUBLISH)
    except TransitionRefused as refused:
        raise VersionPublished() from refused
    version.starts_at, version.ends_at, version.published_at, version.updated_at = starts_at, ends_at, at, at


def apply_deactivation(version: PlanVersion, *, ends_at: dt.datetime, reason: str, at: dt.datetime) -> None:
    """A published version is deactivated, and its window closed. Raises `VersionNotPublished`."""
    try:
        version.status = PLAN_VERSION.next_state(VersionStatus(version.status), VersionCommand.DEACTIVATE)
    except TransitionRefused as refused:
        raise VersionNotPublished() from refused
    version.ends_at, version.deactivated_at, version.deactivation_reason = ends_at, at, reason
    version.updated_at = at
