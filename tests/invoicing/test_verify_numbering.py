"""Whoever works on the tables past the application is found out: the owner switches the triggers off and tampers."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from invoicing.models import NumberSeries
from invoicing.numbering import genesis
from invoicing.services.verifying import Verdict, verify_numbering
from tenants.scope import tenant_scope
from tests.conftest import owner_connection
from tests.invoicing.documents import Invoices, uuid_of

pytestmark = pytest.mark.django_db(transaction=True)

INVOICE, ITEM, BUYER = "invoicing_invoice", "invoicing_invoiceitem", "invoicing_invoicebuyer"
SERIES, EVENT, AUDIT = "invoicing_numberseries", "events_event", "tenants_auditentry"
TABLES = (INVOICE, ITEM, BUYER, SERIES, EVENT, AUDIT)
BUYER_COLUMNS = ("user_id", "name", "email", "address", "vat_id", "locale", "notes", "payment_instructions")
DETAILS = {"name": "Ada", "email": "a@example.com", "vatId": "DE123456789", "address": {"line1": "1 High St"}}


@pytest.fixture
def issued(invoices: Invoices, settings_of: Callable[..., Any]) -> list[dict[str, Any]]:
    """Five invoices with tax, items and a complete addressee; the third was a draft before."""
    settings_of(taxRate=1900, locale="en")
    fields: dict[str, Any] = {"customer": DETAILS, "notes": "N"}
    made = [invoices.make(10_000, 5, **fields), invoices.make(700, **fields)]
    made.append(invoices.act(invoices.draft(33, **fields), "finalise").json())
    made += [invoices.make(800, **fields), invoices.make(900, **fields)]
    return made


@pytest.fixture
def tamper(invoices: Invoices) -> Iterator[Callable[..., None]]:
    """Executes statements as the owner, in the tenant's scope, while no trigger of ours looks."""
    with owner_connection() as owner:

        def execute(*statements: str, **values: Any) -> None:
            with owner.transaction():
                owner.execute("SELECT set_config('ledger.tenant_id', %s, true)", [str(invoices.tenant.id)])
                for table in TABLES:
                    owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                for statement in statements:
                    done = owner.execute(statement, values)
                    assert done.rowcount != 0, f"met no row: {statement}"
                for table in TABLES:
                    owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

        yield execute


@contextmanager
def without(table: str, constraint: str, definition: str) -> Iterator[None]:
    """As if the owner had dropped a constraint. The flush after the test empties the table before others use it."""
    with owner_connection() as owner:
        owner.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        try:
            yield
        finally:
            owner.execute("TRUNCATE tenants_tenant CASCADE")
            owner.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}")


def verdict_of(invoices: Invoices) -> Verdict:
    with tenant_scope(invoices.tenant.id):
        return verify_numbering(tenant_id=invoices.tenant.id)


def findings(invoices: Invoices) -> list[str]:
    """`3: missing` for each finding, without the series."""
    return [f"{one.number.rpartition('-')[2].lstrip('0')}: {one.problem}" for one in verdict_of(invoices).findings]


def copy_of(table: str, where: str, **changes: str) -> str:
    """INSERT of a copy of a row with other values: `changes` are columns and SQL."""
    wanted = ", ".join(f"'{name}', {value}" for name, value in changes.items())
    return (
        f"INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object({wanted}))).* "
        f"FROM {table} t WHERE {where}"
    )


def removal(invoice: dict[str, Any]) -> list[str]:
    """Statements that delete one invoice with all its rows."""
    row = uuid_of(invoice)
    return [
        f"DELETE FROM {ITEM} WHERE invoice_id = '{row}'",
        f"DELETE FROM {BUYER} WHERE id = '{row}'",
        f"DELETE FROM {INVOICE} WHERE id = '{row}'",
    ]


