"""The house stands as its plan says: the apps, their line, the names of their files."""

from __future__ import annotations

import ast

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import get_commands, load_command_class

from tests.architecture.sources import APPS, ROOT, pyproject, sources, text_files

MAX_LINES = 400
# Longer files, each with the reason why it is not divided.
LONG_FILES: dict[str, str] = {}
MISLEADING_NAMES = {"utils", "util", "helpers", "helper", "core", "manager", "managers", "misc"}


@pytest.mark.parametrize("app", APPS)
def test_every_app_is_a_package_that_says_what_it_is(app: str):
    tree = sources()[f"{app}/__init__.py"]
    assert ast.get_docstring(tree), f"{app}/__init__.py says nothing"


@pytest.mark.parametrize("app", [app for app in APPS if app != "common"])
def test_every_app_is_installed(app: str):
    assert apps.is_installed(app)
    assert ast.get_docstring(sources()[f"{app}/apps.py"])


def test_the_kernel_has_no_models():
    assert [path for path in sources() if path.startswith("common/") and "models" in path] == []


@pytest.mark.parametrize("app", APPS)
def test_tests_mirror_the_apps(app: str):
    assert (ROOT / "tests" / app / "__init__.py").exists()


def test_the_line_of_apps_is_enforced():
    config = pyproject()["tool"]["importlinter"]
    assert set(config["root_packages"]) == set(APPS)
    line = config["contracts"][0]
    assert (line["type"], line["layers"]) == ("layers", list(reversed(APPS)))
    assert all("ignore_imports" not in contract for contract in config["contracts"]), "an exception needs a record"


def test_the_layers_inside_the_apps_are_enforced():
    inside = pyproject()["tool"]["importlinter"]["contracts"][1]
    assert set(inside["containers"]) == set(APPS) - {"common", "ledger_project"}
    order = {name.strip("( )"): level for level, names in enumerate(inside["layers"]) for name in names.split("|")}
    assert order["api"] == order["tasks"] == order["subscribers"]
    assert order["api"] < order["services"] < order["selectors"] < order["models"] < order["enums"]


def test_no_module_has_a_name_that_says_nothing():
    found = [
        path
        for path in sources()
        if MISLEADING_NAMES & set(path.removesuffix(".py").split("/")) and "/migrations/" not in path
    ]
    assert found == []


def test_files_have_one_subject():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in text_files()
        if path.suffix == ".py"
        and "/migrations/" not in str(path)
        and (lines := path.read_text().count("\n")) > MAX_LINES
    }
    assert set(long) == set(LONG_FILES), f"more than {MAX_LINES} lines: {long}"


def test_every_module_says_what_it_is():
    silent = [
        path
        for path, tree in sources().items()
        if tree.body and not ast.get_docstring(tree) and "/migrations/" not in path
    ]
    assert silent == []


OWN_COMMANDS = sorted(name for name, app in get_commands().items() if app in APPS)


@pytest.mark.parametrize("name", OWN_COMMANDS)
def test_every_command_explains_itself(name: str):
    command = load_command_class(get_commands()[name], name)
    parser = command.create_parser("manage.py", name)
    assert len(command.help) > 20, f"{name} needs a help text"
    own = [action for action in parser._actions if not action.help and action.dest not in ("help", "version")]
    assert [action.dest for action in own] == [], f"{name} has options without help"


def test_every_verification_takes_a_tenant():
    for name in OWN_COMMANDS:
        if name.startswith("verify_"):
            parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
            assert {"tenant", "json"} <= {action.dest for action in parser._actions}, name


def test_templates_lie_in_the_folder_of_their_app():
    folders = {path.name for path in (ROOT / "templates").iterdir()}
    assert folders <= set(APPS)
    assert settings.TEMPLATES[0]["DIRS"] == [ROOT / "templates"]
    assert [path for app in APPS for path in (ROOT / app).rglob("templates")] == []


def test_decision_records_are_numbered_and_complete():
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [int(path.name[:4]) for path in records]
    assert numbers == list(range(1, len(records) + 1))
    for path in records:
        text = path.read_text()
        assert all(f"## {part}" in text for part in ("Context", "Decision", "Consequences")), path.name
        assert text.count("\n") <= 60, path.name
