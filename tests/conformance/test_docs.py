"""What the documentation says of the code is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands

from invoicing.transitions import INVOICE
from ledger_project.environment import BASE_DIR

README = (BASE_DIR / "README.md").read_text()
PAGES = [BASE_DIR / "README.md", BASE_DIR / "CONTRIBUTING.md", *sorted((BASE_DIR / "docs").rglob("*.md"))]
OURS = [app.label for app in apps.get_app_configs() if Path(app.path).is_relative_to(BASE_DIR / app.label)]
READS = re.compile(
    r"""env\.\w+\(\s*"([A-Z_]+)" | environ\.(?:get|setdefault)\(\s*["']([A-Z_]+)["'] | environ\[["']([A-Z_]+)["']\]
    | "([A-Z_]+)"\ (?:not\ )?in\ os\.environ""",
    re.VERBOSE,
)
# What compose fills in from its env file, and what shells give a default to or demand.
DEMANDED = re.compile(r"\$\{([A-Z_]+):[?+-]")


def sources() -> Iterator[Path]:
    """Everything that may read the environment, but not the tests."""
    yield BASE_DIR / "manage.py"
    for app in ["common", *OURS]:
        yield from (BASE_DIR / app).rglob("*.py")


def variables() -> set[str]:
    """Every variable that the code, the two commands and the compose stack read."""
    found = {name for path in sources() for match in READS.findall(path.read_text()) for name in match if name}
    for path in (BASE_DIR / "bin/environment.sh", BASE_DIR / "deploy/compose.yaml"):
        found.update(DEMANDED.findall(path.read_text()))
    return found


def squeezed(text: str) -> str:
    """A text without its line breaks and indents."""
    return " ".join(text.split())


def section(title: str) -> str:
    """A section of the README, up to the next of its level."""
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links() -> list[tuple[Path, str]]:
    """Every link of our pages that leads nowhere outside."""
    found = [(page, target) for page in PAGES for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text())]
    return [(page, target) for page, target in found if not target.startswith(("http:", "https:", "mailto:"))]


def test_the_search_for_variables_finds_the_known_ones():
    """Otherwise the test below would prove nothing."""
    assert {"DATABASE_URL", "LEDGER_HOME", "WEB_WORKERS", "PROMETHEUS_MULTIPROC_DIR", "PYTHON"} <= variables()


@pytest.mark.parametrize("name", sorted(variables()))
def test_every_variable_is_explained(name: str):
    assert f"`{name}`" in section("Configuration")


def test_no_variable_is_explained_that_nobody_reads():
    explained = set(re.findall(r"^\| `([A-Z_]+)` \|", section("Configuration"), re.MULTILINE))
    assert explained <= variables()


def test_every_command_is_listed_and_no_other():
    listed = set(re.findall(r"^\| `(\w+)` \|", section("Commands for operators"), re.MULTILINE))
    assert listed == {name for name, app in get_commands().items() if app in OURS}


def test_the_diagram_of_an_invoice_is_that_of_its_transitions():
    """When the change is meant: paste what `INVOICE.to_mermaid()` gives."""
    page = (BASE_DIR / "docs/architecture.md").read_text()
    assert f"```mermaid\n{INVOICE.to_mermaid()}```" in page


def test_examples_of_code_that_exists_are_that_code():
    code = squeezed("\n".join(path.read_text() for path in sources()))
    examples = re.findall(r"```python\n(.*?)```", (BASE_DIR / "CONTRIBUTING.md").read_text(), re.DOTALL)
    named = [(re.search(r"(?:def|class) (\w+)[(:]", example), example) for example in examples]
    real = [example for name, example in named if name and name[0] in code and name[1] != "Meta"]
    assert len(real) >= 4
    assert [example for example in real if squeezed(example) not in code] == []


@pytest.mark.parametrize(("page", "target"), links(), ids=lambda value: getattr(value, "name", value))
def test_a_link_leads_somewhere(page: Path, target: str):
    path, _, anchor = target.partition("#")
    there = page if not path else page.parent / path
    assert there.exists()
    if anchor:
        assert anchor in anchors(there)
