"""The pages of docs/recipes can be pasted into a shell, and what they show is what comes back."""

from __future__ import annotations

import datetime as dt
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from accounting.services.sealing import seal_tenant
from accounting.services.settling_grants import settle_due
from ledger_project.environment import BASE_DIR
from tenants.models import Tenant
from tests.clients import Api
from tests.conformance.recipes import Reader, Shell, differences, scopes, steps, values

FOLDER = BASE_DIR / "docs" / "recipes"
INDEX = FOLDER / "README.md"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path != INDEX)
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the recipes are calls of curl, which is not here")


@pytest.fixture
def reader_of(
    live_server: Any, make_tenant: Callable[..., Tenant], api_of: Callable[..., Api], tmp_path: Path, time_machine: Any
) -> Iterator[Callable[..., Reader]]:
    """Makes readers who have a key with these scopes and have run what every page begins with."""
    shells: list[Shell] = []

    def make(*allowed: str) -> Reader:
        tenant = make_tenant("demo")
        key = api_of(tenant, *allowed).headers["Authorization"].removeprefix("ServiceKey ")
        shell = Shell(tmp_path, key=key)
        shells.append(shell)
        for step in steps(INDEX.read_text()):
            assert shell.run(step.commands) == ("", [])
        shell.run(f"LEDGER={live_server.url}")
        assert shell.value("KEY") == key

        def wait(seconds: int) -> None:
            """The clock goes on, and the worker does what is due."""
            time_machine.move_to(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds))
            settle_due(tenant_id=tenant.id, at=dt.datetime.now(dt.UTC))
            seal_tenant(tenant_id=tenant.id, now=dt.datetime.now(dt.UTC))

        def manage(argv: list[str]) -> str:
            wait(1)
            out = io.StringIO()
            call_command(*argv, stdout=out, stderr=io.StringIO())
            return out.getvalue()

        return Reader(shell, manage, wait)

    yield make
    for shell in shells:
        shell.close()


@needs_curl
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_recipe_does_what_it_says(page: Path, reader_of: Callable[..., Reader]):
    text = page.read_text()
    reader = reader_of(*scopes(text))
    for step in steps(text):
        wrong = reader.follow(step)
        assert wrong == [], f"{page.name}, line {step.line}"


def test_every_recipe_is_listed():
    assert [path.name for path in PAGES if f"({path.name})" not in INDEX.read_text()] == []
    assert len(PAGES) >= 5


ANSWER = {"id": "txn_1", "amount": 5, "held": None, "data": [{"side": "debit"}, {"side": "credit"}, {"side": "debit"}]}


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        ({"amount": 5, "held": None}, []),
        ({"id": "txn_…"}, []),
        ({"data": [{"side": "debit"}, {"side": "credit"}, {}]}, []),
        ({"data": [{"side": "credit"}, "…"]}, []),
        ({"amount": 6}, ["answer.amount is 5 instead of 6"]),
        ({"amount": "5"}, ["answer.amount is 5 instead of '5'"]),
        ({"amount": True}, ["answer.amount is 5 instead of True"]),
        ({"held": 0}, ["answer.held is None instead of 0"]),
        ({"id": "acc_…"}, ["answer.id is 'txn_1' instead of 'acc_…'"]),
        ({"status": None}, ["answer.status is not there"]),
        ({"data": [{"side": "debit"}]}, ["answer.data has 3 items instead of 1: "]),
        ({"data": [{"side": "credit"}, {"side": "credit"}, "…"]}, ["answer.data has no item {'side': 'credit'} in "]),
        ({"data": [{}, {"side": "debit"}, {}]}, ["answer.data[1].side is 'credit' instead of 'debit'"]),
    ],
)
def test_an_answer_that_differs_from_the_page_is_named(shown: Any, wrong: list[str]):
    found = differences(shown, ANSWER)
    assert [one[: len(text)] for one, text in zip(found, wrong, strict=True)] == wrong


@needs_curl
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("commands", "answer", "wrong"),
    [
        ("curl -sS $LEDGER/api/units", '```json 403\n{"code": "insufficient_scope"}\n```', 0),
        ("curl -sS $LEDGER/api/units", '```json\n{"code": "insufficient_scope"}\n```', 1),
        ("curl -sS $LEDGER/api/units", '```json 403\n{"code": "forbidden"}\n```', 1),
        ("curl -sS $LEDGER/api/units", "", 2),
        ("curl -sS $LEDGER/healthz", '```json\n{"status": "ok"}\n{"status": "ok"}\n```', 1),
        ("printf 'a b\\n'", "```text\na …\n```", 0),
        ("printf 'a b\\n'", "```text\n… c\n```", 1),
    ],
)
def test_a_page_that_is_wrong_is_found_out(commands: str, answer: str, wrong: int, reader_of: Callable[..., Reader]):
    reader = reader_of("customers:read")
    asked = commands.replace("curl -sS", 'curl -sS -H "Authorization: ServiceKey $KEY"')
    (step,) = steps(f"Some words.\n\n```sh\n{asked}\n```\n\n{answer}\n")
    assert len(reader.follow(step)) == wrong


def test_a_page_says_its_scopes_and_shows_values_one_after_the_other():
    assert scopes("# A page\n\nScopes: `accounts:read`, `customers:write`. Run …\n") == [
        "accounts:read",
        "customers:write",
    ]
    assert list(values('{"a": [1]}{"b": 2}\n{"c": 3}\n')) == [{"a": [1]}, {"b": 2}, {"c": 3}]
