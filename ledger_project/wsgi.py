"""The WSGI application that granian serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from ledger_project.processes import bound_writers, check_connection, tie_to_supervisor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger_project.settings")
tie_to_supervisor()
application = get_wsgi_application()
bound_writers()
check_connection()
# What is loaded stays; out of sight of the collector it costs nothing when the objects of a large invoice wake it.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)
