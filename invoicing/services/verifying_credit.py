"""Proving that what customers paid with credit is what their wallets lost."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import connection

from billing.enums import PaymentMethodKind
from common.ids import encode_id
from common.prefixes import PAYMENT
from invoicing import posting_rules as rules
from invoicing.services.verifying_facts import Found

# What a payment with credit took from wallets of its customer and gave back; money never touches one.
_CREDIT: Final = f"""
WITH posted AS MATERIALIZED (
    SELECT e.id, e.source_id, CASE e.kind WHEN '{rules.CREDIT_USED}' THEN 'debit' ELSE 'credit' END AS side
    FROM accounting_journalentry e
    WHERE e.tenant_id = %(tenant)s AND e.kind IN ('{rules.CREDIT_USED}', '{rules.CREDIT_RETURNED}')
), moved AS MATERIALIZED (
    SELECT p.id, COALESCE(sum(l.amount) FILTER (WHERE l.side = 'debit'), 0) AS used,
        COALESCE(sum(l.amount) FILTER (WHERE l.side = 'credit'), 0) AS returned
    FROM posted
    JOIN billing_payment p ON p.tenant_id = %(tenant)s AND p.id = posted.source_id
    JOIN accounting_journalline l ON l.tenant_id = %(tenant)s AND l.entry_id = posted.id AND l.side = posted.side
    JOIN accounting_account a ON a.tenant_id = %(tenant)s AND a.id = l.account_id
    WHERE a.is_wallet AND a.owner_id = p.customer_id AND a.currency = p.currency
    GROUP BY p.id
), told AS MATERIALIZED (
    SELECT p.id, p.amount AS used, p.amount_refunded AS returned FROM billing_payment p
    WHERE p.tenant_id = %(tenant)s AND p.status = 'succeeded' AND p.method = '{PaymentMethodKind.CREDIT}'
)
SELECT id, COALESCE(m.used, 0), COALESCE(m.returned, 0), COALESCE(t.used, 0), COALESCE(t.returned, 0)
FROM moved m FULL JOIN told t USING (id)
WHERE COALESCE(m.used, 0) <> COALESCE(t.used, 0) OR COALESCE(m.returned, 0) <> COALESCE(t.returned, 0)
ORDER BY id
"""  # noqa: S608


def credit_is_taken_from_wallets(*, tenant_id: UUID) -> Found:
    """Every payment with credit took its amount from a wallet of its customer and gave back what it says it did.

    Nothing else did: what customers paid with credit is what `payment.credit_used` debited to wallets.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CREDIT, {"tenant": tenant_id})
        for payment_id, used, returned, paid, refunded in cursor.fetchall():
            yield (
                encode_id(PAYMENT, payment_id),
                f"the payment says that {paid} of credit were used and {refunded} given back, but wallets of its "
                f"customer lost {used} and got {returned}",
            )
