"""After thousands of random invoices, payments, voids and transfers the whole proof passes.

The seed is printed; `LEDGER_SEED=… bin/test tests/invoicing/test_random_trade.py` trades the same again.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from random import Random, SystemRandom

import pytest

from accounting.services.sealing import seal_tenant
from accounting.services.verifying import verify_books
from invoicing.services.verifying import verify_numbering
from invoicing.services.verifying_amounts import verify_amounts
from tenants.scope import tenant_scope
from tests.conftest import RANDOM
from tests.invoicing.trade import Trade

pytestmark = pytest.mark.django_db(transaction=True)
BEGINS = dt.datetime(2026, 1, 5, 10, tzinfo=dt.UTC)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("operations", [400, pytest.param(10_000, marks=pytest.mark.long)])
def test_after_trading_at_random_the_books_prove_themselves(tenant, api, settings_of, time_machine, operations):
    seed = int(os.environ.get("LEDGER_SEED") or (SystemRandom().randrange(2**32) if RANDOM else 1))
    sys.stdout.write(f"LEDGER_SEED={seed}\n")
    settings_of(taxRate=1900)
    trade = Trade(tenant=tenant, api=api, dice=Random(seed), clock=time_machine, begins=BEGINS)
    for _ in range(4):
        trade.run(operations // 4)
        # Only what may be sealed by now: the proof is about the rest as well.
        while seal_tenant(tenant_id=tenant.id, now=trade.now):
            pass
    with tenant_scope(tenant.id):
        verdict, numbering = verify_books(tenant_id=tenant.id), verify_numbering(tenant_id=tenant.id)
        amounts = verify_amounts(tenant_id=tenant.id)
    assert (verdict.findings, numbering.findings, amounts.findings) == ([], [], [])
    done = {name for name, status in trade.seen if status < 300}
    expected = {
        "issue", "finalise", "pay", "void invoice", "mark-uncollectible invoice", "move", "batch", "void transfer",
        "enter", "reserve", "capture", "release", "grant", "revoke grant",
    }  # fmt: skip
    assert expected <= done, trade.seen
    assert verdict.checked["entries"] > operations // 2
