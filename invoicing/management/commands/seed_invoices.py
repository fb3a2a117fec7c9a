"""`seed_invoices`: many invented invoices in a test tenant."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import asdict
from typing import Any

from django.core.management import CommandError, CommandParser

from invoicing.services.seeding import seed_invoices
from tenants.management.base import OperatorCommand, TenantName, days, positive, real_now, resolve_tenant
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.selectors import all_tenants
from tenants.services.settings import update_settings
from tenants.services.tenants import create_tenant


class Command(OperatorCommand):
    """Fills a tenant for tests of size and for trying the back office out."""

    help = (
        "Fill a test tenant with invented customers, products, payments and invoices in all states, to see how things "
        "look and how fast they are with many. The invoices are numbered, digested and chained like real ones, so that "
        "verify_numbering proves them; nobody is mailed about them and no subscriber is called. Invoices are never "
        "deleted: that is why a tenant that is not a test tenant needs --yes."
    )
    examples = """
        manage.py seed_invoices --count 2000
        manage.py seed_invoices --tenant sandbox --count 1000000 --days 1095
    """

    def add_options(self, parser: CommandParser) -> None:
        """Where, how many, since when."""
        parser.add_argument("--tenant", help="Slug or id (tnt_…) of the tenant. Without it: a new test tenant.")
        parser.add_argument("--count", type=positive, default=2_000, help="Number of invoices (2,000).")
        parser.add_argument("--days", type=days, default=730, help="The first is that many days old (730).")
        parser.add_argument("--seed", type=int, default=1, help="Another number draws other names and amounts (1).")
        parser.add_argument("--yes", action="store_true", help="Also in a tenant that is not a test tenant.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Find or make the tenant and fill it."""
        now = real_now()
        start = now - dt.timedelta(days=options["days"])
        tenant = self._tenant(options["tenant"], sure=options["yes"], start=start)
        count = options["count"]
        began = time.monotonic()
        seeded = seed_invoices(
            context=self.context(tenant.id, reason="Invented data"), count=count, start=start, now=now,
            seed=options["seed"],
            progress=lambda done: self.progress(f"{tenant.slug}: {done:,} of {count:,} invoices"),
        )  # fmt: skip
        seconds = time.monotonic() - began
        return {
            "tenant": tenant.slug, "tenantId": tenant.type_id, **asdict(seeded), "seconds": round(seconds, 1),
            "perSecond": round(count / seconds),
        }  # fmt: skip

    def _tenant(self, named: str | None, *, sure: bool, start: dt.datetime) -> TenantName:
        if named is None:
            return _new_tenant(start)
        tenant = resolve_tenant(named)
        with tenant_scope(self.context(tenant.id)):
            is_test = Tenant.objects.get(id=tenant.id).is_test
        if not (is_test or sure):
            raise CommandError(
                f"{tenant.slug} is not a test tenant, and invoices are never deleted. Say --yes to fill it anyway, or "
                "leave --tenant out to fill a new test tenant."
            )
        return tenant


def _new_tenant(start: dt.datetime) -> TenantName:
    taken = {slug for _, slug in all_tenants()}
    names = ["seeded", *(f"seeded-{number}" for number in range(2, len(taken) + 3))]
    slug = next(name for name in names if name not in taken)
    tenant = create_tenant(slug=slug, name="Seeded Ltd", at=start, actor="command:seed_invoices", is_test=True)
    with tenant_scope(tenant.id):
        changes = {"time_zone": "Europe/Berlin", "tax_rate": 1900, "tax_label": "VAT"}
        update_settings(tenant_id=tenant.id, changes=changes, at=start)
    return TenantName(tenant.id, slug)
