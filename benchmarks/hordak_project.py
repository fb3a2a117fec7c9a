"""The smallest project around django-hordak; runs in hordak's environment, as a worker or to `prepare`."""

from __future__ import annotations

import random
import sys
import time

import django
from django.conf import settings

from benchmarks.peer_settings import database
from benchmarks.workers import answer_of_worker, plan_of_worker

ACCOUNTS = 1_000


def configure(url: str) -> None:
    """Settings, on the database of `url`."""
    settings.configure(
        SECRET_KEY="benchmark",
        USE_TZ=True,
        DATABASES={"default": database(url)},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "mptt", "djmoney", "hordak"],
        DEFAULT_CURRENCY="EUR",
        CURRENCIES=["EUR"],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    django.setup()


def prepare() -> None:
    """Tables and accounts."""
    from django.core.management import call_command
    from hordak.models import Account, AccountType

    call_command("migrate", verbosity=0)
    for number in range(ACCOUNTS):
        Account.objects.create(
            name=f"Account {number}", code=f"{number:04}", type=AccountType.liability, currencies=["EUR"]
        )


def main() -> None:
    """One worker: transfers between accounts by chance, one after the other, each in a transaction."""
    plan = plan_of_worker()
    configure(plan["url"])
    from django.db import transaction
    from hordak.models import Account
    from moneyed import Money

    dice = random.Random()
    accounts = list(Account.objects.all())
    latencies: list[float] = []
    time.sleep(max(0.0, plan["begin"] - time.monotonic()))
    while (asked_at := time.monotonic()) < plan["end"]:
        source, target = dice.sample(accounts, 2)
        with transaction.atomic():
            source.transfer_to(target, Money(dice.randint(1, 1000), "EUR"))
        answered_at = time.monotonic()
        if asked_at >= plan["start"] and answered_at <= plan["end"]:
            latencies.append(answered_at - asked_at)
    answer_of_worker(latencies=latencies, errors=0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["prepare"]:
        configure(sys.argv[2])
        prepare()
    else:
        main()
