"""The worker's own port: `/healthz` and `/metrics`, from a small process that the worker forks before its pool.

A process and not a thread, so that the worker forks its pool without another thread that might hold a lock just then.
It ends with the worker.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final

import redis
from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry
from redis.backoff import NoBackoff
from redis.retry import Retry

from ledger_project.supervisor.tether import die_with_parent
from ledger_project.worker.board import Board

QUEUE: Final = "celery"
STUCK_SECONDS: Final = 120.0
REQUEST_SECONDS: Final = 10.0
CONNECTIONS: Final = 8
REDIS_SECONDS: Final = 2.0

logger = logging.getLogger(__name__)


class PortTaken(Exception):
    """The port cannot be listened on; the message is for the operator."""


def take_port(host: str, port: int, board: Board) -> HealthServer:
    """Listen, without answering yet. Raises `PortTaken`."""
    try:
        return HealthServer(host, port, board)
    except (OSError, OverflowError) as problem:
        raise PortTaken(
            f"The worker cannot listen on port {port} of {host} ({problem}). Set WORKER_PORT to another one, or to 0 "
            "for none."
        ) from problem


def serve_from_a_fork(server: HealthServer) -> None:
    """Answer from a forked process for as long as this one lives."""
    worker = os.getpid()
    if os.fork():
        server.socket.close()
        return
    try:
        # Ctrl-C is for the worker, which first finishes its tasks.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        die_with_parent(worker)
        server.serve_beside(worker)
    finally:
        os._exit(0)


def liveness(board: Board, *, waiting: int | None) -> tuple[HTTPStatus, str]:
    """The answer of `/healthz`. `waiting`: how many messages wait in Redis, None when it does not answer.

    Only what a restart would cure counts: messages wait, and no process of the pool has begun one for two minutes. A
    Redis or PostgreSQL that is away is no fault of the worker; it goes on by itself.
    """
    if not board.ready:
        return HTTPStatus.SERVICE_UNAVAILABLE, "starting"
    if waiting and board.idle_seconds > STUCK_SECONDS:
        return HTTPStatus.SERVICE_UNAVAILABLE, "stuck"
    return HTTPStatus.OK, "ok"


def waiting_messages() -> int | None:
    """How many messages wait in Redis; None when it does not answer."""
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )  # fmt: skip
    try:
        return int(client.llen(QUEUE))
    except redis.RedisError:
        return None
    finally:
        client.close()


class BoardCollector(Collector):
    """What the processes of this worker do just now."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> list[Metric]:
        """The gauges, read now."""
        places = GaugeMetricFamily("ledger_worker_lane_places", "Processes that a lane may take.", labels=["lane"])
        busy = GaugeMetricFamily("ledger_worker_lane_busy", "Processes that work in a lane.", labels=["lane"])
        for lane, count in self._board.lanes.items():
            places.add_metric([lane], count)
            busy.add_metric([lane], self._board.busy(lane))
        idle = GaugeMetricFamily(
            "ledger_worker_idle_seconds", "Time since a task last began. Beat sends one each second.",
            self._board.idle_seconds,
        )  # fmt: skip
        gauges: list[Metric] = [places, busy, idle]
        if (waiting := waiting_messages()) is not None:
            gauges.append(GaugeMetricFamily("ledger_worker_queue", "Messages that wait in Redis.", waiting))
        return gauges


class _Handler(BaseHTTPRequestHandler):
    server: HealthServer
    server_version = "Ledger"
    sys_version = ""

    def do_GET(self) -> None:
        """The two pages, and nothing else."""
        path = self.path.partition("?")[0]
        if path == "/healthz":
            status, word = liveness(self.server.board, waiting=waiting_messages())
            self._answer(status, "application/json", json.dumps({"status": word}).encode())
        elif path == "/metrics":
            self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self.server.registry()))
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"The worker has /healthz and /metrics.\n")

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: a line per probe would bury everything else."""


class HealthServer(HTTPServer):
    """A few requests at a time, each in its thread and none for longer than ten seconds."""

    request_queue_size = 32

    def __init__(self, host: str, port: int, board: Board) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.board = board
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        super().__init__((host, port), _Handler)

    def serve_beside(self, worker: int) -> None:
        """Answer until the process `worker`, our parent, is gone."""
        self._worker = worker
        self.serve_forever(poll_interval=0.5)

    def service_actions(self) -> None:
        """Between requests: see whether the worker still lives, where the kernel does not tell us."""
        if os.getppid() != self._worker:
            os._exit(0)

    def registry(self) -> CollectorRegistry:
        """What the worker's processes have counted, what they do now, and the backlog."""
        # Here and not above: this needs Django's apps, which the worker loads later than this module.
        from ledger_project.health import together

        registry = together()
        registry.register(BoardCollector(self.board))
        return registry

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand the connection to a thread of its own, or close it when too many are open."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        threading.Thread(target=self._serve, args=(request, client_address), daemon=True).start()

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        deadline = threading.Timer(REQUEST_SECONDS, _cut, [request])
        deadline.daemon = True
        deadline.start()
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # The client went away, or was too slow.
        except Exception:
            logger.exception("The worker's port could not answer")
        finally:
            deadline.cancel()
            self.shutdown_request(request)
            self._places.release()


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
