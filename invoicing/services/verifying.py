"""Proving a tenant's numbering: no gap, no duplicate, no altered, removed or inserted document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from uuid import UUID

from invoicing.enums import InvoiceStatus
from invoicing.models import Invoice, InvoiceItem, NumberSeries
from invoicing.numbering import chain, genesis, number_text
from invoicing.selectors import buyer_from, content_of

BATCH = 500
MAX_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where."""

    series: str
    number: str
    problem: str


@dataclass(slots=True)
class Verdict:
    """What was checked and what was found; of the findings at most a hundred are kept."""

    documents: int = 0
    series: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything is as it must be."""
        return not self.findings

    def add(self, series: str, number: str, problem: str) -> None:
        """Note a finding."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(series, number, problem))


def verify_numbering(*, tenant_id: UUID, progress: Callable[[int], None] = lambda _: None) -> Verdict:
    """Check every series of the tenant in whose scope this runs. `progress` is told the documents checked so far.

    The head is read before the documents: a document commits together with its series, so that everything up to the
    head is there, and what is issued meanwhile is beyond it.
    """
    verdict = Verdict()
    known = set()
    for series in NumberSeries.objects.filter(tenant_id=tenant_id).order_by("code", "year"):
        verdict.series += 1
        known.add((series.code, series.year))
        _verify_series(series, verdict, progress)
    issued = Invoice.objects.filter(tenant_id=tenant_id).exclude(status=InvoiceStatus.DRAFT)
    for code, year in issued.order_by().values_list("series", "year").distinct():
        if (code, year) not in known:
            verdict.add(f"{code}-{year}", "", "documents exist, but their series does not")
    return verdict


def _verify_series(series: NumberSeries, verdict: Verdict, progress: Callable[[int], None]) -> None:
    name = str(series)
    expected = series.start
    head = genesis(series.tenant_id, series.code, series.year)
    for invoice, items in _documents(series):
        verdict.documents += 1
        number = invoice.number or 0
        if number > expected:
            verdict.add(name, _span(series, expected, number - 1), "missing")
        elif number < expected:
            verdict.add(name, number_text(series.code, series.year, number), "before the start of the series")
        text = number_text(series.code, series.year, number)
        if invoice.invoice_number != text:
            verdict.add(name, text, f"reads {invoice.invoice_number!r}")
        problem = _altered(invoice, items)
        if problem:
            verdict.add(name, text, problem)
        if chain(head, bytes(invoice.content_digest or b""), text) != bytes(invoice.chain_hash or b""):
            verdict.add(name, text, "does not continue the chain of its predecessor")
        # Go on from what is stored: one break is reported once, not for every document after it.
        head = bytes(invoice.chain_hash or b"")
        expected = max(expected, number + 1)
        if verdict.documents % BATCH == 0:
            progress(verdict.documents)
    if expected <= series.last_number:
        verdict.add(name, _span(series, expected, series.last_number), "missing")
    if bytes(series.head) != head:
        verdict.add(name, number_text(series.code, series.year, series.last_number), "is not the head of the chain")
    # Read documents first, then the series again: a number above a later head was never given.
    above = list(
        Invoice.objects.filter(
            tenant_id=series.tenant_id, series=series.code, year=series.year, number__gt=series.last_number
        )
        .order_by("-number")
        .values_list("number", flat=True)[:MAX_FINDINGS]
    )
    later = NumberSeries.objects.get(id=series.id).last_number
    for inserted in sorted(number for number in above if number is not None and number > later):
        verdict.add(name, number_text(series.code, series.year, inserted), "was never given by the series")


def _documents(series: NumberSeries) -> Iterator[tuple[Invoice, list[InvoiceItem]]]:
    """The documents up to the head in order of their numbers, with items, in batches."""
    mine = Invoice.objects.select_related("buyer").filter(
        tenant_id=series.tenant_id, series=series.code, year=series.year, number__lte=series.last_number
    )
    last: int | None = -1
    while True:
        batch = list(mine.filter(number__gt=last).order_by("number")[:BATCH])
        if not batch:
            return
        rows = InvoiceItem.objects.filter(
            tenant_id=series.tenant_id, invoice_id__in=[invoice.id for invoice in batch]
        ).order_by("invoice_id", "position")
        items = {key: list(group) for key, group in groupby(rows, key=lambda item: item.invoice_id)}
        for invoice in batch:
            yield invoice, items.get(invoice.id, [])
        last = batch[-1].number


def _altered(invoice: Invoice, items: list[InvoiceItem]) -> str | None:
    """Why the stored document is not what was issued, or None. An erased buyer leaves a digest that covers it."""
    buyer = getattr(invoice, "buyer", None)
    if buyer is None:
        return "its addressee row is missing"
    if buyer.salt is not None:
        if buyer_from(buyer).digest(bytes(buyer.salt)) != bytes(invoice.buyer_digest or b""):
            return "its addressee was altered"
    elif any(value is not None for value in (buyer.name, buyer.email, buyer.address, buyer.user_id, buyer.notes)):
        return "its addressee was erased in part"
    if len(items) != invoice.item_count:
        return f"has {len(items)} items instead of {invoice.item_count}"
    if content_of(invoice, items).digest(bytes(invoice.buyer_digest or b"")) != bytes(invoice.content_digest or b""):
        return "its content was altered"
    return None


def _span(series: NumberSeries, first: int, last: int) -> str:
    start = number_text(series.code, series.year, first)
    return start if first == last else f"{start} to {number_text(series.code, series.year, last)}"
