"""`python -m ledger_project.supervisor`: what `bin/up` runs. `manage.py up` is the same, with Django loaded first."""

import sys

from ledger_project.supervisor.up import main

if __name__ == "__main__":
    sys.exit(main())
