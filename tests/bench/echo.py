"""Game servers for the benchmark, in a process of their own: the least Python that speaks RCON, so that the clients are
what is measured.

`tests/bench/rcon.py` starts it. It prints its port and ends with its standard input. The password a client logs in
with chooses the server it gets: `echo` answers at once with the command; `tick:N` is number N of the servers that
answer when their game's tick comes, with the number of that tick; `hung` lets in and never answers a command.
"""

import select
import socket
import struct
import sys
import time
from typing import Final

from perkd.adapters.wire.codec import AUTH

TICK_S: Final = 0.05  # a Minecraft server's
TICKING: Final = 32  # servers whose ticks are spread evenly over TICK_S

_HEAD: Final = struct.Struct("<iii")


def packet(packet_id: int, packet_type: int, body: bytes) -> bytes:
    return _HEAD.pack(len(body) + 10, packet_id, packet_type) + body + b"\0\0"


class Servers:
    """All of them behind one port. Every client here waits for its answer, so one `recv` is one request."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._poll = select.epoll()
        for readable in (self._listener.fileno(), sys.stdin.fileno()):
            self._poll.register(readable, select.EPOLLIN)
        self._clients: dict[int, socket.socket] = {}
        self._roles: dict[int, str] = {}
        self._waiting: dict[int, list[tuple[socket.socket, int]]] = {number: [] for number in range(TICKING)}
        self._ticks = [0] * TICKING
        self._turn = 0  # whose tick is next
        self._turn_at = time.monotonic()

    def serve(self) -> None:
        while True:
            pause_s = self._turn_at - time.monotonic() if any(self._waiting.values()) else TICK_S
            for descriptor, _ in self._poll.poll(max(pause_s, 0)):
                client = self._clients.get(descriptor)
                if client is not None:
                    self._read(descriptor, client)
                elif descriptor == sys.stdin.fileno():
                    return
                else:
                    self._accept()
            self._tick()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._clients[client.fileno()] = client
        self._roles[client.fileno()] = ""
        self._poll.register(client, select.EPOLLIN)

    def _read(self, descriptor: int, client: socket.socket) -> None:
        try:
            data = client.recv(4096)
            if data and self._roles[descriptor] == "echo":
                client.send(b"%b\0\0\0\0%b" % (data[:8], data[12:]))
            elif data:
                self._request(descriptor, client, data)
        except OSError:
            data = b""
        if not data:
            self._poll.unregister(descriptor)
            del self._clients[descriptor], self._roles[descriptor]
            client.close()

    def _request(self, descriptor: int, client: socket.socket, data: bytes) -> None:
        _, packet_id, packet_type = _HEAD.unpack_from(data)
        role, _, number = self._roles[descriptor].partition(":")
        if packet_type == AUTH:
            self._roles[descriptor] = data[12:-2].decode()
            client.send(packet(packet_id, 2, b""))
        elif role == "tick":
            self._waiting[int(number)].append((client, packet_id))

    def _tick(self) -> None:
        """Lets every server tick whose time has come. One that comes late does not catch up: no client could follow."""
        now = time.monotonic()
        if now - self._turn_at > TICK_S:
            self._turn_at = now
        while self._turn_at <= now:
            self._ticks[self._turn] += 1
            for client, packet_id in self._waiting[self._turn]:
                if client.fileno() >= 0:
                    client.send(packet(packet_id, 0, b"%d" % self._ticks[self._turn]))
            self._waiting[self._turn].clear()
            self._turn = (self._turn + 1) % TICKING
            self._turn_at += TICK_S / TICKING


if __name__ == "__main__":
    servers = Servers()
    print(servers.port, flush=True)
    servers.serve()
