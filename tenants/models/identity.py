"""Who may call: staff with memberships and tokens, sibling services with keys."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from common.ids import new_id
from tenants.enums import Role
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned, Timestamped
from tenants.scopes import covers


class UserManager(BaseUserManager["User"]):
    """Finds users by their e-mail address."""


class User(AbstractBaseUser, Timestamped):
    """A member of staff, known across tenants; what they may do in a tenant is their membership's role."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.CharField(max_length=254, unique=True)  # lower case
    name = models.CharField(max_length=255, blank=True, default="")
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=True)  # may open the admin

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    # Of the tenant they work in during this request; the back office's middleware sets them.
    scopes: frozenset[str] = frozenset()

    class Meta:
        constraints = [models.CheckConstraint(name="user_email_lower_case", condition=Q(email=Lower("email")))]

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        """For pages."""
        return self.name

    def has_perm(self, permission: str, row: object = None) -> bool:
        """Whether their role in the tenant of this request has a scope (`invoices:write`); there are no groups."""
        return self.is_active and covers(self.scopes, permission)

    def has_module_perms(self, label: str) -> bool:
        """Pages ask for scopes, not for apps."""
        return bool(self.scopes)


class StaffToken(Timestamped):
    """A bearer token of a user, for scripts. Only its digest is stored."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=255)
    digest = models.BinaryField(max_length=32, unique=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Membership(TenantOwned, Timestamped):
    """A user's role in a tenant."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    role = models.CharField(max_length=16, choices=Role.choices)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            TenantIsolation(name="membership_isolation"),
            TenantForeignKey(field="tenant", name="membership_tenant"),
            TenantForeignKey(field="user", name="membership_user"),
            Audited(name="membership_audit", entity="membership"),
            models.UniqueConstraint(fields=["tenant", "user"], name="membership_unique"),
            models.CheckConstraint(name="membership_role_known", condition=Q(role__in=Role.values)),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} as {self.role}"


class ServiceKey(TenantOwned, Timestamped):
    """A sibling service's key. The secret is shown once; its digest finds it. Scopes never change: make a new key."""

    application = models.ForeignKey("tenants.Application", on_delete=models.PROTECT, null=True, db_constraint=False)
    name = models.CharField(max_length=255)
    digest = models.BinaryField(max_length=32, unique=True)
    hint = models.CharField(max_length=24)  # the first characters of the secret, to recognise it
    scopes = ArrayField(models.CharField(max_length=64))
    rate_limit_per_minute = models.IntegerField(null=True)  # null: the server's default
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            TenantIsolation(name="service_key_isolation"),
            TenantKey(name="service_key_tenant_key"),
            TenantForeignKey(field="tenant", name="service_key_tenant"),
            TenantForeignKey(field="application", name="service_key_application"),
            Audited(name="service_key_audit", entity="serviceKey", hidden=("digest",)),
            models.CheckConstraint(
                name="service_key_rate_positive",
                condition=Q(rate_limit_per_minute__isnull=True) | Q(rate_limit_per_minute__gte=1),
            ),
        ]

    def __str__(self) -> str:
        return self.name
