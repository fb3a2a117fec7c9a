"""Claims about seals over HTTP, and about the script with which an auditor checks them without Ledger."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from accounting import proofs
from accounting.posting import EntryDraft, Source, credit, debit
from common.ids import encode_id, new_id
from common.prefixes import ACCOUNT, INVOICE, JOURNAL_ENTRY, SEAL
from tests.accounting.test_sealer import Books, altered
from tests.conftest import AT

pytestmark = pytest.mark.django_db(transaction=True)
SCRIPT = Path(settings.BASE_DIR) / "docs" / "auditing" / "verify_seals.py"


@pytest.fixture
def books(tenant):
    return Books(tenant)


@pytest.fixture
def invoice():
    return new_id()


@pytest.fixture
def sealed(books, invoice):
    """Three seals of 7, 1 and 2 entries; two are about the invoice: the third of the first, the last of the last."""

    def about(kind: str, **more: Any) -> EntryDraft:
        return EntryDraft(
            lines=[debit(books.a.id, 9), credit(books.b.id, 9)], at=AT, kind=kind, source=Source("invoice", invoice),
            **more,
        )  # fmt: skip

    words = {"description": 'Größe ≥ 3\n"ok" \x1f \u2028', "metadata": {"ä": "1", "Z": "2", "😀": "\\"}}
    drafts = [books.draft(), books.draft(), about("invoice.finalised", evidence=b"\x07" * 32, **words)]
    books.post(*drafts, *[books.draft() for _ in range(4)])
    books.seal()
    books.post()
    books.seal()
    books.post(books.draft(), about("invoice.paid"))
    books.seal()
    return drafts


def check(tmp_path: Path, *answers: Any, head: str | None = None) -> tuple[int, str]:
    """Run the auditor's script on saved answers."""
    names = []
    for number, answer in enumerate(answers):
        names.append(str(tmp_path / f"{number}.json"))
        Path(names[-1]).write_bytes(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
    command = [sys.executable, "-I", "-S", str(SCRIPT), *names, *(["--head", head] if head else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def seal_ids(api, query: str = "") -> list[str]:
    answer = api.get(f"/api/seals{query}")
    assert answer.status_code == 200, answer.content
    return [one["id"] for one in answer.json()["data"]]


def test_seals_are_listed_newest_first_and_each_leads_to_the_next(sealed, api):
    found = api.get("/api/seals").json()
    assert [(one["number"], one["entryCount"]) for one in found["data"]] == [(3, 2), (2, 1), (1, 7)]
    assert [one["previousHead"] for one in found["data"]] == [
        found["data"][1]["head"],
        found["data"][2]["head"],
        "0" * 64,
    ]
    assert set(found["data"][0]) == {
        "id", "object", "number", "entryCount", "root", "previousHead", "head", "createdAt",
    }  # fmt: skip
    page = api.get("/api/seals?limit=2").json()
    assert page["hasMore"]
    assert seal_ids(api, f"?limit=2&cursor={page['nextCursor']}") == [found["data"][2]["id"]]


@pytest.mark.parametrize("few", [5000, 1])
def test_seals_of_an_invoice_or_an_account_are_those_that_cover_their_entries(
    sealed, books, invoice, api, tenant, monkeypatch, few
):
    monkeypatch.setattr(proofs, "FEW", few)
    three, two, one = seal_ids(api)
    assert seal_ids(api, f"?invoiceId={encode_id(INVOICE, invoice)}") == [three, one]
    assert seal_ids(api, f"?accountId={encode_id(ACCOUNT, books.a.id)}") == [three, two, one]
    other = Books(tenant)
    other.post()
    other.seal()
    [four] = seal_ids(api, f"?accountId={encode_id(ACCOUNT, other.a.id)}")
    assert four not in (one, two, three)
    assert seal_ids(api, f"?accountId={encode_id(ACCOUNT, other.a.id)}&invoiceId={encode_id(INVOICE, invoice)}") == []
    assert seal_ids(api, f"?accountId={encode_id(ACCOUNT, new_id())}") == []


def test_a_seal_shows_the_proofs_that_were_asked_for(sealed, invoice, api):
    first = seal_ids(api)[-1]
    shown = api.get(f"/api/seals/{first}?invoiceId={encode_id(INVOICE, invoice)}").json()["proofs"]
    assert [(one["entryId"], one["position"]) for one in shown] == [(encode_id(JOURNAL_ENTRY, sealed[2].id), 2)]
    assert shown[0]["content"]["sourceId"] == str(invoice)
    assert shown[0]["evidence"] == "07" * 32
    found, cursor = [], ""
    while True:
        page = api.get(f"/api/seals/{first}?limit=3{cursor}").json()
        found += [one["position"] for one in page["proofs"]]
        if not page["hasMore"]:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert found == list(range(7))


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=", "invoiceId=acc_1", "q=1"])
def test_other_parameters_are_refused(sealed, api, query):
    assert api.get(f"/api/seals/{seal_ids(api)[0]}?{query}").status_code == 400


def test_a_cursor_belongs_to_its_seal_and_its_filters(sealed, invoice, api):
    *_, first = seal_ids(api)
    cursor = api.get(f"/api/seals/{first}?limit=3").json()["nextCursor"]
    for path in (f"{seal_ids(api)[0]}?limit=3", f"{first}?limit=3&invoiceId={encode_id(INVOICE, invoice)}"):
        answer = api.get(f"/api/seals/{path}&cursor={cursor}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


def test_another_tenants_seals_do_not_exist(sealed, invoice, api, other_api, books):
    first = seal_ids(api)[-1]
    assert seal_ids(other_api) == []
    assert seal_ids(other_api, f"?accountId={encode_id(ACCOUNT, books.a.id)}") == []
    assert other_api.get(f"/api/seals/{first}").status_code == 404
    assert api.get(f"/api/seals/{encode_id(SEAL, new_id())}").status_code == 404


def test_seals_need_the_scope(sealed, tenant, api_of):
    caller = api_of(tenant, "invoices:read")
    assert caller.get("/api/seals").status_code == 403


def test_the_number_of_queries_does_not_depend_on_the_number_of_proofs(sealed, api, django_assert_num_queries):
    first, frame = seal_ids(api)[-1], 4
    for limit in (1, 100):
        with django_assert_num_queries(frame + 5):
            assert api.get(f"/api/seals/{first}?limit={limit}").status_code == 200
    with django_assert_num_queries(frame + 1):
        api.get("/api/seals")


def test_an_auditor_can_check_what_was_saved_without_ledger(sealed, invoice, api, tmp_path):
    answers = [api.get("/api/seals").content]
    for one in seal_ids(api):
        answers.append(api.get(f"/api/seals/{one}").content)
    newest = json.loads(answers[0])["data"][0]["head"]
    status, said = check(tmp_path, *answers, head=newest)
    assert (status, said.splitlines()[0]) == (0, f"seals 1 to 3 are linked; the head is {newest}"), said
    assert said.count("is in seal 1") == 7
    assert f"{encode_id(JOURNAL_ENTRY, sealed[2].id)} is in seal 1" in said
    asked = f"?invoiceId={encode_id(INVOICE, invoice)}"
    status, said = check(tmp_path, answers[0], api.get(f"/api/seals/{seal_ids(api, asked)[0]}{asked}").content)
    assert (status, said.count("is in seal 3")) == (0, 1), said


def test_erasing_what_people_wrote_leaves_the_proof_valid(sealed, tenant, api, tmp_path):
    with altered(tenant, "accounting_journalentry") as cursor:
        cursor.execute(
            "UPDATE accounting_journalentry SET description = NULL, metadata = NULL, salt = NULL WHERE id = %s",
            [sealed[2].id],
        )
    answer = api.get(f"/api/seals/{seal_ids(api)[-1]}")
    assert answer.json()["proofs"][2]["text"] is None
    status, said = check(tmp_path, answer.content)
    assert (status, said.count("is in seal 1")) == (0, 7), said


def _altered_answers(seal: dict[str, Any]) -> dict[str, Any]:
    """A seal with one thing changed, by what was changed."""

    def with_proof(**change: Any) -> dict[str, Any]:
        first = seal["proofs"][2]
        return {**seal, "proofs": [{**first, **change}]}

    proof = seal["proofs"][2]
    lines = [[account, side, amount + 1] for account, side, amount in proof["content"]["lines"]]
    other = "0" if proof["path"][0][0] != "0" else "1"
    return {
        "amounts": with_proof(content={**proof["content"], "lines": lines}),
        "time": with_proof(content={**proof["content"], "at": "2026-03-01T12:00:00.001Z"}),
        "kind": with_proof(content={**proof["content"], "kind": "manual"}),
        "evidence": with_proof(evidence="08" * 32),
        "no evidence": with_proof(evidence=None),
        "description": with_proof(text={**proof["text"], "description": "x"}),
        "metadata": with_proof(text={**proof["text"], "metadata": {}}),
        "salt": with_proof(text={**proof["text"], "salt": "00" * 16}),
        "digest": with_proof(digest="00" * 32),
        "entry": with_proof(entryId=seal["proofs"][1]["entryId"]),
        "position": with_proof(position=1),
        "path": with_proof(path=[other + proof["path"][0][1:], *proof["path"][1:]]),
        "shorter path": with_proof(path=proof["path"][1:]),
        "longer path": with_proof(path=[*proof["path"], "00" * 32]),
        "root": {**seal, "root": "00" * 32},
        "head": {**seal, "head": "00" * 32},
        "count": {**seal, "entryCount": 8},
        "number": {**seal, "number": 5},
        "previous": {**seal, "previousHead": "11" * 32},
    }


@pytest.mark.parametrize(
    "what",
    [
        "amounts", "time", "kind", "evidence", "no evidence", "description", "metadata", "salt", "digest", "entry",
        "position", "path", "shorter path", "longer path", "root", "head", "count", "number", "previous",
    ],
)  # fmt: skip
def test_the_script_sees_whatever_was_altered(sealed, api, tmp_path, what):
    seal = api.get(f"/api/seals/{seal_ids(api)[-1]}").json()
    status, said = check(tmp_path, seal)
    assert status == 0, said
    status, said = check(tmp_path, _altered_answers(seal)[what])
    assert (status, "WRONG: " in said) == (1, True), said


def test_the_script_sees_one_altered_byte_of_a_saved_file(sealed, api, tmp_path):
    content = api.get(f"/api/seals/{seal_ids(api)[-1]}").content
    at = content.index(b'"credit",1') + len(b'"credit",')
    status, said = check(tmp_path, content[:at] + b"2" + content[at + 1 :])
    assert (status, "does not follow from the content" in said) == (1, True), said


def test_the_script_sees_a_chain_that_was_made_anew(sealed, api, tmp_path):
    """Consistent in itself, it does not lead to the head that was noted."""
    heads = api.get("/api/seals").json()
    newest = heads["data"][0]["head"]
    without = {"data": [heads["data"][0], heads["data"][2]]}
    seal = api.get(f"/api/seals/{heads['data'][2]['id']}").json()
    assert check(tmp_path, heads, seal, head=newest)[0] == 0
    assert check(tmp_path, heads, seal, head="00" * 32)[0] == 1
    status, said = check(tmp_path, without, seal, head=newest)
    assert (status, "seals are missing between" in said) == (1, True)
    forged = {**seal, "entryCount": 6}
    status, said = check(tmp_path, heads, forged)
    assert status == 1
