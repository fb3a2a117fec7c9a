"""What happens before a worker's pool is forked, and when it is ready."""

from __future__ import annotations

import gc

from django.conf import settings

from ledger_project.worker.board import Board
from ledger_project.worker.lanes import read_lanes
from ledger_project.worker.server import HealthServer, serve_from_a_fork, take_port
from ledger_project.worker.tasks import use_board

_board: Board | None = None
_server: HealthServer | None = None


def prepare() -> None:
    """Make the lanes and take the port.

    Raises ValueError for `WORKER_LANES` that cannot be read, and `worker.server.PortTaken`.
    """
    global _board, _server
    _board = Board(read_lanes(settings.WORKER_LANES))
    use_board(_board)
    if settings.WORKER_PORT:
        _server = take_port(settings.HOST, settings.WORKER_PORT, _board)


def before_fork() -> None:
    """The pool is about to fork a process: everything is loaded. The port's process comes first, once."""
    global _server
    # Out of sight of the collector, the pages of what is loaded stay shared with the forked processes.
    gc.collect()
    gc.freeze()
    if _server is not None:
        serve_from_a_fork(_server)
        _server = None


def say_ready() -> None:
    """Tasks are taken from now on."""
    if _server is not None:  # a pool that does not fork
        before_fork()
    if _board is not None:
        _board.say_ready()
