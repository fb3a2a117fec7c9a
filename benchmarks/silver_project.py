"""The smallest project around django-silver; runs in silver's environment (Django 3.2), as a worker or to `prepare`."""

from __future__ import annotations

import random
import sys
import time
from typing import Any

import django
from django.conf import settings

from benchmarks.peer_settings import database
from benchmarks.workers import answer_of_worker, plan_of_worker

PROVIDERS = 4
CUSTOMERS = 50


def configure(url: str) -> None:
    """Settings, on the database of `url`."""
    settings.configure(
        SECRET_KEY="benchmark",
        USE_TZ=True,
        DATABASES={"default": database(url)},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_fsm", "silver"],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        SILVER_DEFAULT_DUE_DAYS=30,
        SILVER_PAYMENT_TOKEN_SECRET="benchmark",
        SILVER_AUTOMATICALLY_CREATE_TRANSACTIONS=False,
        SILVER_DOCUMENT_PREFIX="documents/",
        PAYMENT_PROCESSORS={},
    )
    django.setup()


def prepare() -> None:
    """Tables, providers and customers."""
    from django.core.management import call_command
    from silver.models import Customer, Provider

    call_command("migrate", verbosity=0)
    for index in range(PROVIDERS):
        Provider.objects.create(
            name=f"Provider {index}", company=f"Company {index}", address_1="1 High Street", country="AT",
            city="Vienna", flow="invoice", invoice_series=f"INV{index}", invoice_starting_number=1,
        )  # fmt: skip
    for index in range(CUSTOMERS):
        Customer.objects.create(
            first_name="Buyer", last_name=str(index), address_1="1 High Street", country="AT", city="Vienna",
            currency="EUR", sales_tax_percent="20.00",
        )  # fmt: skip


def issue(provider: Any, customer: Any, dice: random.Random) -> None:
    """An invoice of three entries, created and issued in one transaction."""
    from django.db import transaction
    from silver.models import DocumentEntry, Invoice

    with transaction.atomic():
        invoice = Invoice.objects.create(provider=provider, customer=customer, currency="EUR")
        for description in ("Consulting, per hour", "Hosting, per month", "Travel"):
            DocumentEntry.objects.create(
                invoice=invoice, description=description, quantity=dice.randint(1, 5),
                unit_price=dice.randint(1, 500), prorated=False,
            )  # fmt: skip
        invoice.issue()
        invoice.save()


def main() -> None:
    """One worker: invoices of one provider, one after the other."""
    plan = plan_of_worker()
    configure(plan["url"])
    from silver.models import Customer, Provider

    dice = random.Random()
    provider = Provider.objects.order_by("id")[plan["provider"]]
    customers = list(Customer.objects.all())
    latencies, errors, first_error = [], 0, ""
    time.sleep(max(0.0, plan["begin"] - time.monotonic()))
    while (asked_at := time.monotonic()) < plan["end"]:
        try:
            issue(provider, dice.choice(customers), dice)
        except Exception as problem:
            errors, first_error = errors + 1, first_error or repr(problem)
            continue
        answered_at = time.monotonic()
        if asked_at >= plan["start"] and answered_at <= plan["end"]:
            latencies.append(answered_at - asked_at)
    if first_error:
        sys.stderr.write(first_error + "\n")
    answer_of_worker(latencies=latencies, errors=errors)


if __name__ == "__main__":
    if sys.argv[1:2] == ["prepare"]:
        configure(sys.argv[2])
        prepare()
    else:
        main()
