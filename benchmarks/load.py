"""The clients: closed loops over kept-alive connections, one request in flight on each.

Raw sockets in one epoll loop per process, so that the client costs little beside what it measures. As a program it is a
worker of `benchmarks.workers`.
"""

from __future__ import annotations

import json
import os
import random
import select
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from benchmarks.workers import answer_of_worker, dealt_out, plan_of_worker

BODIES_PER_TENANT = 200
_NUMBER = '"invoiceNumber":"'


@dataclass
class Client:
    """One connection and the request it waits for."""

    socket: socket.socket
    tenant: int
    prefix: bytes
    bodies: list[bytes]
    asked_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    def ask(self, key: bytes, body: bytes) -> None:
        """Send the next request."""
        self.received.clear()
        self.asked_at = time.monotonic()
        self.socket.sendall(
            b"%bIdempotency-Key: %b\r\nContent-Length: %d\r\n\r\n%b" % (self.prefix, key, len(body), body)
        )

    def answer(self) -> tuple[int, bytes] | None:
        """Read what has come: status and body once they are whole."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError("The server closed the connection.")
        self.received += chunk
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self.received[:end]).lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 : head.find(b"\r", at) if head.find(b"\r", at) > 0 else None])
        if len(self.received) < end + 4 + length:
            return None
        return int(head[9:12]), bytes(self.received[end + 4 :])


def plans(
    port: int, path: str, tenants: list[dict[str, Any]], clients: int, *, processes: int = 2
) -> list[dict[str, Any]]:
    """Plans for `clients` clients spread over the tenants (`key`, and `customers` or ready `bodies`)."""
    seats = [{"tenant": index % len(tenants), **tenants[index % len(tenants)]} for index in range(clients)]
    return [{"port": port, "path": path, "seats": hand} for hand in dealt_out(seats, min(processes, clients))]


def invoice_bodies(customers: list[str], dice: random.Random) -> list[bytes]:
    """Invoices of three items for customers that exist."""
    return [
        json.dumps(
            {
                "userId": dice.choice(customers),
                "items": [
                    {"description": text, "unitPrice": dice.randint(100, 50_000), "quantity": dice.randint(1, 5)}
                    for text in ("Consulting, per hour", "Hosting, per month", "Travel")
                ],
                "metadata": {"order": f"o-{dice.randint(1, 10**9)}"},
            }
        ).encode()
        for _ in range(BODIES_PER_TENANT)
    ]


def request_prefix(path: str, key: str) -> bytes:
    """The request line and the headers that stay the same."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ServiceKey {key}\r\n"
        "Content-Type: application/json\r\nAccept: application/json\r\nUser-Agent: ledger-benchmark\r\n"
    ).encode()


def main() -> None:
    """The worker: all seats of the plan in one loop."""
    plan = plan_of_worker()
    dice = random.Random()
    waiting = select.epoll()
    clients: dict[int, Client] = {}
    for seat in plan["seats"]:
        connection = socket.create_connection(("127.0.0.1", plan["port"]))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        prefix = request_prefix(plan["path"], seat["key"])
        given = [body.encode() for body in seat.get("bodies", [])]
        client = Client(connection, seat["tenant"], prefix, given or invoice_bodies(seat["customers"], dice))
        clients[connection.fileno()] = client
        waiting.register(connection, select.EPOLLIN)
    time.sleep(max(0.0, plan["begin"] - time.monotonic()))
    latencies: list[float] = []
    numbers: list[tuple[int, str]] = []
    refusals: list[str] = []
    named = plan.get("named", _NUMBER).encode()  # what stands before the name of what was made
    name, asked = os.urandom(8).hex().encode(), 0
    start, end = plan["start"], plan["end"]
    for client in clients.values():
        asked += 1
        client.ask(b"%b-%d" % (name, asked), dice.choice(client.bodies))
    open_requests = len(clients)
    while open_requests:
        for descriptor, _ in waiting.poll():
            client = clients[descriptor]
            answer = client.answer()
            if answer is None:
                continue
            answered_at = time.monotonic()
            status, body = answer
            if start <= client.asked_at and answered_at <= end:
                latencies.append(answered_at - client.asked_at)
            if status == 201:
                at = body.find(named) + len(named)
                numbers.append((client.tenant, body[at : body.find(b'"', at)].decode()))
            else:
                refusals.append(f"{status} {body[:300].decode(errors='replace')}")
            if answered_at < end:
                asked += 1
                client.ask(b"%b-%d" % (name, asked), dice.choice(client.bodies))
            else:
                open_requests -= 1
    answer_of_worker(latencies=latencies, errors=len(refusals), numbers=numbers, refusals=refusals[:5])


if __name__ == "__main__":
    main()
