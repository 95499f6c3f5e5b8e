"""The one connection to a game server: connects, backs off after failures, stops at a refused password, and sends.

`delivery.py` uses it first, `presence.py` when no command waits; `reports` reads its state.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from perkd.adapters.base import Adapter, AdapterError, AuthRefused, InDoubt, LoginClosed, NotSent, Player, Session

from ..core.model import Server
from ..runtime import Backoff, Clock, fault

log = logging.getLogger("perkd.link")
T = TypeVar("T")

AGAIN = Backoff(first_s=1.0, longest_s=60.0, jitter=0.2)
SETTLED = timedelta(minutes=1)  # after a connection of this length the back-off starts again
CLOSED_MEANS_REFUSED = 2  # so many closed logins in a row look like a ban; one may be a server that still starts
CLOSED_AGAIN = timedelta(minutes=10)  # a tunnel or proxy before a restarting server looks the same: so try again


class LinkState(StrEnum):
    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    REFUSED = "refused"  # no further try until the config changes


class Link:
    """Owns the session. `run` keeps it open; `send` and `players` use it, one at a time."""

    def __init__(self, server: Server, adapter: Adapter, clock: Clock, rng: random.Random | None = None) -> None:
        self.server = server
        self.state = LinkState.CONNECTING
        self.last_error: str | None = None
        self.last_reply_at: datetime | None = None
        self.connected_at: datetime | None = None
        self.retry_at: datetime | None = None
        self.up = asyncio.Event()
        self._adapter = adapter
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - jitter, nothing secret
        self._session: Session | None = None
        self._turn = asyncio.Lock()
        self._over: asyncio.Future[AdapterError] | None = None
        self._retry = asyncio.Event()
        self._failures = 0
        self._closed_logins = 0

    @property
    def busy(self) -> bool:
        return self._turn.locked()

    def warming_up(self) -> bool:
        """Whether the connection is so young that an unknown command may mean a plugin that is not loaded yet."""
        return self.connected_at is not None and self._clock.now() - self.connected_at < self.server.warmup

    async def send(self, command: str) -> str:
        """The server's reply. Raises NotSent, InDoubt or AuthRefused."""
        return await self._ask(lambda session: session.send(command))

    async def players(self) -> list[Player]:
        """Who is online. Raises as `send` does."""
        return await self._ask(lambda session: session.players())

    async def _ask(self, question: Callable[[Session], Awaitable[T]]) -> T:
        async with self._turn:
            session = self._session
            if session is None:
                raise NotSent(f"{self.server.name}: {self.last_error or 'not connected'}")
            try:
                answer = await question(session)
            except AuthRefused as refused:  # some games check the password only at the first command
                self._end_session(refused)
                raise
            except AdapterError:
                raise
            except Exception as error:  # a fault in one adapter must not stop the other servers
                doubt = InDoubt(self._crashed(error))
                self._end_session(doubt)
                raise doubt from error
            self._heard()
            return answer

    async def run(self) -> None:
        """Connects, and again after a lost connection, until cancelled. After a refused password it stops trying."""
        while True:
            await self._connect_once()
            if self.state is LinkState.REFUSED:
                await self._stay_refused()
                continue
            self._failures += 1
            wait_s = AGAIN.wait_s(self._failures, self._rng.random())
            self.retry_at = self._clock.now() + timedelta(seconds=wait_s)
            await self._clock.until(self.retry_at, self._retry)
            self._retry.clear()

    async def _stay_refused(self) -> None:
        """Waits until a reload replaces this link; or until `retry_at`, when the server did not reject the password."""
        if self.retry_at is None:
            await asyncio.get_running_loop().create_future()
        else:
            await self._clock.until(self.retry_at)

    async def _connect_once(self) -> None:
        self.state, self.retry_at = LinkState.CONNECTING, None
        try:
            async with self._adapter.connect(self.server.endpoint) as session:
                self._opened(session)
                self._lost(await self._until_over(session))
        except AuthRefused as error:
            self._refused(str(error))
        except LoginClosed as error:
            self._closed_logins += 1
            if self._closed_logins >= CLOSED_MEANS_REFUSED:
                self._refused(f"{error}, a second time: the server banned this machine, or the password is wrong")
                self.retry_at = self._clock.now() + CLOSED_AGAIN
            else:
                self._lost(str(error))
        except AdapterError as error:
            self._closed_logins = 0  # the port is closed: the server restarts, it does not ban
            self._lost(str(error))
        except Exception as error:  # noqa: BLE001 - as in `_ask`
            self._lost(self._crashed(error))
        finally:
            self._session = None
            self.up.clear()

    async def _until_over(self, session: Session) -> str:
        """Waits for the end of the session and returns the reason. Raises the error given to `_end_session`."""
        closed = asyncio.ensure_future(session.wait_closed())
        self._over = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait((closed, self._over), return_when=asyncio.FIRST_COMPLETED)
            if self._over.done():
                raise self._over.result()
            return closed.result()
        finally:
            closed.cancel()

    def _end_session(self, why: AdapterError) -> None:
        """Stops the use of the session; `run` then closes it and continues."""
        self._session = None
        self.up.clear()
        if self._over is not None and not self._over.done():
            self._over.set_result(why)

    def _opened(self, session: Session) -> None:
        self._session = session
        self.connected_at = self._clock.now()
        self.state, self.last_error = LinkState.UP, None
        self._closed_logins = 0
        self.up.set()
        log.info("%s: connected to %s", self.server.name, self.server.endpoint.address, extra={"action": "link_up"})

    def _lost(self, why: str) -> None:
        if self.connected_at is not None and self._clock.now() - self.connected_at > SETTLED:
            self._failures = 0
        if why != self.last_error or self.state is LinkState.UP:  # the same message only once
            log.warning("%s: no connection: %s", self.server.name, why, extra={"action": "link_down"})
        self.state, self.last_error, self.connected_at = LinkState.DOWN, why, None

    def _refused(self, why: str) -> None:
        self.state, self.last_error, self.connected_at = LinkState.REFUSED, why, None
        log.error("%s: %s", self.server.name, why, extra={"action": "link_refused"})

    def _crashed(self, error: Exception) -> str:
        return fault(error, "adapter_crashed", "%s: its adapter crashed", self.server.name)

    def _heard(self) -> None:
        self.last_reply_at = self._clock.now()
        self._failures = 0
