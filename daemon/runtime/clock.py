"""The clock of all loops, with the only APScheduler: its tick wakes loops that are due, its daily jobs set events.

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

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

TICK_S = 0.1
_utc_now = partial(datetime.now, UTC)
# A job that is late still runs, once: a stall never drops a poll (docs/decisions/0004).
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
        logging.getLogger("apscheduler").setLevel(logging.WARNING)  # it would log every tick

    def start(self) -> None:
        self._scheduler.add_job(self._tick_job, IntervalTrigger(seconds=TICK_S), id="tick", **JOB)
        self._scheduler.start()

    def close(self) -> None:
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

    async def until(self, at: datetime | float, wake: asyncio.Event | None = None) -> bool:
        """Waits until that time (a datetime, or monotonic seconds) or until `wake` is set. True: `wake` was set."""
        due = at if isinstance(at, float) else self.monotonic() + (at - self.now()) / timedelta(seconds=1)
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (due, next(self._order), waiter))
        if wake is None:
            await waiter
            return False
        woken = asyncio.ensure_future(wake.wait())
        try:
            await asyncio.wait((waiter, woken), return_when=asyncio.FIRST_COMPLETED)
            return woken.done()
        finally:
            woken.cancel()
            waiter.cancel()

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

    async def _tick_job(self) -> None:
        self.tick()
