"""Views of journal entries."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import QuerySet

from accounting.api.fields import account_filter, with_line
from accounting.api.serializers.entries import EntryInput, EntryOutput
from accounting.enums import Side
from accounting.models import JournalEntry
from accounting.posting import Posting
from accounting.representations import entry_body
from accounting.selectors import entries, entries_of, get_entry
from accounting.services.entries import post_entry, reverse_entry
from common.api.filters import text_filter
from common.api.operation import operation
from common.api.reasons import ReasonInput
from common.ids import decode_id, encode_id
from common.prefixes import ACCOUNT, JOURNAL_ENTRY
from tenants.api.view import Answer, Call, TenantView, path_id


class EntriesView(TenantView):
    """`/api/entries`."""

    @operation(
        "accounts:read",
        "List entries",
        answers={200: EntryOutput},
        filters=[text_filter("batchId"), account_filter(with_line)],
        paged=True,
    )
    def get(self, call: Call) -> Answer:
        """Entries with their lines, newest first."""
        condition, query = call.filters(), call.request.GET
        if "accountId" in query and "batchId" not in query:
            rows = entries_of(tenant_id=call.tenant_id, account_id=decode_id(ACCOUNT, query["accountId"]))
            return call.listing(cast("QuerySet[Any]", rows), entry_body)
        return call.listing(entries(tenant_id=call.tenant_id, condition=condition), entry_body)

    @operation(
        "accounts:write",
        "Post an entry",
        answers={201: EntryOutput},
        body=EntryInput,
        refusals={
            409: ["already_exists"],
            422: [
                "unbalanced_entry", "insufficient_funds", "account_suspended", "account_closed", "account_reserved",
                "amount_too_large",
            ],
        },
    )  # fmt: skip
    def post(self, call: Call) -> Answer:
        """A new entry of two or more lines."""
        lines = [Posting(one["account_id"], Side(one["side"]), one["amount"]) for one in call.data["lines"]]
        entry = post_entry(tenant_id=call.tenant_id, at=call.at, **{**call.data, "lines": lines})
        return Answer(201, entry_body(entry), location=location_of(entry))


class EntryView(TenantView):
    """`/api/entries/{id}`."""

    @operation("accounts:read", "Get an entry", answers={200: EntryOutput})
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """One entry."""
        return Answer(200, entry_body(get_entry(tenant_id=call.tenant_id, entry_id=path_id(JOURNAL_ENTRY, id))))


class EntryReverseView(TenantView):
    """`/api/entries/{id}/reverse`."""

    @operation(
        "accounts:write",
        "Reverse an entry",
        answers={200: EntryOutput, 201: EntryOutput},
        body=ReasonInput,
        refusals={
            409: ["entry_not_reversible"],
            422: ["insufficient_funds", "account_suspended", "account_closed", "account_reserved"],
        },
        description="201 with the reversing entry; again 200 with the same. That of a transfer voids the transfer.",
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Take an entry back by another that mirrors it."""
        entry, posted = reverse_entry(
            tenant_id=call.tenant_id, entry_id=path_id(JOURNAL_ENTRY, id), reason=call.data["reason"], at=call.at
        )
        return Answer(201, entry_body(entry), location=location_of(entry)) if posted else Answer(200, entry_body(entry))


def location_of(entry: JournalEntry) -> str:
    """Where the entry lives."""
    return f"/api/entries/{encode_id(JOURNAL_ENTRY, entry.id)}"
