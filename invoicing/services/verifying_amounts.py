"""Proving the amounts of a tenant's invoices: each is derived again, and every cent compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from billing.rating.derivation import replay
from common.canonical import read_json
from common.errors import InvalidRequest
from common.ids import encode_id
from common.prefixes import PLAN
from invoicing.content import Content, Item, number_out
from invoicing.derivations import derivation_of, line_amount
from invoicing.enums import InvoiceStatus
from invoicing.models import Invoice, InvoiceDerivation, InvoiceItem
from invoicing.selectors import content_of

BATCH = 500
ROWS_AT_ONCE: Final = 2_000
BODIES_AT_ONCE: Final = 8  # of 10,000 transactions each has three megabytes
MAX_FINDINGS = 100
_CONVERTED: Final = ("currency", "amount", "rate")
_MALFORMED = (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Finding:
    """A place where an invoice says something else than its derivation gives."""

    number: str
    path: str
    stated: Any
    computed: Any


@dataclass(slots=True)
class Verdict:
    """What was checked and what was found; of the findings the first hundred are kept, `more` counts the others."""

    invoices: int = 0
    stored: int = 0  # with a stored derivation
    findings: list[Finding] = field(default_factory=list)
    more: int = 0

    @property
    def ok(self) -> bool:
        """Whether every amount is as it must be."""
        return not self.findings

    def add(self, finding: Finding) -> None:
        """Note a finding."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)
        else:
            self.more += 1


def verify_amounts(*, tenant_id: UUID, progress: Callable[[int, int], None] = lambda done, all_: None) -> Verdict:
    """Derive every issued invoice of the tenant again. `progress` is told how many of how many are done, from 0 on."""
    verdict = Verdict()
    issued = Invoice.objects.filter(tenant_id=tenant_id).exclude(status=InvoiceStatus.DRAFT).order_by("id")
    count = issued.count()
    progress(0, count)
    last: UUID | None = None
    while batch := list(issued.filter(id__gt=last)[:BATCH] if last else issued[:BATCH]):
        for invoice, (items, body) in zip(batch, _rows_of(tenant_id, [one.id for one in batch]), strict=True):
            verdict.invoices += 1
            verdict.stored += invoice.derivation_digest is not None
            for path, stated, computed in _differences(invoice, items, body):
                verdict.add(Finding(invoice.invoice_number or str(invoice.id), path, stated, computed))
            progress(verdict.invoices, max(count, verdict.invoices))
        last = batch[-1].id
    return verdict


def _rows_of(tenant_id: UUID, ids: Sequence[UUID]) -> Iterator[tuple[list[InvoiceItem], bytes | None]]:
    """The items and the derivation of each, one invoice after the other: some have a thousand lines or megabytes."""
    lines = InvoiceItem.objects.filter(tenant_id=tenant_id, invoice_id__in=ids).order_by("invoice_id", "position")
    kept = InvoiceDerivation.objects.filter(tenant_id=tenant_id, invoice_id__in=ids).order_by("invoice_id")
    items = groupby(lines.iterator(chunk_size=ROWS_AT_ONCE), key=lambda item: item.invoice_id)
    bodies = kept.values_list("invoice_id", "body").iterator(chunk_size=BODIES_AT_ONCE)
    group, stored = next(items, None), next(bodies, None)
    for one in ids:
        mine, body = [], None
        if group is not None and group[0] == one:
            mine, group = list(group[1]), next(items, None)
        if stored is not None and stored[0] == one:
            body, stored = bytes(stored[1]), next(bodies, None)
        yield mine, body


Difference = tuple[str, Any, Any]


def _differences(invoice: Invoice, items: Sequence[InvoiceItem], body: bytes | None) -> Iterator[Difference]:
    try:
        content = content_of(invoice, items)
        if body is None:
            yield from _without_stored(content)
            return
        # What was hashed is what was stored, so nothing has to be brought into its canonical form again.
        found = hashlib.sha256(body).digest()
        if found != content.derivation_digest:
            yield "derivation", "another digest than the invoice's", found.hex()
        derivation = read_json(body)
        again = replay(derivation)
        for one in again.differences:
            yield f"derivation.{one.path}", one.stated, one.computed
        yield from _of_document(content, again.computed)
    except InvalidRequest as refused:
        for problem in refused.details or ():
            yield f"derivation.{problem.path}", problem.message, None
        if not refused.details:
            yield "derivation", refused.message, None
    except _MALFORMED as wrong:
        yield "", f"cannot be read: {wrong}", None


