"""An emulated Minecraft server with RCON on loopback: it answers as vanilla does, and can have faults.

`perkd demo` and the tests run it. It has its own packet code, so that a mistake in perkd's codec shows.

Vanilla reads at most 1460 bytes and closes the connection when they are not exactly one packet;
answers are cut into pieces of 4096 UTF-16 units; a wrong password gets the id -1 and the connection stays open.
"""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Coroutine
from enum import StrEnum
from typing import Self

from ..ports import Port
from .minecraft_console import Console

READ_MOST = 1460
PIECE_UNITS = 4096


class Fault(StrEnum):
    """The faults of a server: each acts while it is in `faults`. Those marked harmless must not disturb perkd."""

    REFUSE_PASSWORD = "refuse-password"  # noqa: S105 - the name of a fault
    SILENT_LOGIN = "silent-login"
    CLOSE_LOGIN = "close-login"
    ONE_NUL_LOGIN = "one-nul-login"  # harmless: the login's answer carries a NUL
    NEVER_ANSWER = "never-answer"  # runs the command and never answers
    CLOSE_UNEXECUTED = "close-unexecuted"
    CLOSE_EXECUTED = "close-executed"
    RESET_EXECUTED = "reset-executed"
    CUT_ANSWER = "cut-answer"  # half a packet, then closes
    STALL_ANSWER = "stall-answer"  # half a packet, then nothing
    CLOSE_UNKNOWN_TYPE = "close-unknown-type"  # at a packet that is no login and no command; earlier commands ran
    FOREIGN_ID = "foreign-id"
    SIZE_NEGATIVE = "size-negative"
    SIZE_SMALL = "size-small"
    SIZE_HUGE = "size-huge"
    NOT_RCON = "not-rcon"
    CLOSE_ANSWERED = "close-answered"  # harmless: answers in full, then closes, as at `stop`
    FRAGMENTS = "fragments"  # harmless: sends every byte separately
    BAD_UTF8 = "bad-utf8"  # harmless: invalid UTF-8 before the answer
    EXTRA_EMPTY = "extra-empty"  # harmless: one more packet, empty, after each answer
    ONE_PACKET = "one-packet"  # harmless: an answer is one packet, of any size
    IGNORE_EARLY = "ignore-early"  # harmless: a command before the login gets no answer
    DROP_MISFIT = "drop-misfit"  # harmless: drops data that is not exactly one packet, stays connected


_SIZES = {Fault.SIZE_NEGATIVE: -7, Fault.SIZE_SMALL: 5, Fault.SIZE_HUGE: -(2**31)}  # 2^31 wraps in an int32


