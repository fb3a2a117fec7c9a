"""Views of transfers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, cast

from django.conf import settings
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from accounting.api.batches import answer_batch, posted_batch
from accounting.api.fields import account_filter, paged_by_account, unit_filter
from accounting.api.quick import plain_batch, plain_transfer
from accounting.api.serializers.transfers import BatchInput, BatchOutput, TransferInput, TransferOutput
from accounting.enums import TransferStatus
from accounting.judging import TransferRequest
from accounting.representations import transfer_body
from accounting.selectors import get_transfer, transfers, transfers_of
from accounting.services.group_commit import commit_transfer, write_batch
from accounting.services.one_statement import Kept, prepare_batch, prepare_transfer
from accounting.services.transfers import make_transfer, void_transfer
from common.api.filters import choice_filter, id_filter
from common.api.operation import operation
from common.api.reasons import ReasonInput
from common.api.rendering import body_response
from common.clock import SystemClock
from common.errors import InvalidRequest, Problem
from common.ids import decode_id, encode_id
from common.prefixes import ACCOUNT, TRANSFER
from tenants import idempotency
from tenants.api.hot import HotView
from tenants.api.view import Answer, Call, TenantView, guard_of, path_id

_ATTEMPTS = 3
POSTING = ["insufficient_funds", "currency_mismatch", "account_suspended", "account_closed", "account_reserved"]


class TransfersView(HotView):
    """`/api/transfers`. A plain transfer is made in one statement, together with others that wait."""

    key: str | None = None

    @operation(
        "accounts:read",
        "List transfers",
        answers={200: TransferOutput},
        filters=[
            account_filter(paged_by_account), id_filter("fromAccountId", ACCOUNT), id_filter("toAccountId", ACCOUNT),
            choice_filter("status", TransferStatus.values), unit_filter(),
        ],
        paged=True,
    )  # fmt: skip
    def get(self, call: Call) -> Answer:
        """Transfers, newest first."""
        condition, account = call.filters(), call.request.GET.get("accountId")
        if account is None:
            return call.listing(transfers(tenant_id=call.tenant_id, condition=condition), transfer_body)
        rows = transfers_of(
            tenant_id=call.tenant_id, account_id=decode_id(ACCOUNT, account), condition=condition
        )  # fmt: skip
        return call.listing(cast("QuerySet[Any]", rows), transfer_body)

    @operation(
        "accounts:write",
        "Make a transfer",
        answers={201: TransferOutput},
        body=TransferInput,
        refusals={422: [*POSTING, "amount_too_large"]},
        description="`idempotencyKey` in the body is the same as the header `Idempotency-Key`.",
    )
    def post(self, call: Call) -> Answer:
        """A new transfer."""
        request = TransferRequest(
            **{**call.data, "idempotency_key": self.key}, spelt=TransferInput.spelt(call.body)
        )  # fmt: skip
        transfer = make_transfer(tenant_id=call.tenant_id, request=request, at=call.at)
        return Answer(201, transfer_body(transfer), location=f"/api/transfers/{encode_id(TRANSFER, transfer.id)}")

    def quick(self, call: Call, key: str | None) -> HttpResponse | None:
        """The answer of the one statement, or None where the ordinary way is needed, mostly to refuse it."""
        asked = plain_transfer(call.body, key=key)
        if asked is None:
            return None
        prepared = prepare_transfer(
            context=call.context, caller=call.caller, request=asked, at=call.at,
            guard=guard_of(call, key) if key is not None else None,
            key_expires_at=_key_expires_at(),
        )  # fmt: skip
        if prepared is None or not commit_transfer(prepared):
            return None
        return body_response(201, prepared.body, headers={"Location": prepared.location})

    def read_key(self, request: Request, call: Call) -> str | None:
        """The key of the header or of the body. Raises `InvalidRequest` for two different ones."""
        header = super().read_key(request, call)
        named = call.body.get("idempotencyKey") if isinstance(call.body, Mapping) else None
        # What is no key at all the validation of the body refuses, before anything is done under it.
        body = named.strip() if isinstance(named, str) else None
        if header is not None and body and header != body:
            text = "The header Idempotency-Key names another key."
            raise InvalidRequest([Problem("idempotencyKey", "mutually_exclusive", text)])
        self.key = header or body or None
        return self.key


class TransferBatchView(HotView):
    """`/api/transfers/batch`. A plain batch is one statement."""

    def quick(self, call: Call, key: str | None) -> HttpResponse | None:
        """The answer of the one statement, or None where the ordinary way is needed, mostly to say what is refused."""
        asked = plain_batch(call.body)
        if asked is None:
            return None
        prepared = prepare_batch(context=call.context, caller=call.caller, requests=asked, at=call.at)
        if prepared is None:
            return None
        body = posted_batch([one.body for one in prepared])
        kept = Kept(guard_of(call, key), body, _key_expires_at()) if key is not None else None
        return body_response(201, body, headers={}) if write_batch(prepared, kept=kept) else None

    @operation(
        "accounts:write",
        "Make a batch of transfers",
        answers={201: BatchOutput},
        body=BatchInput,
        refusals={409: ["idempotency_conflict"], 422: [*POSTING, "amount_too_large"]},
        description=(
            "Transfers are judged in their order, each as if those before it had been posted. An `idempotencyKey` of "
            "one is what it would be if the transfer were sent alone: what was posted under it is not posted again."
        ),
    )
    def post(self, call: Call) -> Answer:
        """Up to 1,000 transfers; without `atomic`, all or none."""
        return Answer(201, answer_batch(call))

    def run(self, call: Call, key: str | None) -> HttpResponse:
        """Again when another has meanwhile committed a transfer under one of the keys: it is then found."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return super().run(call, key)
            except IntegrityError as collision:
                if not idempotency.is_key_collision(collision):
                    raise
        return super().run(call, key)


class TransferView(TenantView):
    """`/api/transfers/{id}`."""

    @operation("accounts:read", "Get a transfer", answers={200: TransferOutput})
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """One transfer."""
        transfer = get_transfer(tenant_id=call.tenant_id, transfer_id=path_id(TRANSFER, id))
        return Answer(200, transfer_body(transfer))


class TransferVoidView(TenantView):
    """`/api/transfers/{id}/void`."""

    @operation(
        "accounts:write",
        "Void a transfer",
        answers={200: TransferOutput},
        body=ReasonInput,
        refusals={422: ["insufficient_funds", "account_suspended", "account_closed", "account_reserved"]},
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Take it back; again gives the same answer."""
        transfer = void_transfer(
            tenant_id=call.tenant_id, transfer_id=path_id(TRANSFER, id), reason=call.data["reason"], at=call.at
        )
        return Answer(200, transfer_body(transfer))


def _key_expires_at() -> dt.datetime:
    return SystemClock().now() + dt.timedelta(hours=settings.IDEMPOTENCY_KEY_HOURS)
