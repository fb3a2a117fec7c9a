"""State machines as tables: which command leads from which state to which, and nothing else.

INVOICE = StateMachine(
    "invoice",
    {(Status.DRAFT, Command.FINALISE): Status.PENDING, (Status.PENDING, Command.PAY): Status.PAID},
    initial=Status.DRAFT,
)
"""

from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Generic, TypeVar

from common.errors import Conflict

State = TypeVar("State", bound=Enum)
Command = TypeVar("Command", bound=Enum)


class TransitionRefused(Conflict):
    """The table has no way from the current state by this command."""

    code = "transition_refused"
    message = "The state of the object does not allow this."

    def __init__(self, machine: str, current: Enum, command: Enum) -> None:
        super().__init__(f"The {machine} is {current.value}: the command {command.value} is not possible.")
        self.machine = machine
        self.current = current
        self.command = command


class InvalidStateMachine(ValueError):
    """The table of a state machine contradicts itself or has states that nothing leads to."""


class StateMachine(Generic[State, Command]):
    """A table of transitions over an enumeration of states and one of commands, both of strings.

    States may also be given as the plain strings that a database row holds; answers are always members.
    With `initial`, one state or several in which an object may begin, every state of the enumeration must be
    reachable from there. Raises InvalidStateMachine for an empty table, for one that mixes enumerations, and for
    unreachable states.
    """

    def __init__(
        self,
        name: str,
        transitions: Mapping[tuple[State, Command], State],
        *,
        initial: State | Collection[State] | None = None,
    ) -> None:
        if not transitions:
            raise InvalidStateMachine(f"The {name} machine has no transitions.")
        self.name = name
        self.transitions: Mapping[tuple[State, Command], State] = MappingProxyType(dict(transitions))
        self.initial: tuple[State, ...] = _as_members(initial)
        self._states = type(next(iter(transitions.values())))
        self._check_kinds()
        if self.initial:
            self._check_reachable()

    def next_state(self, current: State | str, command: Command) -> State:
        """The state after `command`. Raises TransitionRefused where the table has no such way."""
        state = self._member(current)
        following = self.transitions.get((state, command))
        if following is None:
            raise TransitionRefused(self.name, state, command)
        return following

    def allowed(self, current: State | str) -> tuple[Command, ...]:
        """The commands that are possible in a state, in the order of the table."""
        state = self._member(current)
        return tuple(command for source, command in self.transitions if source == state)

    def terminal_states(self) -> frozenset[State]:
        """The states that nothing leads out of."""
        return frozenset(self._states) - {source for source, _ in self.transitions}

    def to_mermaid(self) -> str:
        """The table as a Mermaid state diagram, for the documentation; ends with a newline."""
        return "\n".join(self._diagram()) + "\n"

    def _diagram(self) -> Iterator[str]:
        yield "stateDiagram-v2"
        for state in self.initial:
            yield f"    [*] --> {state.value}"
        commands: dict[tuple[State, State], list[str]] = {}
        for (source, command), target in self.transitions.items():
            commands.setdefault((source, target), []).append(command.value)
        for (source, target), names in commands.items():
            yield f"    {source.value} --> {target.value}: {', '.join(names)}"
        terminal = self.terminal_states()
        for state in self._states:
            if state in terminal:
                yield f"    {state.value} --> [*]"

    def _member(self, state: State | str) -> State:
        if isinstance(state, self._states):
            return state
        try:
            return self._states(state)
        except ValueError:
            raise ValueError(f"{state!r} is not a state of the {self.name} machine.") from None

    def _check_kinds(self) -> None:
        commands = {type(command) for _, command in self.transitions}
        states = {type(source) for source, _ in self.transitions} | {type(to) for to in self.transitions.values()}
        if len(states | {type(state) for state in self.initial}) > 1 or len(commands) > 1:
            raise InvalidStateMachine(f"The {self.name} machine mixes several kinds of states or commands.")
        for kind in states | commands:
            if not issubclass(kind, Enum) or not issubclass(kind, str):
                raise InvalidStateMachine(
                    f"The {self.name} machine needs enumerations of strings, not {kind.__name__}."
                )

    def _check_reachable(self) -> None:
        reached: set[State] = set()
        waiting = list(self.initial)
        while waiting:
            state = waiting.pop()
            if state not in reached:
                reached.add(state)
                waiting.extend(target for (source, _), target in self.transitions.items() if source == state)
        missing = [str(state.value) for state in self._states if state not in reached]
        if missing:
            raise InvalidStateMachine(f"In the {self.name} machine nothing leads to {', '.join(missing)}.")


def _as_members(initial: State | Collection[State] | None) -> tuple[State, ...]:
    if initial is None:
        return ()
    return (initial,) if isinstance(initial, Enum) else tuple(initial)
