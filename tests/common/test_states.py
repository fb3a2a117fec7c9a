"""State machines: the table is the truth, and a table that cannot be true is refused."""

from enum import IntEnum, StrEnum
from typing import Any

import pytest
from django.db.models import TextChoices

from common.errors import Conflict
from common.states import InvalidStateMachine, StateMachine, TransitionRefused


class Status(TextChoices):
    DRAFT = "draft", "Draft"
    OPEN = "open", "Open"
    PAID = "paid", "Paid"
    VOID = "void", "Void"


class Command(StrEnum):
    FINALISE = "finalise"
    PAY = "pay"
    SETTLE = "settle"
    VOID = "void"


TABLE = {
    (Status.DRAFT, Command.FINALISE): Status.OPEN,
    (Status.OPEN, Command.PAY): Status.PAID,
    (Status.OPEN, Command.SETTLE): Status.PAID,
    (Status.OPEN, Command.VOID): Status.VOID,
}
MACHINE = StateMachine("invoice", TABLE, initial=Status.DRAFT)


@pytest.mark.parametrize("current", list(Status))
@pytest.mark.parametrize("command", list(Command))
def test_exactly_the_transitions_of_the_table_are_possible(current, command):
    if (current, command) in TABLE:
        assert MACHINE.next_state(current, command) is TABLE[current, command]
        assert command in MACHINE.allowed(current)
    else:
        assert command not in MACHINE.allowed(current)
        with pytest.raises(TransitionRefused) as caught:
            MACHINE.next_state(current, command)
        refusal = caught.value
        assert (refusal.machine, refusal.current, refusal.command) == ("invoice", current, command)


def test_a_refused_transition_is_a_conflict_that_says_what_stands_against_it():
    with pytest.raises(Conflict) as caught:
        MACHINE.next_state(Status.PAID, Command.VOID)
    assert (caught.value.status, caught.value.code) == (409, "transition_refused")
    assert caught.value.message == "The invoice is paid: the command void is not possible."


def test_the_string_of_a_database_row_is_a_state_and_the_answer_a_member():
    assert MACHINE.next_state("draft", Command.FINALISE) is Status.OPEN
    assert MACHINE.allowed("open") == (Command.PAY, Command.SETTLE, Command.VOID)
    with pytest.raises(ValueError, match="not a state of the invoice machine"):
        MACHINE.next_state("gone", Command.PAY)


def test_terminal_states_are_those_that_nothing_leads_out_of():
    assert MACHINE.terminal_states() == {Status.PAID, Status.VOID}


def test_the_diagram_shows_every_way_once():
    assert MACHINE.to_mermaid() == (
        "stateDiagram-v2\n"
        "    [*] --> draft\n"
        "    draft --> open: finalise\n"
        "    open --> paid: pay, settle\n"
        "    open --> void: void\n"
        "    paid --> [*]\n"
        "    void --> [*]\n"
    )


def test_a_state_that_nothing_leads_to_is_refused():
    table = {way: target for way, target in TABLE.items() if target is not Status.VOID}
    with pytest.raises(InvalidStateMachine, match="nothing leads to void"):
        StateMachine("invoice", table, initial=Status.DRAFT)
    assert StateMachine("invoice", table, initial=[Status.DRAFT, Status.VOID]).initial == (Status.DRAFT, Status.VOID)
    assert StateMachine("invoice", table).initial == ()


def test_a_circle_apart_from_the_beginning_is_refused():
    circle = {(Status.PAID, Command.VOID): Status.VOID, (Status.VOID, Command.PAY): Status.PAID}
    table = {(Status.DRAFT, Command.FINALISE): Status.OPEN} | circle
    with pytest.raises(InvalidStateMachine, match="nothing leads to paid, void"):
        StateMachine("invoice", table, initial=Status.DRAFT)


class Other(StrEnum):
    OPEN = "open"


class Number(IntEnum):
    ONE = 1


tables: list[Any] = [
    {},
    {(Status.DRAFT, Command.FINALISE): Other.OPEN},
    {(Status.DRAFT, Command.FINALISE): Status.OPEN, (Status.OPEN, Other.OPEN): Status.PAID},
    {("draft", Command.FINALISE): Status.OPEN},
    {(Status.DRAFT, "finalise"): Status.OPEN},
    {(Number.ONE, Command.PAY): Number.ONE},
]


@pytest.mark.parametrize("table", tables)
def test_a_table_that_is_empty_or_mixes_kinds_is_refused(table):
    with pytest.raises(InvalidStateMachine):
        StateMachine("invoice", table)


def test_a_beginning_of_another_kind_is_refused():
    beginning: Any = Other.OPEN
    with pytest.raises(InvalidStateMachine):
        StateMachine("invoice", TABLE, initial=beginning)


def test_a_machine_keeps_its_table_when_the_callers_changes():
    table = dict(TABLE)
    machine = StateMachine("invoice", table, initial=Status.DRAFT)
    table.clear()
    assert machine.next_state(Status.DRAFT, Command.FINALISE) is Status.OPEN
