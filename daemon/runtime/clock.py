"""The clock of all loops: its tick wakes loops that are due. It has the only APScheduler, whose daily jobs set events.

Every loop waits on this clock, so that a test or the demo can control the time. `app` starts it.
"""

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

log = logging.getLogger("perkd")

TICK_S = 0.1
_utc_now = partial(datetime.now, UTC)
# A job that is late still runs, once (docs/decisions/0004).
JOB = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}


class Clock:
    """`now` is aware UTC, `monotonic` is in seconds. Waits use monotonic time, so that a jump of the wall clock neither
    shortens nor lengthens them."""

    def __init__(
        self,
        now: Callable[[], datetime] = _utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.now = now
        self.monotonic = monotonic
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._drains: list[Callable[[], None]] = []
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        logging.getLogger("apscheduler").setLevel(logging.WARNING)  # it would log every job
        self._next_tick: asyncio.TimerHandle | None = None
        self._tick_failed = False

    def start(self) -> None:
        self._scheduler.start()
        self._tick_later()

    def close(self) -> None:
        if self._next_tick is not None:
            self._next_tick.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        for _, _, waiter in self._waiting:
            waiter.cancel()
        self._waiting.clear()

    def on_tick(self, drain: Callable[[], None]) -> None:
        """Calls `drain` at every tick. It must be quick: take what is due and set events."""
        self._drains.append(drain)

    def daily(self, event: asyncio.Event, hour: int, minute: int) -> None:
        """Sets the event once a day, UTC. A task of `app` does the work."""

        async def wake() -> None:
            event.set()

        self._scheduler.add_job(wake, CronTrigger(hour=hour, minute=minute, timezone=UTC), **JOB)

    async def until(self, at: datetime | float, *wake: asyncio.Event) -> bool:
        """Waits until that time (a datetime, or monotonic seconds) or until one of these is set. True: one was set."""
        due = at if isinstance(at, float) else self.monotonic() + (at - self.now()) / timedelta(seconds=1)
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (due, next(self._order), waiter))
        woken: list[asyncio.Future[Any]] = [asyncio.ensure_future(event.wait()) for event in wake]
        try:
            await asyncio.wait([waiter, *woken], return_when=asyncio.FIRST_COMPLETED)
            return any(one.done() for one in woken)
        finally:
            for one in [waiter, *woken]:
                one.cancel()

    async def sleep(self, seconds: float) -> None:
        """Like `asyncio.sleep`, on this clock."""
        await self.until(self.monotonic() + seconds)

    def tick(self) -> None:
        """Wakes the waits that are due, then calls the drains."""
        now = self.monotonic()
        while self._waiting and (self._waiting[0][0] <= now or self._waiting[0][2].done()):
            waiter = heapq.heappop(self._waiting)[2]
            if not waiter.done():
                waiter.set_result(None)
        for drain in self._drains:
            drain()

    def _tick_later(self) -> None:
        self._next_tick = asyncio.get_running_loop().call_later(TICK_S, self._keep_ticking)

    def _keep_ticking(self) -> None:
        self._tick_later()
        try:
            self.tick()
            self._tick_failed = False
        except Exception:  # a fault in one drain must not stop the clock of all loops
            if not self._tick_failed:  # else ten a second
                log.exception("the clock's tick crashed; it continues", extra={"action": "tick_crashed"})
            self._tick_failed = True