def _without_stored(content: Content) -> Iterator[Difference]:
    if content.derivation_digest is not None:
        yield "derivation", "missing", content.derivation_digest.hex()
        return
    for position, item in enumerate(content.items, start=1):
        if item.price_id is not None:
            yield f"items[{position - 1}].priceId", "a price without a derivation", None
    yield from _of_document(content, derivation_of(content))


def _of_document(content: Content, derivation: Mapping[str, Any]) -> Iterator[Difference]:
    """Where the rows of the document differ from what is derived."""
    inputs, amounts = derivation["total"]["inputs"], derivation["total"]["amounts"]
    stated: dict[str, Any] = {"currency": content.currency}
    computed: dict[str, Any] = {"currency": derivation["currency"]}
    for name in ("subtotal", "discount", "tax", "total"):
        stated[name], computed[name] = getattr(content, name), amounts[name]
    stated["taxBreakdown"] = [
        [row["label"], str(row["rate"]), row["category"], row["taxable"], row["tax"], row["note"]]
        for row in content.tax_breakdown
    ]  # fmt: skip
    computed["taxBreakdown"] = [
        [row["label"], _basis_points(row["rate"]), row["category"], row["taxable"], row["tax"], row["reason"]]
        for row in amounts["rows"]
    ]  # fmt: skip
    stated["coupons"] = sorted((one["code"], one["amount"]) for one in content.coupons)
    computed["coupons"] = sorted((one["code"], one["amount"]) for one in amounts["coupons"])
    stated["items"], computed["items"] = len(content.items), len(inputs["lines"])
    yield from ((name, stated[name], computed[name]) for name in stated if stated[name] != computed[name])
    if stated["items"] == computed["items"]:
        usages = {one["lines"][0]: one["derivation"]["inputs"].get("usage") for one in derivation["ratings"]}
        exchanges = _exchanges(derivation)
        for position, (item, line) in enumerate(zip(content.items, inputs["lines"], strict=True), start=1):
            total, share = amounts["lines"][line["key"]]
            yield from _of_item(position - 1, item, line, total=total, share=share, usage=usages.get(line["key"]))
            exchange = None if item.exchange is None else tuple(item.exchange[name] for name in _CONVERTED)
            if exchange != exchanges.get(line["key"]):
                yield f"items[{position - 1}].exchange", exchange, exchanges.get(line["key"])


def _exchanges(derivation: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """What was converted, as `_CONVERTED` has it, by the keys of the lines."""
    found: dict[str, tuple[Any, ...]] = {}
    for one in derivation["ratings"]:
        if "conversion" in one:
            inputs, amounts = one["conversion"]["inputs"], one["derivation"]["amounts"]
            added = amounts.get("topUp", 0)
            # Where a minimum adds something, that is the second line.
            for key, amount in zip(one["lines"], (amounts["amount"] - added, added), strict=False):
                found[key] = inputs["from"], amount, inputs["rate"]
    return found


def _of_item(
    index: int, item: Item, line: Mapping[str, Any], *, total: int, share: int, usage: Sequence[str] | None
) -> Iterator[Difference]:
    pairs = {
        "quantity × unitPrice": (line_amount(item), line["amount"]),
        "total": (item.total, total),
        "discount": (item.discount, share),
        "taxes": (
            [[one["label"], str(one["rate"]), one["category"]] for one in item.taxes],
            [[one["label"], _basis_points(one["rate"]), one["category"]] for one in line["taxes"]],
        ),
        "planId": (None if item.plan_id is None else encode_id(PLAN, item.plan_id), line.get("planId")),
        "taxBehavior": ("inclusive" if item.inclusive else "exclusive", line["taxBehavior"]),
        "usage": (None if item.usage is None else list(item.usage), None if usage is None else list(usage)),
    }
    yield from ((f"items[{index}].{name}", *pair) for name, pair in pairs.items() if pair[0] != pair[1])


def _basis_points(percent: str) -> str:
    return str(number_out(Decimal(percent) * 100))
