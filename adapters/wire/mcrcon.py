"""RCON through the library mcrcon: one thread and one socket for each connection, awaited from the loop.

`adapters/minecraft/adapter.py` calls `open_mcrcon`; what happens in the thread is in `adapters/wire/mcrcon_client.py`.

A thread of its own and not `asyncio.to_thread`: in that shared pool a few hung servers would stop the healthy ones.
"""

import asyncio
import contextlib
import queue
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVarTuple

from ..base import AdapterError, Endpoint, InDoubt, NotSent
from .codec import EXECUTE, RequestError, encode
from .dialects import Dialect
from .mcrcon_client import SafeMCRcon
from .mcrcon_gate import Broken

JOIN_S: Final = 2.0  # for a thread that was told to end; only one that looks a name up may need longer

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_Told = TypeVarTuple("_Told")


@dataclass(slots=True)
class _Job:
    """One command on its way through the thread."""

    command: str
    answer: asyncio.Future[str]
    begun: bool = False  # bytes of it may have left


class McrconWire:
    """One connection. `open_mcrcon` makes it: connected and logged in."""

    def __init__(self, endpoint: Endpoint, dialect: Dialect) -> None:
        self._endpoint = endpoint
        self._dialect = dialect
        self._loop = asyncio.get_running_loop()
        self._client = SafeMCRcon(endpoint, dialect)
        self._turn = asyncio.Lock()
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()  # into the thread, one at a time
        self._job: _Job | None = None
        self._why: str | None = None  # set once the connection must not be used any more
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._work, name=f"mcrcon {endpoint.address}", daemon=True)

    # What the session uses

    async def send(self, command: str) -> str:
        """The whole answer to one command; a second caller waits its turn.

        Raises NotSent when nothing left, InDoubt when it did and no answer can be trusted. Cancelling it after the
        command left closes the connection.
        """
        if not command.isprintable() and (control := _CONTROL.search(command)) is not None:
            raise NotSent(
                f"{self._endpoint.address}: the command holds the control character U+{ord(control[0]):04X}; take "
                f"it out of the perk's command"
            )
        async with self._turn:
            if self._why is not None:
                raise NotSent(f"{self._endpoint.address}: the connection is closed ({self._why})")
            try:
                encode(1, EXECUTE, command, self._dialect.request_most)  # mcrcon itself would send anything
            except RequestError as error:
                raise NotSent(f"{self._endpoint.address}: the command cannot be sent: {error}; shorten it") from None
            job = self._job = _Job(command, self._loop.create_future())
            self._jobs.put(job)
            self._client.ring()
            try:
                return await job.answer
            except asyncio.CancelledError:
                self._drop("a command was given up before its answer came")
                raise
            finally:
                self._job = None

    async def wait_closed(self) -> str:
        """Returns why, once the connection is gone."""
        await asyncio.shield(self._lost)
        return self._why or "closed"

    async def close(self) -> None:
        """Closes the connection, waits until thread and socket are gone. A command in flight ends InDoubt."""
        self._drop("perkd closed the connection")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(JOIN_S):
                await asyncio.shield(self._lost)
            if self._thread.is_alive():
                self._thread.join(JOIN_S)

    async def open(self) -> None:
        """Starts the thread, connects and logs in. Raises AuthRefused, LoginClosed or NotSent."""
        limit_s = 2 * self._endpoint.connect_timeout_s  # the thread counts by itself; a name being looked up does not
        try:
            self._thread.start()
        except RuntimeError as error:
            self._lost.set_result(None)
            raise NotSent(f"{self._endpoint.address}: {error}") from None
        try:
            async with asyncio.timeout(limit_s):
                await self._ready
        except TimeoutError:
            raise NotSent(
                f"{self._endpoint.address}: not connected after {limit_s:g} s: does the machine's name server answer?"
            ) from None

    # On the loop

    def _drop(self, why: str) -> None:
        """Ends the connection for a reason; a command in flight learns it."""
        self._end(why, sent=True)
        self._client.stop()

    def _end(self, why: str, *, sent: bool) -> None:
        if self._why is None:
            self._why = why
        job = self._job
        if job is not None and not job.answer.done():
            address = self._endpoint.address
            job.answer.set_exception(
                InDoubt(f"{address}: {why}; the command may have run") if sent else NotSent(f"{address}: {why}")
            )

    def _opened(self, error: AdapterError | None) -> None:
        if self._ready.done():
            return  # nobody waits any more
        if error is None:
            self._ready.set_result(None)
        else:
            self._ready.set_exception(error)

    def _answered(self, job: _Job, answer: str) -> None:
        if not job.answer.done():
            job.answer.set_result(answer)

    def _ended(self, why: str, sent: bool) -> None:  # noqa: FBT001 - call_soon_threadsafe passes no keywords
        self._end(why, sent=sent and self._job is not None and self._job.begun)
        if not self._lost.done():
            self._lost.set_result(None)

    # In the thread

    def _work(self) -> None:
        why, sent = "its thread ended", True
        try:
            self._client.connect()
            self._tell(self._opened, None)
            self._serve()
        except AdapterError as error:
            why = str(error)
            self._tell(self._opened, error)
        except Broken as fault:
            why, sent = str(fault), fault.sent
        finally:
            self._client.disconnect()
            self._tell(self._ended, why, sent)

    def _serve(self) -> None:
        """One command after the other, until Broken is raised."""
        while True:
            self._client.wait()
            job = self._jobs.get()
            job.begun = True
            self._tell(self._answered, job, self._client.command(job.command))

    def _tell(self, heard: Callable[[*_Told], None], *told: *_Told) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(heard, *told)


@asynccontextmanager
async def open_mcrcon(endpoint: Endpoint, dialect: Dialect) -> AsyncIterator[McrconWire]:
    """Connects and logs in, closes at the end. Entering raises NotSent (LoginClosed among them) or AuthRefused."""
    wire = McrconWire(endpoint, dialect)
    try:
        await wire.open()
        yield wire
    finally:
        await wire.close()
