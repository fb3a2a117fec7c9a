"""Where a request's processor time goes: requests through the WSGI application in this process, one after the other.

`python -m benchmarks profile` runs this as a program inside a stack. Without HTTP server and without other threads the
figures move little, so that two ways of doing something can be compared on a busy machine.
"""

from __future__ import annotations

import cProfile
import io
import json
import os
import pstats
import random
import statistics
import sys
import time
from typing import Any

from benchmarks.cpu import usage
from benchmarks.load import invoice_bodies

BATCH = 50
BATCHES = 60
LINES = 110


def main() -> None:
    """argv: JSON with `tenants` and `postgres` (its process). Prints figures and the profile."""
    given = json.loads(sys.argv[1])
    from ledger_project.wsgi import application

    dice = random.Random(1)
    tenants = given["tenants"]
    bodies = [invoice_bodies(tenant["customers"], dice) for tenant in tenants]
    counter, name = 0, os.urandom(6).hex()

    def run(count: int) -> None:
        nonlocal counter
        for _ in range(count):
            counter += 1
            who = counter % len(tenants)
            post(application, tenants[who]["key"], f"{name}-{counter}", dice.choice(bodies[who]))

    run(1000)
    roots = {"postgres": given["postgres"]}
    before, started = usage(roots), counter
    own, loops = [], []
    for _ in range(BATCHES):
        at = time.process_time()
        run(BATCH)
        own.append((time.process_time() - at) / BATCH * 1e6)
        loops.append(yardstick())
    postgres = usage(roots).since(before).groups["postgres"] / (counter - started) * 1e6
    figures = {
        "python": round(statistics.median(own)),
        "lower decile": round(sorted(own)[len(own) // 10]),
        "postgres": round(postgres),
    }
    figures["yardstick"] = round(statistics.median(loops))
    sys.stdout.write(f"CPU µs per request: {figures}\n")
    if given.get("profile"):
        profile = cProfile.Profile(time.process_time)
        profile.runcall(run, 1000)
        text = io.StringIO()
        pstats.Stats(profile, stream=text).sort_stats(given["profile"]).print_stats(LINES)
        sys.stdout.write(text.getvalue())


def yardstick() -> float:
    """Processor time in µs of a fixed piece of Python: it rises when the machine gets slower, not the code."""
    at = time.process_time()
    for _ in range(20):
        json.loads(json.dumps({str(number): [number, None, "text"] for number in range(100)}))
    return (time.process_time() - at) / 20 * 1e6


def post(application: Any, key: str, idempotency_key: str, body: bytes) -> bytes:
    """One POST as a WSGI server passes it on."""
    environ = {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/api/invoices", "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "5002", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost", "HTTP_AUTHORIZATION": f"ServiceKey {key}", "HTTP_ACCEPT": "application/json",
        "HTTP_USER_AGENT": "ledger-benchmark", "HTTP_IDEMPOTENCY_KEY": idempotency_key,
        "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)), "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr,
        "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
    }  # fmt: skip
    answered: list[str] = []
    response = application(environ, lambda status, headers: answered.append(status))
    answer = b"".join(response)
    response.close()
    if not answered[0].startswith("201"):
        raise SystemExit(f"{answered[0]}: {answer[:500]!r}")
    return answer


if __name__ == "__main__":
    main()
