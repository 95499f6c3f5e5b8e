"""An emulated Source server with RCON on loopback: it answers as the engine does, and can have faults.

The demo, the sandbox and tests run it. It has its own packet code, so that a mistake in perkd's codec shows.

The engine answers one connection's packets in their order. A login gets an empty packet first. A command's answer is
cut into pieces of 4096 bytes. An empty packet of type 0 (a query for a variable without a name) is answered twice:
empty, then with a number. A packet above 1024 bytes, or five wrong passwords, ban the address.
"""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass
from typing import Self

from ..ports import Port
from .minecraft import Fault
from .source_console import SourceConsole, Style, commands

PIECE_BYTES = 4096
PACKET_MOST = 1024
COMMAND_COPIED = 511  # bytes of a command that the engine reads
FAILURES_MOST = 5  # sv_rcon_minfailures

_SIZES = {Fault.SIZE_NEGATIVE: -7, Fault.SIZE_SMALL: 5, Fault.SIZE_HUGE: -(2**31)}  # 2^31 wraps in an int32


@dataclass(slots=True)
class Manners:
    """How correct servers differ from each other."""

    empty_before_login: bool = True  # CS2: no
    single: bool = False  # CS2: an answer is one packet of any size; markers get no answer
    marker_answers: int = 2  # other implementations: 1
    empty_answers: bool = True  # False: a command that prints nothing gets no answer of its own


