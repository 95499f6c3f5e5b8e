"""What the library mcrcon takes for its socket: the gate that numbers requests and lets only the right answer through.

`adapters/wire/mcrcon_client.py` gives it to mcrcon. It blocks: nothing here knows asyncio.
"""

import contextlib
import os
import select
import socket
import struct
import time
from collections import deque
from typing import Final

from .codec import ANSWER, AUTH, Decoder, Packet, ProtocolError, encode
from .connection import ANSWER_MOST, ID_MOST
from .dialects import Dialect, Progress
from .sockets import prepare, reason

RECEIVE_MOST: Final = 65536

# After an answer mcrcon asks select() whether more is waiting, and select() takes no descriptor above 1023. The gate
# has read everything by then, so select() is shown this one, which never has anything to read; it is opened when the
# process is young and its numbers are low.
_QUIET: Final = os.eventfd(0, os.EFD_CLOEXEC)


class Broken(Exception):
    """The connection must not be used any more; the message says why. `sent`: bytes of the command may have left."""

    def __init__(self, why: str, *, by_server: bool = False, sent: bool = True) -> None:
        super().__init__(why)
        self.by_server = by_server
        self.sent = sent


class Gate:
    """What mcrcon takes for its socket: puts a fresh id into each request and lets only that request's answer through,
    as one packet however many came."""

    def __init__(self, connection: socket.socket, dialect: Dialect, timeout_s: float) -> None:
        self.timeout_s = timeout_s  # for one request and its answer
        self._connection = connection
        self._dialect = dialect
        self._decoder = Decoder()
        self._packets: deque[Packet] = deque()  # received and not looked at yet
        self._fault: str | None = None  # what came behind them is not RCON
        self._last_id = 0
        self._type = 0
        self._deadline = 0.0
        self._received = 0
        self._whole = b""
        prepare(connection)

    # What mcrcon calls

    def send(self, data: bytes) -> int:
        """Writes mcrcon's request, all of it, under an id this connection has not used. Raises Broken."""
        if self._last_id > ID_MOST - 2:  # this request's, and its probe's
            raise Broken("all request ids of this connection are used up", sent=False)
        (self._type,) = struct.unpack_from("<i", data, 8)
        self._deadline = time.monotonic() + self.timeout_s
        self._received = 0
        self._write(data[:4] + struct.pack("<i", self._next_id()) + data[8:])
        return len(data)

    def recv(self, length: int) -> bytes:
        """The next bytes of the answer, which is waited for until it is whole. Raises Broken."""
        if not self._whole:
            packet = self._login_answer() if self._type == AUTH else self._answer()
            self._whole = struct.pack("<iii", len(packet.body) + 10, packet.id, packet.type) + packet.body + b"\0\0"
        taken, self._whole = self._whole[:length], self._whole[length:]
        return taken

    def fileno(self) -> int:
        return _QUIET

    def close(self) -> None:
        self._connection.close()

    # What the client calls

    def shut(self) -> None:
        """Ends the connection under a thread that waits on it: that is the one call another thread may make."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def watch(self, bell: int) -> None:
        """Waits for the bell. Late packets of earlier answers are dropped meanwhile; anything else, and the end of the
        file, raises Broken."""
        poller = select.poll()
        poller.register(self._connection, select.POLLIN)
        poller.register(bell, select.POLLIN)
        while True:
            while self._packets or self._fault:
                self._late(self._packet())
            if any(descriptor != bell for descriptor, _ in poller.poll()):
                self._connection.settimeout(0)
                with contextlib.suppress(BlockingIOError):
                    self._take(self._receive())
            else:
                os.eventfd_read(bell)
                return

    # One request and its answer

    def _login_answer(self) -> Packet:
        while True:
            packet = self._packet()
            if packet.id == -1:
                return packet  # mcrcon knows what that means
            if packet.id != self._last_id:
                raise Broken(
                    f"the login was answered with the id {packet.id}, which perkd never sent; is this the RCON port?"
                )
            if packet.type in self._dialect.login_types:
                return packet._replace(body=b"")

    def _answer(self) -> Packet:
        answer = self._dialect.answer(self._dialect, self._last_id)
        while True:
            packet = self._packet()
            progress = answer.take(packet)
            if progress is Progress.DONE:
                return Packet(self._last_id, ANSWER, answer.text.encode())
            if progress is Progress.PROBE:
                answer.probed(self._next_id())
                self._write(encode(self._last_id, self._dialect.probe_type, ""))
            elif progress is Progress.OTHER:
                self._late(packet)

    def _late(self, packet: Packet) -> None:
        if not 0 < packet.id <= self._last_id:
            raise Broken(f"a packet came with the id {packet.id}, which perkd never sent")

    def _packet(self) -> Packet:
        while not self._packets:
            if self._fault is not None:
                raise Broken(self._fault)
            left_s = self._deadline - time.monotonic()
            if left_s <= 0:
                raise self._expired()
            self._connection.settimeout(left_s)
            self._take(self._receive())
            # Minecraft keeps Nagle on: the rest of a long answer waits for our acknowledgement, which Linux would hold
            # back for 40 ms.
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return self._packets.popleft()

    def _take(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > ANSWER_MOST:
            raise Broken(f"an answer has more than {ANSWER_MOST} bytes")
        try:
            self._packets.extend(self._decoder.feed(data))
        except ProtocolError as error:
            self._packets.extend(error.packets)
            self._fault = f"what came is not RCON: {error}" + ("; is this the RCON port?" if self._type == AUTH else "")

    def _receive(self) -> bytes:
        try:
            data = self._connection.recv(RECEIVE_MOST)
        except BlockingIOError:
            raise
        except OSError as error:
            raise self._broken(error) from None
        if not data:
            raise Broken("the server closed the connection", by_server=True)
        return data

    def _write(self, data: bytes) -> None:
        self._connection.settimeout(max(self._deadline - time.monotonic(), 0.001))
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise self._broken(error) from None

    def _broken(self, error: OSError) -> Broken:
        if isinstance(error, TimeoutError):
            return self._expired()
        return Broken(f"the connection broke: {reason(error)}", by_server=True)

    def _expired(self) -> Broken:
        if self._type == AUTH:
            return Broken(
                "it accepted the connection and did not answer the login in time: it is still starting, or this is not "
                "the RCON port"
            )
        return Broken(f"no whole answer within {self.timeout_s:g} s")

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id
