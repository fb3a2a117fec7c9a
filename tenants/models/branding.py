"""What a tenant's documents look like, kept so that a document can be made again as it was."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tenants.enums import LogoType
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned


class Logo(TenantOwned):
    """A picture that stands, or once stood, on a tenant's documents. Never changed, and kept while documents name it.

    Only kinds of pictures that cannot carry scripts or references: PNG and JPEG.
    """

    sha256 = models.CharField(max_length=64)  # hexadecimal
    media_type = models.CharField(max_length=16, choices=LogoType.choices)
    width = models.IntegerField()  # pixels
    height = models.IntegerField()
    content = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            TenantIsolation(name="logo_isolation"),
            TenantKey(name="logo_tenant_key"),
            TenantForeignKey(field="tenant", name="logo_tenant"),
            Audited(name="logo_audit", entity="logo", ignored=("content",)),
            models.UniqueConstraint(fields=["tenant", "sha256"], name="logo_unique"),
            models.CheckConstraint(name="logo_media_type_known", condition=Q(media_type__in=LogoType.values)),
            models.CheckConstraint(
                name="logo_size_range", condition=Q(width__range=(1, 2000), height__range=(1, 2000))
            ),
        ]

    def __str__(self) -> str:
        return self.sha256


class SettingsSnapshot(TenantOwned):
    """One version of what the settings contribute to documents: seller, texts, colour, logo, zone, language.

    A trigger on the settings writes it with each version, and nobody else can; it never changes. Documents name the
    version they were issued under. It holds no secrets. Version 0 stands for documents that are older than snapshots.
    """

    version = models.IntegerField()
    data = models.JSONField()

    class Meta:
        constraints = [
            TenantIsolation(name="snapshot_isolation"),
            TenantForeignKey(field="tenant", name="snapshot_tenant"),
            models.UniqueConstraint(fields=["tenant", "version"], name="snapshot_unique"),
        ]

    def __str__(self) -> str:
        return f"Settings of {self.tenant_id}, version {self.version}"
