"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

from ledger_project.processes import bound_writers, check_connection, tie_to_supervisor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger_project.settings")
tie_to_supervisor()
application = get_wsgi_application()
bound_writers()
check_connection()
