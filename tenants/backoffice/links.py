"""From the kind of an object, as the audit trail names it, to its page."""

from __future__ import annotations

from uuid import UUID

from django.urls import NoReverseMatch, reverse

from tenants.backoffice.site import backoffice


def path_of(kind: str, key: UUID | None) -> str:
    """The page of an object (`invoice`, `serviceKey`), or an empty text when it has none."""
    if key is None:
        return ""
    wanted = kind.lower()
    for model in backoffice._registry:
        if model._meta.model_name in (wanted, f"tenant{wanted}"):
            try:
                return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[key])
            except NoReverseMatch:
                return ""
    return ""
