"""Goal 10: the PDF of an invoice against the bare engine for the same page.

Project: from the frozen rows of an invoice to its PDF as the service makes it: layout, formats, texts, typst, PDF/A.
Bare: typst's own compiler, kept and warm as ours, on the same template with the values ready as JSON.
Both change the number with every page, so that typst's memory of earlier pages helps neither more than the other.
"""

from __future__ import annotations

import datetime as dt
import gc
import json
import platform
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import django

RESULTS = Path(__file__).parent / "results" / "documents.json"
AT = dt.datetime(2026, 11, 21, 9, 30, tzinfo=dt.UTC)


def an_input(items: int) -> Any:
    """An invoice as a German tenant sends it abroad."""
    from invoicing.basis import Terms, plain_basis
    from invoicing.composition import compose
    from invoicing.content import Buyer
    from invoicing.documents.layout import DocumentInput
    from invoicing.documents.seller import Seller
    from invoicing.requests import InvoiceRequest, ItemRequest

    terms = Terms("EUR", 1900, "VAT", 30, "Europe/Berlin", 1)
    request = InvoiceRequest(items=[ItemRequest(f"Consulting, part {one}", 12_000 + one, 2) for one in range(items)])
    content = compose(
        request, customer_id=UUID(int=1), currency="EUR", basis=plain_basis(terms), issued_at=AT
    )  # fmt: skip
    address = {"line1": "12 St James's Square", "city": "London", "postalCode": "SW1Y 4LB", "country": "GB"}
    buyer = Buyer("user-1", "Ada Lovelace Ltd", None, address, "GB123456789", "en", "Thank you.", "IBAN DE89 3704 0044")
    home = {"line1": "Hafenstraße 7", "city": "Hamburg", "postalCode": "20457", "country": "DE"}
    seller = Seller("Nordlicht Software GmbH", home, "DE123456789", "en", "Europe/Berlin")
    return DocumentInput(content, buyer, seller, "INV-2026-0001")


def ways(items: int) -> tuple[Callable[[int], bytes], Callable[[int], bytes]]:
    """Project and bare engine: each makes the page with a given number."""
    import typst

    from common.typesetting.engine import ARCHIVAL, FONTS
    from invoicing.documents.layout import TEMPLATE, layout_values, untouched_values
    from invoicing.documents.texts import TEMPLATES
    from invoicing.services.documents import render, typesetter

    document = an_input(items)

    def project(number: int) -> bytes:
        return render(replace(document, number=f"INV-2026-{number:04d}"), at=AT).content

    compiler = typst.Compiler(
        str(TEMPLATES / TEMPLATE), root=str(TEMPLATES), ignore_system_fonts=True,
        font_paths=typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)]),
    )  # fmt: skip
    ready = {**layout_values(document), **untouched_values(document), "fonts": typesetter().families, "boxes": 0}
    text = json.dumps(ready, ensure_ascii=False)

    def bare(number: int) -> bytes:
        own = text.replace("INV-2026-0001", f"INV-2026-{number:04d}")
        made: Any = compiler.compile(
            format="pdf", sys_inputs={"data": own}, timestamp=int(AT.timestamp()), pdf_standards=ARCHIVAL
        )
        return bytes(made)

    return project, bare


def timed(make: Callable[[int], bytes], first: int, count: int) -> tuple[float, float]:
    """Milliseconds per page: on the clock, and of processor time, which other programs disturb less."""
    gc.collect()
    clock, processor = time.perf_counter(), time.process_time()
    for number in range(first, first + count):
        make(number)
    return (time.perf_counter() - clock) * 1000 / count, (time.process_time() - processor) * 1000 / count


def measure(items: int, *, pairs: int, pages: int) -> dict[str, Any]:
    """Interleaved pairs, every second one the other way round; each ratio is the median over the pairs."""
    project, bare = ways(items)
    number = 1
    same = project(number) == bare(number)
    rows = []
    for pair in range(pairs):
        took = {}
        order = [("bare", bare), ("project", project)]
        for name, make in reversed(order) if pair % 2 else order:
            number += pages
            took[name] = timed(make, number, pages)
        rows.append(took)
    found: dict[str, Any] = {"items": items, "pages": pages, "sameBytes": same, "bytes": len(project(1))}
    for index, kind in enumerate(("clock", "processor")):
        ratios = [row["project"][index] / row["bare"][index] for row in rows]
        found[kind] = {
            "projectMs": round(statistics.median(row["project"][index] for row in rows), 2),
            "bareMs": round(statistics.median(row["bare"][index] for row in rows), 2),
            "ratio": round(statistics.median(ratios), 3),
            "ratios": [round(one, 3) for one in ratios],
        }
    return found


def growth(pages: int) -> dict[str, Any]:
    """How much memory the process holds after many different pages, and after ten documents of 1,000 items."""
    small, large = ways(10)[0], ways(1000)[0]
    small(1)
    before = resident()
    for number in range(2, pages):
        small(number)
    after = resident()
    for number in range(10):
        large(number)
    return {"pages": pages, "startMb": before, "endMb": after, "afterTenLargeMb": resident()}


def resident() -> int:
    """Megabytes that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 2**20


def run(*, pairs: int, quick: bool, output: Path) -> int:
    """Measure, print, and unless `quick` write the results. The status is 1 when the two ways make other bytes."""
    django.setup()
    sizes = ((3, 30), (40, 10), (1000, 1))
    memory = {} if quick else growth(500)
    found = [measure(items, pairs=pairs, pages=pages) for items, pages in sizes[: 1 if quick else 3]]
    for one in found:
        for kind in ("clock", "processor"):
            took = one[kind]
            print(
                f"{one['items']:>5} items, {kind:<9}  project {took['projectMs']:8.2f} ms  "
                f"bare {took['bareMs']:8.2f} ms  ratio {took['ratio']:.3f} (goal 10: at most 1.5)"
            )
    if not quick:
        print(f"memory in MB: {memory}")
        report = {"machine": platform.platform(), "pairs": pairs, "documents": found, "memory": memory}
        output.write_text(json.dumps(report, indent=1) + "\n")
    return 0 if all(one["sameBytes"] for one in found) else 1
