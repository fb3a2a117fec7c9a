"""Views of seals."""

from __future__ import annotations

from accounting.api.parameters import PAGE_FILTERS, parameters_of
from accounting.api.seal_bodies import seal_body, seal_with_proofs_body
from accounting.api.serializers.seals import SealOutput, SealWithProofsOutput
from accounting.proofs import Subject, get_seal, proofs_of, seals
from common.api.filters import id_filter
from common.api.operation import operation
from common.api.pagination import decode_cursor, encode_cursor, read_limit
from common.prefixes import ACCOUNT, INVOICE, SEAL
from tenants.api.view import Answer, Call, TenantView, path_id

_POSITION_BYTES = 4
_SUBJECT = [id_filter("accountId", ACCOUNT), id_filter("invoiceId", INVOICE)]


class SealsView(TenantView):
    """`/api/seals`."""

    @operation(
        "accounts:read",
        "List seals",
        answers={200: SealOutput},
        filters=_SUBJECT,
        paged=True,
        description=(
            "The chain of seals over the journal. With a filter only those that cover an entry of that account, or one "
            "about that invoice."
        ),
    )
    def get(self, call: Call) -> Answer:
        """Seals, newest first."""
        return call.listing(seals(tenant_id=call.tenant_id, subject=_subject(call)), seal_body)


class SealView(TenantView):
    """`/api/seals/{id}`."""

    @operation(
        "accounts:read",
        "Get a seal with proofs",
        answers={200: SealWithProofsOutput},
        filters=[*_SUBJECT, *PAGE_FILTERS],
        description=(
            "A seal, and proofs that entries are in it: of all, of those of an account, or of those about an invoice. "
            "`docs/auditing/verify_seals.py` checks a saved answer without Ledger."
        ),
    )
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Proofs by their position."""
        seal = get_seal(tenant_id=call.tenant_id, seal_id=path_id(SEAL, id))
        query, path = call.request.GET, call.request.path
        cursor = query.get("cursor")
        after = decode_cursor(cursor, query, path=path, size=_POSITION_BYTES) if cursor is not None else None
        found, last = proofs_of(
            seal, subject=_subject(call), limit=read_limit(query), after=int.from_bytes(after) if after else -1
        )
        more = None if last is None else encode_cursor(last.to_bytes(_POSITION_BYTES), query, path=path)
        return Answer(200, seal_with_proofs_body(seal, found, next_cursor=more))


def _subject(call: Call) -> Subject:
    given = parameters_of(call)
    return Subject(account_id=given.get("account_id"), source_id=given.get("invoice_id"))