class MinecraftServer:
    """One server. Its state is in `console`, its faults in `faults`; `executed` is every command it ran, in order."""

    def __init__(self, *, password: str, host: str = "127.0.0.1", port: int = 0) -> None:
        self.password = password
        self.console = Console()
        self.faults: set[Fault] = set()
        self.answer_gate: asyncio.Event | None = None  # when set, the answer of a command waits for it
        self.start_gate: asyncio.Event | None = None  # when set, commands wait for it, as while a world loads
        self.executed: list[str] = []
        self.logins = 0
        self.probes = 0
        self.answered: dict[str, str] = {}  # command → answer that replaces the console's
        self.waiting = asyncio.Event()  # set when a command waits at a gate or got no answer
        self._port = Port(host, port)
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[socket.socket] = set()

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
        """`executed` without the `list` commands that ask who is online."""
        return [command for command in self.executed if not re.match(r"/?(minecraft:)?list\b", command)]

    @property
    def shapes(self) -> list[str]:
        """`deliveries` with every known player's name or UUID replaced by `PLAYER`."""
        who = sorted([*self.console.names, *self.console.names.values()], key=len, reverse=True)
        pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, who))})(?!\w)") if who else None
        return [pattern.sub("PLAYER", command) if pattern else command for command in self.deliveries]

    async def start(self) -> None:
        """Opens the port. Port 0 takes any free port and keeps its number."""
        self._listener = listener = self._port.open()
        self._spawn(self._accept(listener))

    async def stop(self) -> None:
        """Closes the port and resets every connection. `start` opens the same port again if it is still free."""
        await self._close()
        self._port.let_go()

    async def _close(self) -> None:
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self._connections):
            self._reset(connection)
        if self._listener is not None:
            self._listener.close()
            self._listener = None

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

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
            connection.settimeout(0)
            self._connections.add(connection)
            self._spawn(self._serve(connection))

    async def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        logged_in = False
        with contextlib.suppress(ConnectionError):
            while True:
                data = await loop.sock_recv(connection, READ_MOST)
                if len(data) < 10 or struct.unpack_from("<i", data)[0] != len(data) - 4:
                    if data and Fault.DROP_MISFIT in self.faults:
                        self.waiting.set()
                        continue
                    break
                request_id, request_type = struct.unpack_from("<ii", data, 4)
                body = data[12:].split(b"\0")[0].decode("utf-8", "replace")
                if request_type == 3:
                    logged_in = body == self.password and Fault.REFUSE_PASSWORD not in self.faults
                    more = await self._login(connection, request_id, accepted=logged_in)
                elif request_type == 2 and logged_in:
                    more = await self._command(connection, request_id, body)
                elif request_type == 2 and Fault.IGNORE_EARLY in self.faults:
                    self.waiting.set()
                    more = True
                elif request_type == 2:
                    more = await self._send(connection, -1, 2, b"")
                else:
                    self.probes += 1
                    more = Fault.CLOSE_UNKNOWN_TYPE not in self.faults and await self._answer(
                        connection, request_id, f"Unknown request {request_type:x}"
                    )
                if not more:
                    break
        self._connections.discard(connection)
        connection.close()

    async def _login(self, connection: socket.socket, request_id: int, *, accepted: bool) -> bool:
        self.logins += 1
        if Fault.CLOSE_LOGIN in self.faults:
            return False
        if Fault.SILENT_LOGIN in self.faults:
            self.waiting.set()
            return True
        body = b"\0" if Fault.ONE_NUL_LOGIN in self.faults else b""
        await self._send(connection, request_id if accepted else -1, 2, body)
        if Fault.EXTRA_EMPTY in self.faults and accepted:
            await self._send(connection, request_id, 0, b"")
        return True

    async def _command(self, connection: socket.socket, request_id: int, command: str) -> bool:
        if Fault.CLOSE_UNEXECUTED in self.faults:
            return False
        if self.start_gate is not None:
            self.waiting.set()
            await self.start_gate.wait()
        self.executed.append(command)
        reply = self.answered[command] if command in self.answered else self.console.run(command)
        if self.answer_gate is not None:
            self.waiting.set()
            await self.answer_gate.wait()
        return await self._reply(connection, request_id, reply)

    async def _reply(self, connection: socket.socket, request_id: int, reply: str) -> bool:
        """Sends the answer, changed by the faults. False: close the connection."""
        faults = self.faults
        if Fault.RESET_EXECUTED in faults:
            self._reset(connection)
        if faults & {Fault.RESET_EXECUTED, Fault.CLOSE_EXECUTED}:
            return False
        size = next((_SIZES[fault] for fault in faults if fault in _SIZES), None)
        wrong = b""
        if size is not None:
            wrong = struct.pack("<iii", size, request_id, 0) + reply.encode() + b"\0\0"
        elif Fault.NOT_RCON in faults:
            wrong = b"HTTP/1.1 400 Bad Request\r\n\r\n"
        elif faults & {Fault.CUT_ANSWER, Fault.STALL_ANSWER}:
            wrong = struct.pack("<iii", 200, request_id, 0) + reply.encode()[:20]
        if wrong:
            await asyncio.get_running_loop().sock_sendall(connection, wrong)
        elif Fault.NEVER_ANSWER in faults:
            self.waiting.set()
        else:
            answer_id = request_id + 1000 if Fault.FOREIGN_ID in faults else request_id
            await self._answer(connection, answer_id, reply, before=b"\xff\xfe" if Fault.BAD_UTF8 in faults else b"")
        return not faults & {Fault.CUT_ANSWER, Fault.CLOSE_ANSWERED}

    async def _answer(self, connection: socket.socket, packet_id: int, reply: str, before: bytes = b"") -> bool:
        units = reply.encode("utf-16-le", "surrogatepass")
        step = len(units) + 2 if Fault.ONE_PACKET in self.faults else 2 * PIECE_UNITS
        for start in range(0, max(len(units), 1), step):
            # When the cut splits a surrogate pair, Java writes "?" for each half.
            piece = units[start : start + step].decode("utf-16-le", "surrogatepass").encode("utf-8", "replace")
            await self._send(connection, packet_id, 0, before + piece)
        if Fault.EXTRA_EMPTY in self.faults:
            await self._send(connection, packet_id, 0, b"")
        return True

    async def _send(self, connection: socket.socket, packet_id: int, packet_type: int, body: bytes) -> bool:
        loop = asyncio.get_running_loop()
        data = struct.pack("<iii", len(body) + 10, packet_id, packet_type) + body + b"\0\0"
        if Fault.FRAGMENTS not in self.faults:
            await loop.sock_sendall(connection, data)
            return True
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data:
            await loop.sock_sendall(connection, bytes([byte]))
            await asyncio.sleep(0)  # lets the client read between two bytes
        return True

    def _reset(self, connection: socket.socket) -> None:
        self._connections.discard(connection)
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
