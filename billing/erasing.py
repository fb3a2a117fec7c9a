"""What people wrote on payments, and what registers said of VAT numbers.

The customers themselves are erased by `services.erasing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from tenants.erasing import number

_HOLDS_TEXT: Final = "(num_nonnulls(p.reference, p.failure_message) > 0 OR p.metadata <> '{}')"
_AMONG: Final = f"""
    SELECT count(*) FROM billing_payment p WHERE p.tenant_id = %s AND p.id = ANY(%s::uuid[]) AND {_HOLDS_TEXT}
"""  # noqa: S608 - constants of this module
_LEFT: Final = f"""
    SELECT count(*) FROM tenants_erasedobject o JOIN billing_payment p ON p.tenant_id = o.tenant_id AND p.id = o.id
    WHERE o.tenant_id = %s AND {_HOLDS_TEXT}
"""  # noqa: S608

_HOLDS_EVIDENCE: Final = "num_nonnulls(c.number, c.name, c.address) > 0"
_CHECKS_AMONG: Final = f"""
    SELECT count(*) FROM billing_vatcheck c
    WHERE c.tenant_id = %s AND c.customer_id = ANY(%s::uuid[]) AND {_HOLDS_EVIDENCE}
"""  # noqa: S608
_CHECKS_LEFT: Final = f"""
    SELECT count(*) FROM tenants_erasedobject o
    JOIN billing_vatcheck c ON c.tenant_id = o.tenant_id AND c.customer_id = o.id
    WHERE o.tenant_id = %s AND {_HOLDS_EVIDENCE}
"""  # noqa: S608


class PaymentTexts:
    """Reference, message of a failure and metadata go; amounts, method and times stay."""

    def count(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """Payments among the objects that hold texts."""
        return {"payments": number(_AMONG, [tenant_id, list(ids)])}

    def erase(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """Empty them."""
        return {"payments": number("SELECT billing_erase_payments(%s::uuid[])", [list(ids)])}

    def remaining(self, *, tenant_id: UUID) -> Mapping[str, int]:
        """Payments that are marked and still hold texts. An erased customer is empty by a constraint."""
        return {"payments": number(_LEFT, [tenant_id])}


class VatEvidence:
    """Number, name and address go; that it was checked, when, with what result and under which identifier stays."""

    def count(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """Checks of the customers among the objects that hold something."""
        return {"vat_checks": number(_CHECKS_AMONG, [tenant_id, list(ids)])}

    def erase(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """Empty them, and ask nothing any more."""
        return {"vat_checks": number("SELECT billing_erase_vat_checks(%s::uuid[])", [list(ids)])}

    def remaining(self, *, tenant_id: UUID) -> Mapping[str, int]:
        """Checks of marked customers that still hold something."""
        return {"vat_checks": number(_CHECKS_LEFT, [tenant_id])}