def test_what_ledger_did_is_ok(invoices, issued):
    verdict = verdict_of(invoices)
    assert (verdict.findings, verdict.documents, verdict.series, verdict.more) == ([], 5, 1, 0)
    invoices.act(issued[0], "cancel")
    invoices.patch(issued[1], {"metadata": {"k": "v"}})
    invoices.draft(5)
    assert verdict_of(invoices).findings == []


def test_a_tenant_without_invoices_is_ok(invoices):
    verdict = verdict_of(invoices)
    assert (verdict.ok, verdict.documents, verdict.series) == (True, 0, 0)


CONTENT = {
    "amounts": (INVOICE, "total = total + 1, tax = tax + 1"),
    "currency": (INVOICE, "currency = 'USD'"),
    "due date": (INVOICE, "due_date = due_date + interval '1 day'"),
    "issue date": (INVOICE, "issued_at = issued_at - interval '1 day'"),
    "customer of the digest": (INVOICE, "skip_tax = NOT skip_tax"),
    "item text": (ITEM, "description = 'x'"),
    "item amount": (ITEM, "unit_price = unit_price + 1"),
    "item metadata": (ITEM, """metadata = '{"k": "v"}'"""),
    "tax rate of an item": (ITEM, """taxes = jsonb_set(taxes, '{0,rate}', '700')"""),
    "tax row": (INVOICE, """tax_breakdown = jsonb_set(tax_breakdown, '{0,label}', '"GST"')"""),
}


@pytest.mark.parametrize("what", CONTENT)
def test_altered_content_is_named(invoices, issued, tamper, what):
    table, change = CONTENT[what]
    tamper(f"UPDATE {table} SET {change} WHERE {'invoice_id' if table == ITEM else 'id'} = '{uuid_of(issued[1])}'")
    assert findings(invoices) == ["2: its content was altered"]


@pytest.mark.parametrize(
    ("table", "change"),
    [
        (INVOICE, """tax_breakdown = jsonb_set(tax_breakdown, '{0,comment}', '"x"')"""),
        (ITEM, """taxes = jsonb_set(taxes, '{0,comment}', '"x"')"""),
        (INVOICE, "tax_breakdown = tax_breakdown #- '{0,note}'"),
        (ITEM, "taxes = taxes #- '{0,rate}'"),
        (INVOICE, "tax_breakdown = '5'"),
        (INVOICE, "tax_breakdown = '[null]'"),
        (ITEM, """taxes = '{"label": "VAT"}'"""),
    ],
)
def test_tax_rows_with_other_fields_are_named(invoices, issued, tamper, table, change):
    tamper(f"UPDATE {table} SET {change} WHERE {'invoice_id' if table == ITEM else 'id'} = '{uuid_of(issued[1])}'")
    assert findings(invoices) == ["2: its tax rows have other fields than those that were issued"]


@pytest.mark.parametrize(
    ("table", "change"),
    [
        (INVOICE, "due_date = 'infinity'"),
        (INVOICE, "issued_at = '-infinity'"),
        (ITEM, "period_start = 'infinity'"),
        (ITEM, "metadata = '[1]'"),
        (ITEM, "metadata = 'null'"),
        (ITEM, "quantity = 'NaN'"),
        (INVOICE, """tax_breakdown = jsonb_set(tax_breakdown, '{0,rate}', '1e400')"""),
        (INVOICE, """tax_breakdown = jsonb_set(tax_breakdown, '{0,rate}', ('1' || repeat('0', 5000))::jsonb)"""),
    ],
)
def test_a_document_that_cannot_be_read_is_named_and_the_others_are_checked(invoices, issued, tamper, table, change):
    tamper(
        f"UPDATE {table} SET {change} WHERE {'invoice_id' if table == ITEM else 'id'} = '{uuid_of(issued[1])}'",
        f"UPDATE {ITEM} SET description = 'x' WHERE invoice_id = '{uuid_of(issued[3])}'",
    )
    verdict = verdict_of(invoices)
    assert verdict.documents == 5
    assert findings(invoices) in (
        ["2: cannot be read: its content was altered", "4: its content was altered"],
        ["2: its content was altered", "4: its content was altered"],
    )


