"""The benchmark of documents runs, and compares like with like."""

from __future__ import annotations

from benchmarks.documents import measure


def test_project_and_bare_engine_make_the_same_bytes():
    found = measure(3, pairs=1, pages=1)
    assert found["sameBytes"]
    assert found["processor"]["ratio"] > 0
