"""What the catalogue refers to outside of itself: applications, and meters."""

from __future__ import annotations

from uuid import UUID

from common.errors import NotFound
from tenants.selectors import find_application


def require_application(*, tenant_id: UUID, application_id: UUID | None) -> None:
    """Raises `NotFound` (path `applicationId`) when one is named that does not exist."""
    if application_id is not None and find_application(tenant_id=tenant_id, application_id=application_id) is None:
        raise NotFound(path="applicationId")


def require_no_meter(meter_id: UUID | None) -> None:
    """Raises `NotFound` (path `meterId`) when one is named: tenants have no meters, so that none exists."""
    if meter_id is not None:
        raise NotFound("There is no such meter.", path="meterId")