def test_items_that_were_added_or_removed_are_counted(invoices, issued, tamper):
    tamper(f"DELETE FROM {ITEM} WHERE invoice_id = '{uuid_of(issued[0])}' AND position = 1")
    one = f"invoice_id = '{uuid_of(issued[1])}'"
    tamper(copy_of(ITEM, one, id="gen_random_uuid()", position="position + 1"))
    assert findings(invoices) == ["1: has 1 items instead of 2", "2: has 2 items instead of 1"]


@pytest.mark.parametrize("column", [*BUYER_COLUMNS, "salt"])
def test_an_altered_addressee_is_named(invoices, issued, tamper, column):
    value = {"address": "'{}'", "salt": "sha256('x')"}.get(column, "'x'")
    tamper(f"UPDATE {BUYER} SET {column} = {value} WHERE id = '{uuid_of(issued[1])}'")
    assert findings(invoices) == ["2: its addressee was altered"]


@pytest.mark.parametrize("kept", BUYER_COLUMNS)
def test_an_addressee_that_was_erased_in_part_is_named(invoices, issued, tamper, kept):
    value = "'{}'" if kept == "address" else "'x'"
    others = ", ".join(f"{column} = NULL" for column in (*BUYER_COLUMNS, "salt") if column != kept)
    tamper(f"UPDATE {BUYER} SET {kept} = {value}, {others} WHERE id = '{uuid_of(issued[1])}'")
    assert findings(invoices) == ["2: its addressee was erased in part"]


def test_an_erased_addressee_is_legitimate_and_a_missing_one_is_not(invoices, issued, tamper):
    nothing = ", ".join(f"{column} = NULL" for column in (*BUYER_COLUMNS, "salt"))
    tamper(f"UPDATE {BUYER} SET {nothing} WHERE id = '{uuid_of(issued[1])}'")
    assert findings(invoices) == []
    tamper(f"DELETE FROM {BUYER} WHERE id = '{uuid_of(issued[1])}'")
    assert findings(invoices) == ["2: its addressee row is missing"]


def test_a_deleted_document_in_the_middle_is_a_gap(invoices, issued, tamper):
    tamper(*removal(issued[2]))
    assert findings(invoices) == [
        "3: missing", "4: does not continue the chain of its predecessor", "3: was issued and is gone",
    ]  # fmt: skip


def put_back(last: int) -> str:
    """The series as it was when `last` was its last number."""
    head = f"SELECT chain_hash FROM {INVOICE} WHERE number = {last}"
    return f"UPDATE {SERIES} SET last_number = {last}, head = ({head})"


@pytest.mark.parametrize("memory", [EVENT, AUDIT])
def test_the_last_documents_cannot_be_removed_by_putting_the_series_back(invoices, issued, tamper, memory):
    tamper(put_back(3), *removal(issued[4]), *removal(issued[3]), f"DELETE FROM {memory}")
    assert findings(invoices) == ["4: was issued and is gone", "5: was issued and is gone"]


def test_a_document_that_is_issued_again_under_the_number_of_a_removed_one_is_named(invoices, issued, tamper):
    tamper(put_back(4), *removal(issued[4]))
    again = invoices.make(1)
    assert again["invoiceNumber"] == issued[4]["invoiceNumber"]
    assert findings(invoices) == ["5: was issued and is gone"]


def test_all_documents_cannot_be_removed_together_with_their_series(invoices, issued, tamper):
    tamper(*[one for invoice in issued for one in removal(invoice)], f"DELETE FROM {SERIES}")
    assert findings(invoices) == [f"{number}: was issued and is gone" for number in range(1, 6)]


