"""The seller of a document: what one version of the settings contributes to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Seller:
    """Who bills, in which zone and language, and how its documents look."""

    name: str
    address: Mapping[str, Any] | None
    vat_id: str | None
    locale: str
    time_zone: str
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by language: intro, footer
    brand_color: str | None = None
    logo: str | None = None  # its SHA-256, hexadecimal


@dataclass(frozen=True, slots=True)
class LogoPicture:
    """The logo itself."""

    content: bytes
    media_type: str
    width: int
    height: int


def seller_from(snapshot: Mapping[str, Any]) -> Seller:
    """The seller of a snapshot's data (`tenants.models.SettingsSnapshot`)."""
    return Seller(
        name=snapshot["seller_name"], address=snapshot["address"], vat_id=snapshot["vat_id"],
        locale=snapshot["locale"], time_zone=snapshot["time_zone"], texts=snapshot["invoice_texts"],
        brand_color=snapshot["brand_color"], logo=snapshot["logo"],
    )  # fmt: skip
