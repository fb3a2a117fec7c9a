"""Pages of commands and answers, as in `docs/recipes`: read, run in a shell, and compared with what comes back."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ANYTHING = "…"
MANAGE = ".venv/bin/python manage.py "
_BLOCK = re.compile(r"^```(\w+)(?: (\d{3}))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SCOPES = re.compile(r"^Scopes: (.+?)\. ", re.MULTILINE)
_PAUSE = re.compile(r"sleep (\d+)")
_NAME = re.compile(r"\$([A-Z_]+)")
_STATUS = re.compile(r"status (\d{3})")
_OK = (200, 201)
# Each exchange is told on standard error, which a reader does not see.
_CURL = 'write-out = "%{stderr}status %{http_code}\\n"\n'


@dataclass(frozen=True)
class Answer:
    """What the page shows: JSON (`shown`) or, as it was written, text. `status` is named when it is a refusal."""

    kind: str
    text: str
    status: int | None

    def shown(self) -> list[Any]:
        """The values of a block of JSON: one after the other, as the calls before it print them."""
        return list(values(self.text))


@dataclass
class Step:
    """Commands that are pasted at once, and the answers that the page shows below them."""

    line: int
    commands: str
    answers: list[Answer] = field(default_factory=list)


def steps(page: str) -> list[Step]:
    """What is to be done on a page, in its order."""
    found: list[Step] = []
    for block in _BLOCK.finditer(page):
        kind, status, text = block.groups()
        if kind == "sh":
            found.append(Step(page.count("\n", 0, block.start()) + 1, text))
        else:
            assert kind in ("json", "text"), f"A block of {kind} is neither a command nor an answer."
            assert found, "An answer without a command."
            found[-1].answers.append(Answer(kind, text, int(status) if status else None))
    return found


def scopes(page: str) -> list[str]:
    """What the key of a reader must be allowed to do."""
    line = _SCOPES.search(page)
    assert line is not None, "The page does not say which scopes it needs."
    return re.findall(r"`([a-z]+:[a-z]+)`", line[1])


def values(text: str) -> Iterator[Any]:
    """The JSON values that stand one after the other."""
    decoder, place = json.JSONDecoder(), 0
    while rest := text[place:].lstrip():
        value, end = decoder.raw_decode(rest)
        yield value
        place = len(text) - len(rest) + end


def differences(shown: Any, given: Any, place: str = "answer") -> list[str]:
    """Where what is given is not what is shown. Fields that are not shown do not count.

    `…` in a string is any text, a list that ends with `…` names some of its items, in their order.
    """
    if isinstance(shown, dict) and isinstance(given, dict):
        missing = [f"{place}.{name} is not there" for name in shown if name not in given]
        return missing + [
            one for name in shown if name in given for one in differences(shown[name], given[name], f"{place}.{name}")
        ]
    if isinstance(shown, list) and isinstance(given, list):
        if shown[-1:] == [ANYTHING]:
            return _some(shown[:-1], given, place)
        if len(shown) != len(given):
            return [f"{place} has {len(given)} items instead of {len(shown)}: {given!r}"]
        pairs = enumerate(zip(shown, given, strict=True))
        return [one for number, pair in pairs for one in differences(*pair, f"{place}[{number}]")]
    if isinstance(shown, str) and isinstance(given, str):
        same = pattern(shown).fullmatch(given) is not None
    else:
        same = type(shown) is type(given) and shown == given
    return [] if same else [f"{place} is {given!r} instead of {shown!r}"]


def _some(shown: Sequence[Any], given: Sequence[Any], place: str) -> list[str]:
    rest = iter(given)
    lost = [one for one in shown if not any(not differences(one, other) for other in rest)]
    return [f"{place} has no item {lost[0]!r} in its order: {given!r}"] if lost else []


def pattern(shown: str) -> re.Pattern[str]:
    """The texts that a text with `…` stands for."""
    return re.compile(".+".join(re.escape(part) for part in shown.split(ANYTHING)))


class Shell:
    """A shell in which a page is pasted block by block, with a reader's `.ledger/credentials.json` in its folder."""

    def __init__(self, folder: Path, *, key: str) -> None:
        (folder / ".ledger").mkdir()
        (folder / ".ledger" / "credentials.json").write_text(json.dumps({"serviceKey": key}, indent=2))
        (folder / ".curlrc").write_text(_CURL)
        self.told = folder / "stderr"
        self._ends = (f"end of block {number} {folder.name}" for number in itertools.count())
        with self.told.open("w") as told:
            self._process = subprocess.Popen(
                ["bash", "--norc", "--noprofile"],
                cwd=folder,
                env={"PATH": os.environ["PATH"], "CURL_HOME": str(folder), "LC_ALL": "C.UTF-8"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=told,
                text=True,
            )

    def run(self, commands: str) -> tuple[str, list[int]]:
        """What a block prints, and the statuses of its exchanges. Whatever complains fails."""
        output, told = self._paste(commands)
        complaints = [line for line in told if not _STATUS.fullmatch(line)]
        assert complaints == []
        return output, [int(line.removeprefix("status ")) for line in told]

    def value(self, name: str) -> str:
        """What a variable holds."""
        return self._paste(f'printf "%s" "${name}"\n')[0]

    def close(self) -> None:
        """The reader closes the window."""
        self._process.communicate()

    def _paste(self, commands: str) -> tuple[str, list[str]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        before, end = self.told.stat().st_size, next(self._ends)
        self._process.stdin.write(f"{commands}\nprintf '\\n%s\\n' '{end}'\n")
        self._process.stdin.flush()
        lines: list[str] = []
        while (line := self._process.stdout.readline()) != f"{end}\n":
            assert line, f"The shell has ended: {self.told.read_text()}"
            lines.append(line)
        with self.told.open() as told:
            told.seek(before)
            return "".join(lines).removesuffix("\n"), told.read().splitlines()


@dataclass(frozen=True)
class Reader:
    """Follows pages: pastes commands into a shell, runs those of operators, waits, and compares."""

    shell: Shell
    manage: Callable[[list[str]], str]
    wait: Callable[[int], None]

    def follow(self, step: Step) -> list[str]:
        """Do what a step says; how what comes back differs from what it shows."""
        if pause := _PAUSE.fullmatch(step.commands.strip()):
            self.wait(int(pause[1]))
            return []
        if step.commands.startswith(MANAGE):
            return self._texts(step, self.manage(step.commands.removeprefix(MANAGE).split()))
        output, statuses = self.shell.run(step.commands)
        refused = [status for status in statuses if status not in _OK]
        expected = [answer.status for answer in step.answers if answer.status is not None]
        wrong = [] if refused == expected else [f"statuses are {statuses}, refusals should be {expected}: {output}"]
        if any(answer.kind == "text" for answer in step.answers):
            return wrong + self._texts(step, output)
        given, shown = list(values(output)), [one for answer in step.answers for one in answer.shown()]
        if len(given) != len(shown):
            return [*wrong, f"{len(given)} answers came instead of {len(shown)}: {output}"]
        pairs = zip(shown, given, strict=True)
        return wrong + [one for pair in pairs for one in differences(self._filled(pair[0]), pair[1])]

    def _texts(self, step: Step, output: str) -> list[str]:
        shown = "".join(answer.text for answer in step.answers).splitlines()
        return differences([self._filled(line) for line in shown], output.splitlines())

    def _filled(self, shown: Any) -> Any:
        """What is shown, with the values of the shell's variables."""
        if isinstance(shown, dict):
            return {name: self._filled(value) for name, value in shown.items()}
        if isinstance(shown, list):
            return [self._filled(value) for value in shown]
        return _NAME.sub(lambda name: self.shell.value(name[1]), shown) if isinstance(shown, str) else shown
