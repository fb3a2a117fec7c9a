"""Rules that hold in every file, read from the sources: money, time, signals, defaults, what is left to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import models
from django.db.models.functions import Now

from events.registry import subscribers
from tests.architecture.sources import APPS, ROOT, called_name, sources, text_files

# Where money, rates and quantities are: everywhere but in what serves and supervises.
MONEY = (
    "common/money.py",
    "common/currencies.py",
    "common/api/",
    "accounting/",
    "billing/",
    "metering/",
    "invoicing/",
    "subscriptions/",
)
# The edges that may ask the machine what time it is, each with the reason.
REAL_TIME = {
    "common/clock.py": "the clock itself",
    "tenants/api/throttle.py": "windows of the rate limit are real minutes",
}
NOW = re.compile(r"(^|\.)(timezone\.now|datetime\.now|datetime\.utcnow|date\.today|datetime\.today|time\.time)$")
SIGNALS = {"post_migrate"}
# `TODO(name): …` tells whom to ask.
UNOWNED = re.compile(r"\b(TODO|FIXME|HACK)\b(?!\([a-z][\w-]*\))")


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    """Every call in a file."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def test_money_is_never_a_float():
    found = [
        f"{path}:{node.lineno}"
        for path, tree in sources().items()
        if path.startswith(MONEY)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Call) and called_name(node) == "float")
    ]
    # Buckets of request durations are seconds.
    assert [where for where in found if not where.startswith("common/api/frame.py")] == []


def test_no_column_holds_a_float():
    found = [
        field
        for model in apps.get_models()
        if model._meta.app_label in APPS
        for field in model._meta.get_fields()
        if isinstance(field, models.FloatField)
    ]
    assert found == []


def test_only_clocks_ask_the_machine_for_the_time():
    found = {path for path, tree in sources().items() for node in calls(tree) if NOW.search(called_name(node))}
    assert found - set(REAL_TIME) == set()
    assert set(REAL_TIME) - found == set(), "an exception that nobody needs any more"


def test_no_column_takes_its_time_from_the_database_or_the_machine():
    found = []
    for model in apps.get_models():
        if model._meta.app_label not in APPS:
            continue
        for field in model._meta.local_fields:
            automatic = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
            by_database = isinstance(getattr(field, "db_default", None), Now)
            default = isinstance(field, models.DateTimeField) and callable(field.default) and field.has_default()
            if automatic or by_database or default:
                found.append(f"{model.__name__}.{field.name}")
    assert found == []


def test_no_signals_but_post_migrate():
    allowed = {f"django.db.models.signals.{name}" for name in SIGNALS}
    found = set()
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and "signals" in node.module.split("."):
                found |= {(path, f"{node.module}.{name.name}") for name in node.names}
            if isinstance(node, ast.ImportFrom) and node.module == "django.dispatch":
                found.add((path, "django.dispatch"))
    process = {"celery.signals"}  # of worker processes, not of models
    assert {
        (path, name) for path, name in found if name not in allowed and not name.startswith(tuple(process))
    } == set()


def test_models_have_no_behaviour_in_save():
    found = [
        f"{path}:{node.lineno}"
        for path, tree in sources().items()
        if "/models" in path
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name in ("save", "delete", "clean", "full_clean")
    ]
    assert found == []


def test_what_is_left_to_do_has_an_owner():
    this = "tests/architecture/test_rules.py"
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in text_files()
        if str(path.relative_to(ROOT)) != this and path.name != "openapi.yaml"
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if UNOWNED.search(line)
    ]
    assert found == []


def test_statuses_are_written_by_transitions_only():
    """`row.status = …` stands in transitions.py; elsewhere a status is only given when a row is made."""
    found = [
        f"{path}:{node.lineno}"
        for path, tree in sources().items()
        if not path.endswith("transitions.py") and "/migrations/" not in path
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute) and target.attr == "status" and not _is_own(target)
    ]
    assert found == []


def _is_own(target: ast.Attribute) -> bool:
    return isinstance(target.value, ast.Name) and target.value.id == "self"


@pytest.mark.parametrize("app", [app for app in APPS if app not in ("common", "ledger_project")])
def test_tasks_are_never_imported_by_services(app: str):
    importing = [
        path
        for path, tree in sources().items()
        if path.startswith(f"{app}/services")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.endswith(".tasks")
    ]
    assert importing == []


def test_only_the_back_office_knows_unfold():
    """Everything else takes its pages from `tenants.backoffice`, so that the look can be exchanged in one place."""
    knowing = {
        path
        for path, tree in sources().items()
        for node in ast.walk(tree)
        for name in imported(node)
        if name.partition(".")[0] == "unfold"
    }
    assert knowing
    assert [path for path in knowing if not path.startswith("tenants/backoffice/")] == []


def imported(node: ast.AST) -> list[str]:
    """The modules an import statement names."""
    if isinstance(node, ast.Import):
        return [one.name for one in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def test_only_the_apps_listen_to_events():
    """A subscriber of one test that all tests have would mail, count and write in each of them."""
    assert [one.name for one in subscribers() if one.name.partition(".")[0] not in APPS] == []
