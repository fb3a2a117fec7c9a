"""A receiver of callbacks that costs next to nothing: it answers all requests alike. Prints its port."""

from __future__ import annotations

import select
import socket
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"


class Connection:
    """One connection; requests may arrive in pieces."""

    __slots__ = ("buffer", "socket")

    def __init__(self, accepted: socket.socket) -> None:
        self.socket, self.buffer = accepted, b""

    def take(self) -> bool:
        """Read and answer; False when the peer has closed."""
        data = self.socket.recv(65536)
        if not data:
            return False
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            start = head.index(b"content-length:") + 15
            stop = head.find(b"\r\n", start)
            whole = end + 4 + int(head[start : stop if stop > 0 else None])
            if len(self.buffer) < whole:
                break
            self.buffer = self.buffer[whole:]
            self.socket.send(ANSWER)
        return True


def main() -> None:
    """Serve until killed."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    poller = select.epoll()
    poller.register(listener.fileno(), select.EPOLLIN)
    connections: dict[int, Connection] = {}
    while True:
        for descriptor, _ in poller.poll():
            if descriptor == listener.fileno():
                accepted, _address = listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[accepted.fileno()] = Connection(accepted)
                poller.register(accepted.fileno(), select.EPOLLIN)
                continue
            try:
                alive = connections[descriptor].take()
            except OSError:
                alive = False
            if not alive:
                poller.unregister(descriptor)
                connections.pop(descriptor).socket.close()


if __name__ == "__main__":
    main()