class SourceServer:
    """One server. `console` has its state, `faults` its faults, `executed` every command the console ran."""

    def __init__(self, *, password: str, style: Style = Style.TF2, host: str = "127.0.0.1", port: int = 0) -> None:
        self.password = password
        self.console = SourceConsole(style=style)
        cs2 = style is Style.CS2
        self.manners = Manners(empty_before_login=not cs2, single=cs2)
        self.faults: set[Fault] = set()
        self.answer_gate: asyncio.Event | None = None  # when set, the answer of a command waits for it
        self.start_gate: asyncio.Event | None = None  # when set, commands wait for it, as on a hibernating server
        self.executed: list[str] = []
        self.logins = 0
        self.failures = 0
        self.banned = False
        self.markers = 0
        self.answered: dict[str, str] = {}  # whole line → answer that replaces the console's
        self.waiting = asyncio.Event()  # set when a command waits at a gate or got no answer
        self._port = Port(host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def host(self) -> str:
        return self._port.host

    @property
    def port(self) -> int:
        return self._port.number

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def deliveries(self) -> list[str]:
        """`executed` without the commands that ask who is online."""
        return [command for command in self.executed if command != "status"]

    async def start(self) -> None:
        """Opens the port. Port 0 takes any free port and keeps its number."""
        self._server = await asyncio.start_server(self._accept, sock=self._port.open())

    async def stop(self) -> None:
        """Closes the port and resets every connection. `start` opens the same port again if it is still free."""
        await self._close()
        self._port.let_go()

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    async def down(self) -> None:
        """Acts as if the machine were off: resets and refuses connections. Keeps the port for `up`."""
        await self._close()
        self._port.keep()

    async def up(self) -> None:
        await self.start()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - start_server runs this in a task; this is for mypy
        self._tasks.add(task)
        reset = False
        try:
            if not self.banned:
                await _Connection(self, reader, writer).serve()
        except asyncio.IncompleteReadError:
            pass
        except (ConnectionError, asyncio.CancelledError):
            reset = True
        finally:
            self._tasks.discard(task)
            if reset:
                _linger_none(writer)
                writer.transport.abort()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def _linger_none(writer: asyncio.StreamWriter) -> None:
    """Makes closing the connection a TCP reset."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class _Connection:
    """One client connection."""

    def __init__(self, server: SourceServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._closing = False  # the last answer was sent; close the connection

    async def serve(self) -> None:
        server, logged_in = self._server, False
        while True:
            (size,) = struct.unpack("<i", await self._reader.readexactly(4))
            if not 10 <= size <= PACKET_MOST:
                server.banned = True
                return
            data = await self._reader.readexactly(size)
            request_id, request_type = struct.unpack_from("<ii", data)
            body = data[8:].split(b"\0")[0]
            if request_type == 3:
                right = body.decode("utf-8", "replace") == server.password
                logged_in = right and Fault.REFUSE_PASSWORD not in server.faults
                more = await self._login(request_id, right=right, accepted=logged_in)
            elif request_type == 2 and logged_in:
                more = await self._command(request_id, body[:COMMAND_COPIED].decode("utf-8", "replace"))
            elif request_type == 0 and logged_in:
                more = await self._marker(request_id)
            else:
                more = True
            if not more:
                return

    async def _login(self, request_id: int, *, right: bool, accepted: bool) -> bool:
        """Answers a login. `right`: the password is correct. A correct password that a fault refuses does not count
        towards the ban, so turning the fault off leaves no trace."""
        server = self._server
        server.logins += 1
        if Fault.CLOSE_LOGIN in server.faults:
            return False
        if Fault.SILENT_LOGIN in server.faults:
            server.waiting.set()
            return True
        if not accepted and not right:
            server.failures += 1
            server.banned = server.failures >= FAILURES_MOST
            if server.banned:
                return False
        if server.manners.empty_before_login:
            await self._send(request_id, 0, b"")
        await self._send(request_id if accepted else -1, 2, b"\0" if Fault.ONE_NUL_LOGIN in server.faults else b"")
        return True

    async def _command(self, request_id: int, line: str) -> bool:
        server = self._server
        if Fault.CLOSE_UNEXECUTED in server.faults:
            return False
        if server.start_gate is not None:
            server.waiting.set()
            await server.start_gate.wait()
        replies: list[str] = []
        for command in commands(line):
            if command.strip():
                server.executed.append(command.strip())
                replies.append(server.console.run(command))
        reply = server.answered.get(line, "".join(replies))
        if server.console.leaving:
            server.console.leaving = False
            return False
        if server.answer_gate is not None:
            server.waiting.set()
            await server.answer_gate.wait()
        return await self._reply(request_id, reply)

    async def _reply(self, request_id: int, reply: str) -> bool:
        """Sends the answer, changed by the faults. False: close the connection."""
        faults = self._server.faults
        if Fault.RESET_EXECUTED in faults:
            raise ConnectionResetError
        if Fault.CLOSE_EXECUTED in faults:
            return False
        size = next((_SIZES[fault] for fault in faults if fault in _SIZES), None)
        if size is not None:
            self._writer.write(struct.pack("<iii", size, request_id, 0) + reply.encode() + b"\0\0")
        elif Fault.NOT_RCON in faults:
            self._writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        elif faults & {Fault.CUT_ANSWER, Fault.STALL_ANSWER}:
            self._writer.write(struct.pack("<iii", 200, request_id, 0) + reply.encode()[:20])
            return Fault.CUT_ANSWER not in faults
        elif Fault.NEVER_ANSWER in faults:
            self._server.waiting.set()
        else:
            await self._answer(request_id + 1000 if Fault.FOREIGN_ID in faults else request_id, reply)
            self._closing = Fault.CLOSE_ANSWERED in faults
        return not (self._closing and self._server.manners.single)

    async def _answer(self, packet_id: int, reply: str) -> None:
        manners = self._server.manners
        data = (b"\xff\xfe" if Fault.BAD_UTF8 in self._server.faults else b"") + reply.encode("utf-8", "replace")
        whole = manners.single or Fault.ONE_PACKET in self._server.faults
        piece = max(len(data), 1) if whole else PIECE_BYTES
        if data or manners.empty_answers or manners.single:
            for start in range(0, max(len(data), 1), piece):
                await self._send(packet_id, 0, data[start : start + piece])
        if Fault.EXTRA_EMPTY in self._server.faults:
            await self._send(packet_id, 0, b"")

    async def _marker(self, request_id: int) -> bool:
        server = self._server
        server.markers += 1
        if server.manners.single or server.faults & {Fault.NEVER_ANSWER, Fault.STALL_ANSWER}:
            return True
        bodies = [b"", b"\x00\x01\x00\x00"][: server.manners.marker_answers]
        for body in bodies:
            await self._send(request_id, 0, body)
        if Fault.EXTRA_EMPTY in server.faults:
            await self._send(request_id, 0, b"")
        return not self._closing

    async def _send(self, packet_id: int, packet_type: int, body: bytes) -> None:
        data = struct.pack("<iii", len(body) + 10, packet_id, packet_type) + body + b"\0\0"
        if Fault.FRAGMENTS not in self._server.faults:
            self._writer.write(data)
            await self._writer.drain()
            return
        self._writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for position in range(len(data)):
            self._writer.write(data[position : position + 1])
            await asyncio.sleep(0)  # lets the client read between two bytes
