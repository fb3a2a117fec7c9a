"""`python -m ledger_project.supervisor`: what `bin/up` runs."""
import os, sys
from pathlib import Path
from ledger_project.environment import ledger_home
from ledger_project.database import prepare_database
from ledger_project.supervisor.home import Home, write_private
from ledger_project.supervisor.log import SharedLog
from ledger_project.supervisor.loop import Supervisor, Stopping
from ledger_project.supervisor.services import PostgreSQL, Redis
home = Home(ledger_home()); log = SharedLog(home.log)
sup = Supervisor(home, log); home.secrets()
try:
    pg, rd = PostgreSQL(home), Redis(home)
    pg.start(sup); rd.start(sup)
    prepare_database(pg.url("ledger_owner"), pg.url("ledger_app"), superuser_url=pg.url("postgres"), notice=log.say)
    write_private(home.path/"services.json", {"databaseUrl": pg.url("ledger_app"), "databaseOwnerUrl": pg.url("ledger_owner"), "redisUrl": rd.url()})
    log.say("ready")
    sup.watch()
except Stopping: pass
finally:
    sup.stop(("redis",), ("postgres",)); log.say("stopped")
