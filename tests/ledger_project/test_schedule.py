"""Beat sends names: a name that no worker knows would be dropped with a line in the log."""

from __future__ import annotations

import pytest

from ledger_project.celery import app
from ledger_project.schedule import SCHEDULE


@pytest.mark.parametrize("name", SCHEDULE)
def test_every_entry_names_a_task_that_exists(name: str):
    app.loader.import_default_modules()
    assert SCHEDULE[name]["task"] in app.tasks


def test_every_task_of_ours_is_named_by_its_path():
    app.loader.import_default_modules()
    ours = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}
    assert ours
    assert {name: f"{task.__module__}.{task.__name__}" for name, task in ours.items()} == {name: name for name in ours}