def test_documents_without_a_series_are_named(invoices, issued, tamper):
    tamper(f"DELETE FROM {SERIES}")
    assert findings(invoices) == [": documents exist, but their series does not"]


def test_swapped_numbers_are_named(invoices, issued, tamper):
    change = f"UPDATE {INVOICE} SET number = %(to)s::bigint, invoice_number = %(text)s WHERE id = %(id)s"
    for invoice, number, text in (
        (issued[1], 99, "x"),
        (issued[2], 2, issued[1]["invoiceNumber"]),
        (issued[1], 3, issued[2]["invoiceNumber"]),
    ):
        tamper(change, to=number, text=text, id=uuid_of(invoice))
    found = findings(invoices)
    assert "2: does not continue the chain of its predecessor" in found
    assert "3: does not continue the chain of its predecessor" in found
    assert f"2: was issued and is now {issued[2]['invoiceNumber']}" in found
    assert f"3: was issued and is now {issued[1]['invoiceNumber']}" in found


def test_a_number_that_reads_otherwise_is_named(invoices, issued, tamper):
    tamper(f"UPDATE {INVOICE} SET invoice_number = 'INV-1' WHERE number = 2")
    assert findings(invoices) == ["2: reads 'INV-1'", "2: was issued and is now INV-1"]


def insertion(invoice: dict[str, Any], number: int) -> list[str]:
    """Statements that insert a copy of a whole invoice under another number."""
    row, copy = uuid_of(invoice), "11111111-1111-7111-8111-111111111111"
    text = invoice["invoiceNumber"].rpartition("-")[0] + f"-{number:04d}"
    return [
        copy_of(INVOICE, f"id = '{row}'", id=f"'{copy}'", number=str(number), invoice_number=f"'{text}'"),
        copy_of(BUYER, f"id = '{row}'", id=f"'{copy}'"),
        copy_of(ITEM, f"invoice_id = '{row}'", id="gen_random_uuid()", invoice_id=f"'{copy}'"),
    ]


@pytest.mark.parametrize("number", [0, -5])
def test_an_inserted_document_before_the_start_is_named(invoices, issued, tamper, number):
    tamper(*insertion(issued[1], number))
    found = findings(invoices)
    name = str(number).lstrip("-").strip("0")
    assert f"{name}: before the start of the series" in found
    assert f"{name}: was never announced: neither an event nor the audit trail knows it" in found
    assert not [one for one in found if one[0] in "1234"], "the others are still whole"


def test_an_inserted_document_after_the_head_is_named(invoices, issued, tamper):
    tamper(*insertion(issued[1], 6))
    assert "6: was never given by the series" in findings(invoices)


def test_a_document_that_was_appended_with_a_right_chain_was_never_announced(invoices, issued, tamper):
    text = issued[1]["invoiceNumber"].rpartition("-")[0] + "-0006"
    hashed = f"sha256(s.head || i.content_digest || convert_to('{text}', 'UTF8'))"
    tamper(
        *insertion(issued[1], 6),
        f"UPDATE {INVOICE} i SET chain_hash = {hashed} FROM {SERIES} s WHERE i.number = 6",
        f"UPDATE {SERIES} SET last_number = 6, head = (SELECT chain_hash FROM {INVOICE} WHERE number = 6)",
    )
    assert findings(invoices) == [
        "6: its content was altered", "6: was never announced: neither an event nor the audit trail knows it",
    ]  # fmt: skip


def test_a_number_that_stands_twice_is_named_and_the_chain_goes_on_with_the_right_one(invoices, issued, tamper):
    with without(INVOICE, "invoice_number_unique", "UNIQUE (tenant_id, series, year, number)"):
        tamper(*insertion(issued[1], 3))
        found = findings(invoices)
    assert "3: stands twice" in found
    assert not [one for one in found if one.startswith("4:")]
    assert not [one for one in found if "before the start" in one]


