"""`verify_documents`: prove that the stored documents are what was made, and can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from invoicing.services.verifying_files import verify_files
from tenants.management.base import TenantCommand


class Command(TenantCommand):
    """Compares every document with its digest, and with what its frozen input makes."""

    help = (
        "Prove the PDF of every finalised invoice: the stored bytes are those of their digest, and erased documents "
        "have a digest and no bytes. With --again each is also typeset once more from its frozen input and must come "
        "out byte for byte; documents of another layout, typst or set of fonts are counted instead. Documents that "
        "nobody has asked for yet are counted as missing and are no fault. Exit status 1 when something is wrong."
    )
    examples = """
        manage.py verify_documents --tenant demo
        manage.py verify_documents --again --json
    """

    def add_options(self, parser: CommandParser) -> None:
        """Whether to typeset."""
        parser.add_argument("--again", action="store_true", help="Typeset each document once more and compare.")

    def handle_tenant(self, tenant_id: UUID, slug: str, **options: Any) -> dict[str, Any]:
        """One tenant."""
        verdict = verify_files(
            context=self.context(tenant_id), again=options["again"],
            progress=lambda done: self.progress(f"{slug}: {done:,} invoices checked"),
        )  # fmt: skip
        return {
            "ok": verdict.ok,
            "invoices": verdict.invoices,
            "stored": verdict.stored,
            "missing": verdict.missing,
            "erased": verdict.erased,
            "madeAgain": verdict.again,
            "otherLayout": verdict.other_layout,
            "findings": [{"number": number, "problem": problem} for number, problem in verdict.findings],
            "moreFindings": verdict.more,
        }

    def describe_tenant(self, result: Mapping[str, Any]) -> str:
        """The counts, then each finding on a line."""
        names = ("invoices", "stored", "missing", "erased")
        counts = [f"{name} {result[name]:,}" for name in names]
        if result["madeAgain"] or result["otherLayout"]:
            counts += [f"made again {result['madeAgain']:,}", f"of another layout {result['otherLayout']:,}"]
        lines = [", ".join(counts).capitalize()]
        lines += [f"  {one['number']}: {one['problem']}" for one in result["findings"]]
        if result["moreFindings"]:
            lines.append(f"  and {result['moreFindings']:,} more")
        return "\n".join(lines)
