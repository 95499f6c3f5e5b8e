"""One RCON connection over asyncio: logs in, and sends one command at a time by its dialect's rules.

`adapters/wire/rcon.py` opens it. A fault closes it, whatever the fault: a stream is never used again.
"""

import asyncio
import re
import socket
from asyncio.trsock import TransportSocket
from typing import Final

from ..base import AuthRefused, Endpoint, InDoubt, LoginClosed, NotSent, Secret
from .codec import AUTH, EXECUTE, Decoder, Packet, ProtocolError, RequestError, encode
from .dialects import DONE, OTHER, PROBE, Dialect, IncomingAnswer
from .sockets import KEEPALIVE_S, prepare, reason, unacknowledged
from .turn import Turn

__all__ = ["ANSWER_MOST", "ID_MOST", "KEEPALIVE_S", "Wire", "reason"]

ID_MOST: Final = 0x7FFFFFFF
ANSWER_MOST: Final = 16 * 1024 * 1024  # bytes of one answer in all its packets

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Wire(asyncio.Protocol):
    """One connection. `open_wire` makes it: connected and logged in."""

    def __init__(self, endpoint: Endpoint, dialect: Dialect) -> None:
        self._endpoint = endpoint
        self._dialect = dialect
        self._loop = asyncio.get_running_loop()
        self._decoder = Decoder()
        self._turn = Turn()
        self._transport: asyncio.Transport | None = None
        self._socket: TransportSocket | None = None
        self._rests = bool(dialect.pause_s) or dialect.close_after
        self._last_id = 0
        self._login_id = 0
        self._answer: IncomingAnswer | None = None
        self._waiter: asyncio.Future[str] | None = None
        self._received = 0
        self._may_be_silent = False  # no answer to the command in flight is an answer too
        self._free_at = 0.0
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._why: str | None = None  # set once the connection must not be used any more
        self._lost: asyncio.Future[None] = self._loop.create_future()

    # What the session uses

    async def send(self, command: str, *, silence_s: float | None = None) -> str:
        """The whole answer to one command; a second caller waits its turn.

        `silence_s` is for a command that the server may never answer (Source's `changelevel`): after so many seconds,
        or when the server closes the connection in an orderly way, what came so far is the answer, mostly nothing.
        The server's machine must have acknowledged every byte by then, and a reset connection stays InDoubt.

        Raises NotSent when nothing left, InDoubt when it did and no answer can be trusted. Cancelling it after the
        command left closes the connection.
        """
        if not command.isprintable() and (control := _CONTROL.search(command)) is not None:
            raise NotSent(
                f"{self._endpoint.address}: the command holds the control character U+{ord(control[0]):04X}; take "
                f"it out of the perk's command"
            )
        if not self._turn.take():
            await self._turn.wait()
        try:
            if self._dialect.pause_s:
                await asyncio.sleep(self._free_at - self._loop.time())
            if self._last_id > ID_MOST - 2:  # this command's, and its probe's
                self._drop("all request ids of this connection are used up")
            transport = self._open()
            request_id = self._next_id()
            try:
                request = encode(request_id, EXECUTE, command, self._dialect.request_most)
            except RequestError as error:
                raise NotSent(f"{self._endpoint.address}: the command cannot be sent: {error}; shorten it") from None
            answer = self._answer = self._dialect.answer(self._dialect, request_id)
            if self._dialect.probe_at_once:
                request += self._probe(answer)
            self._received = 0
            if silence_s is not None:
                self._may_be_silent = True
                self._cancel_timer()  # it may be set for later than this command waits
            try:
                return await self._ask(transport, request, self._endpoint.timeout_s if silence_s is None else silence_s)
            except asyncio.CancelledError:
                self._drop("a command was given up before its answer came")
                raise
            finally:
                self._waiter = self._answer = None
                self._may_be_silent = False
                if self._rests:
                    self._rest()
        finally:
            self._turn.give()

    async def wait_closed(self) -> str:
        """Returns why, once the connection is gone."""
        await asyncio.shield(self._lost)
        return self._why or "closed"

    async def close(self) -> None:
        """Closes the connection and waits until the socket is gone. A command in flight ends InDoubt."""
        self._drop("perkd closed the connection")
        await asyncio.shield(self._lost)

    async def login(self, password: Secret, timeout_s: float) -> None:
        """Logs in. Raises AuthRefused, LoginClosed or NotSent; the connection is closed then."""
        transport = self._open()
        self._login_id = self._next_id()
        try:
            request = encode(self._login_id, AUTH, password.reveal(), self._dialect.request_most)
        except RequestError as error:
            self._drop("the password cannot be sent")
            raise NotSent(
                f"{self._endpoint.address}: the RCON password cannot be sent: {error}; set another one"
            ) from None
        try:
            await self._ask(transport, request, timeout_s)
        except asyncio.CancelledError:
            self._drop("the login was given up before its answer came")
            raise
        finally:
            self._waiter = None
            self._login_id = 0
            self._cancel_timer()  # a command's time may be shorter than what is left of the login's

    # One request and its answer

    def _ask(self, transport: asyncio.Transport, request: bytes, timeout_s: float) -> asyncio.Future[str]:
        """Writes a request. The answer comes in what it returns."""
        waiter = self._waiter = self._loop.create_future()
        self._deadline = self._loop.time() + timeout_s
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._tick)
        transport.write(request)
        return waiter

    def _tick(self) -> None:
        """Looks after the deadline: one timer that moves along with the commands instead of one for each."""
        self._timer = None
        if self._waiter is not None and self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._tick)
        elif self._waiter is not None:
            self._expired()

    def _rest(self) -> None:
        """What the dialect wants after an answer."""
        if self._dialect.pause_s:
            self._free_at = self._loop.time() + self._dialect.pause_s
        if self._dialect.close_after:
            self._drop(f"{self._dialect.name} takes one command per connection")

    def _open(self) -> asyncio.Transport:
        if self._why is not None or self._transport is None:
            raise NotSent(f"{self._endpoint.address}: the connection is closed ({self._why or 'never opened'})")
        return self._transport

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _probe(self, answer: IncomingAnswer) -> bytes:
        probe_id = self._next_id()
        answer.probed(probe_id)
        return encode(probe_id, self._dialect.probe_type, "")

    def _take(self, packet: Packet) -> None:
        if self._login_id:
            self._take_login(packet)
            return
        if packet.type in self._dialect.skip:
            return
        answer = self._answer
        progress = OTHER if answer is None else answer.take(packet)
        if answer is None or progress is OTHER:
            if not 0 < packet.id <= self._last_id:
                self._drop(f"a packet came with the id {packet.id}, which perkd never sent")
            # else: a late packet of an answer that is already whole
        elif progress is DONE:
            self._answer = None
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(answer.text)
        elif progress is PROBE and self._transport is not None:
            self._transport.write(self._probe(answer))

    def _take_login(self, packet: Packet) -> None:
        if packet.id == -1:
            self._why = "the password was refused"
            self._fail(
                AuthRefused(
                    f"{self._endpoint.address} refused the RCON password: compare perkd's password for this server "
                    f"with {self._dialect.advice}, then reload perkd"
                )
            )
            self._abort()
        elif packet.id != self._login_id:
            self._drop(
                f"the login was answered with the id {packet.id}, which perkd never sent; is this the RCON port?"
            )
        elif packet.type in self._dialect.login_types and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result("")

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def _settle_silent(self) -> None:
        """Ends a command that may stay without an answer, when the server's machine has every byte of it."""
        if not self._may_be_silent or self._answer is None or self._waiter is None or self._waiter.done():
            return
        if self._socket is None or unacknowledged(self._socket) == 0:
            self._waiter.set_result(self._answer.text)
            self._answer = None  # what still comes is late

    def _expired(self) -> None:
        self._settle_silent()
        if self._waiter is None or self._waiter.done():
            return
        if self._login_id:
            self._drop(
                "it accepted the connection and did not answer the login in time: it is still starting, or this is not "
                "the RCON port"
            )
        else:
            begun = self._dialect.unfinished if self._answer is not None and self._answer.text else ""
            self._drop(f"no whole answer within {self._endpoint.timeout_s:g} s{begun}")

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drop(self, why: str, *, by_server: bool = False) -> None:
        """Ends the connection for a reason; what is waiting learns it."""
        if self._why is None:
            self._why = why
            address = self._endpoint.address
            if not self._login_id:
                self._fail(InDoubt(f"{address}: {why}; the command may have run"))
            elif by_server:
                self._fail(
                    LoginClosed(f"{address}: {why} during the login: it is still starting, or it bans this machine")
                )
            else:
                self._fail(NotSent(f"{address}: {why}"))
        self._abort()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - create_connection makes nothing else; this is for mypy
        self._transport = transport
        self._socket = transport.get_extra_info("socket")
        if self._socket is not None:
            prepare(self._socket)

    def data_received(self, data: bytes) -> None:
        fault: ProtocolError | None = None
        packets: list[Packet] | tuple[Packet, ...]
        try:
            packets = self._decoder.feed(data)
        except ProtocolError as error:
            fault, packets = error, error.packets
        for packet in packets:
            self._take(packet)
        if fault is not None:
            self._drop(f"what came is not RCON: {fault}" + ("; is this the RCON port?" if self._login_id else ""))
            return
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            self._received += len(data)
            if self._received > ANSWER_MOST:
                self._drop(f"an answer has more than {ANSWER_MOST} bytes")
            elif self._socket is not None:
                # Minecraft keeps Nagle on: the rest of a long answer waits for our acknowledgement, which Linux would
                # hold back for 40 ms.
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def eof_received(self) -> None:
        self._settle_silent()
        self._drop("the server closed the connection", by_server=True)

    def connection_lost(self, exc: Exception | None) -> None:
        cause = f": {reason(exc)}" if exc is not None else ""
        self._drop(f"the connection broke{cause}", by_server=True)
        self._cancel_timer()
        if not self._lost.done():
            self._lost.set_result(None)
