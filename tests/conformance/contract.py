"""The contract's routes, and the document the code makes of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ledger_project.openapi import document

CONTRACT_FILE = Path(__file__).parent / "contract_paths.txt"
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, order=True)
class Route:
    """A method of a path; `str` gives the line of the contract."""

    path: str
    method: str  # upper case

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def mutates(self) -> bool:
        """Whether it may change something, so that it takes an idempotency key."""
        return self.method != "GET"

    @property
    def public(self) -> bool:
        """Whether it needs no identity."""
        return self.declared.get("security") == [{}]

    @property
    def declared(self) -> dict[str, Any]:
        """What the document says of it."""
        operation: dict[str, Any] = the_document()["paths"][self.path][self.method.lower()]
        return operation


@dataclass(frozen=True)
class Line:
    """One line of the contract file."""

    number: int
    route: Route
    later: bool


@cache
def the_document() -> dict[str, Any]:
    """The document of the code as it is."""
    return document()


def documented_routes() -> list[Route]:
    """Every route and method of the document."""
    return sorted(
        Route(path, method.upper())
        for path, item in the_document()["paths"].items()
        for method in item
        if method in METHODS
    )


def contract_lines() -> Iterator[Line]:
    """Every route of the contract file. Raises ValueError for a line it does not understand."""
    for number, text in enumerate(CONTRACT_FILE.read_text().splitlines(), start=1):
        words = text.split()
        if not words or words[0].startswith("#"):
            continue
        if words[2:] not in ([], ["later"]) or words[0].lower() not in METHODS or not words[1].startswith("/"):
            raise ValueError(f"{CONTRACT_FILE.name}:{number}: {text!r} is not METHOD /path [later]")
        yield Line(number, Route(words[1], words[0]), later=len(words) == 3)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its own reference followed (references inside stay)."""
    while "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        schema = the_document()["components"]["schemas"][name]
    return schema


def body_schema(route: Route) -> dict[str, Any] | None:
    """The schema of the route's JSON body, or None."""
    content = route.declared.get("requestBody", {}).get("content", {})
    return resolved(content["application/json"]["schema"]) if "application/json" in content else None
