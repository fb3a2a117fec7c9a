"""`python -m ledger_project.demo`: what `bin/up --demo` runs."""

import sys

from ledger_project.demo.steps import STORY
from ledger_project.demo.story import tell

if __name__ == "__main__":
    sys.exit(tell(STORY))