def test_an_issued_document_without_a_number_and_a_draft_with_one_are_named(invoices, issued, tamper):
    definition = ""
    with owner_connection() as owner:
        row = owner.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'invoice_issued_has_number'"
        ).fetchone()
        assert row is not None
        definition = row[0]
    with without(INVOICE, "invoice_issued_has_number", definition):
        tamper(
            f"UPDATE {INVOICE} SET number = NULL WHERE id = '{uuid_of(issued[1])}'",
            f"UPDATE {INVOICE} SET status = 'draft' WHERE id = '{uuid_of(issued[4])}'",
        )
        verdict = verdict_of(invoices)
    found = [(one.number, one.problem) for one in verdict.findings]
    assert (issued[1]["id"], "is issued and lacks its number") in found
    assert (issued[4]["id"], "is a draft and has a number") in found


def test_a_series_with_another_head_is_named(invoices, issued, tamper):
    tamper(f"UPDATE {SERIES} SET head = sha256('x')")
    assert findings(invoices) == ["5: is not the head of the chain"]


def test_altered_events_do_not_end_the_check(invoices, issued, tamper):
    tamper(f"UPDATE {EVENT} SET data = 'nothing' WHERE object_id = '{uuid_of(issued[1])}'")
    assert findings(invoices) == []
    tamper(*removal(issued[4]), put_back(4), f"UPDATE {EVENT} SET data = '{{'")
    assert findings(invoices) == ["5: was issued and is gone"]


def test_more_than_a_hundred_findings_are_counted(invoices, tamper):
    invoices.make(5)
    columns = "tenant_id, type, object_type, occurred_at, trace_id"
    tamper(
        f"INSERT INTO {EVENT} (id, object_id, data, {columns}) SELECT gen_random_uuid(), gen_random_uuid(), "
        f"replace(e.data, '-0001\"', '-' || lpad((g + 1000)::text, 4, '0') || '\"'), {columns} FROM {EVENT} e, "
        f"generate_series(1, 130) g WHERE e.type = 'invoice.finalised'"
    )
    verdict = verdict_of(invoices)
    assert (len(verdict.findings), verdict.more) == (100, 30)
    status, out = run("verify_numbering", "--tenant", invoices.tenant.slug)
    assert (status, out.rstrip().endswith("\n  and 30 more")) == (1, True)


def run(*arguments: str) -> tuple[int, str]:
    """Exit status and stdout of a command."""
    out = io.StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=io.StringIO())
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def test_the_command_names_what_it_found_and_ends_with_1(invoices, issued, tamper):
    assert run("verify_numbering", "--tenant", invoices.tenant.slug)[0] == 0
    tamper(f"UPDATE {ITEM} SET description = 'x' WHERE invoice_id = '{uuid_of(issued[1])}'")
    status, out = run("verify_numbering")
    assert status == 1
    assert f"{issued[1]['invoiceNumber']}: its content was altered" in out
    status, out = run("verify_numbering", "--json")
    (result,) = json.loads(out)["tenants"]
    assert (status, result["ok"], result["documents"], result["moreFindings"]) == (1, False, 5, 0)
    assert [one["problem"] for one in result["findings"]] == ["its content was altered"]


def test_a_series_starts_in_a_year_that_can_be(invoices):
    for year in ("1999", "2200", "x", "-1"):
        with pytest.raises(CommandError, match=r"--year: must be a year from 2000 to 2199") as refused:
            call_command("start_series", "--tenant", invoices.tenant.slug, f"--year={year}", "--first", "5")
        assert len(str(refused.value)) < 100
    assert run("start_series", "--tenant", invoices.tenant.slug, "--year", "2030", "--first", "4712")[0] == 0
    with tenant_scope(invoices.tenant.id):
        series = NumberSeries.objects.get(year=2030)
    assert (series.start, bytes(series.head)) == (4712, genesis(invoices.tenant.id, "INV", 2030))
    assert verdict_of(invoices).ok
