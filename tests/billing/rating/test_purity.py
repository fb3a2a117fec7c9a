"""The engine asks nobody: no framework, no clock, no chance, no other app."""

from __future__ import annotations

import ast
import subprocess
import sys

from tests.architecture.sources import ROOT, sources
from tests.architecture.test_rules import imported

ALLOWED = {
    "__future__", "billing.rating", "collections.abc", "common.canonical", "common.currencies", "common.errors",
    "common.money", "dataclasses", "decimal", "enum", "fractions", "functools", "math", "re", "types", "typing",
}  # fmt: skip


def test_the_engine_imports_arithmetic_and_the_kernel_only():
    found = {
        (path, module)
        for path, tree in sources().items()
        if path.startswith("billing/rating/")
        for node in ast.walk(tree)
        for module in imported(node)
    }
    assert len(found) > 50
    assert [one for one in sorted(found) if one[1] not in ALLOWED and not one[1].startswith("billing.rating.")] == []


def test_the_engine_runs_where_django_was_never_loaded():
    modules = ("derivation", "explain", "plans")
    script = f"import sys, {', '.join(f'billing.rating.{one}' for one in modules)}; print('django' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
