"""How many requests an hour takes, on a simulated clock: perkd's own schedule, intervals and rate, no network.

`tests/bench/__main__.py` runs `SCENARIOS`.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from perkd.adapters.base import Secret
from perkd.daemon.ledger.rows import Polled
from perkd.daemon.paynow.transport.rate import Pace
from perkd.daemon.polling.schedule import Rank, Schedule
from perkd.daemon.polling.watch import Intervals, Watch, next_look
from perkd.daemon.runtime.clock import TICK_S
from tests.bench.common import Result

ONLINE: Final = 200
ENDS_EVERY: Final = timedelta(days=10)  # of a customer with three items of thirty days
FEED_S: Final = 15.0
EVERY: Final = Intervals(online=timedelta(seconds=30), offline=timedelta(minutes=15))  # as the config has it
HOUR_S: Final = 3600.0
WARM_S: Final = EVERY.offline.total_seconds()


@dataclass(frozen=True, slots=True)
class Size:
    customers: int
    rates: tuple[float, ...]  # requests a second, `poll.rate`


FULL: Final = Size(100_000, (5.0, 25.0, 150.0))
SMOKE: Final = Size(2_000, (5.0,))


class Town:
    """Customers under one rate. `feed`: the store-wide list is read too, under the same rate and before everybody."""

    def __init__(self, customers: int, rate: float, *, feed: bool) -> None:
        self._made_up = random.Random(customers)  # noqa: S311 - nothing secret
        self._noon = datetime.now(UTC)
        self._pace = Pace(rate, jitter=lambda: 0.0)
        self._schedule = Schedule()
        self._watches = [self._customer(number) for number in range(customers)]
        self._ranks = [Rank.ONLINE if watch.online else Rank.REST for watch in self._watches]
        self._feed_at = 0.0 if feed else float("inf")
        for number in range(customers):
            self._schedule.put(number, self._made_up.uniform(0, WARM_S), self._ranks[number])

    def _customer(self, number: int) -> Watch:
        watch = Watch.of(Polled(token_id=number, token=Secret("x"), customer_id=str(number), label=""))
        watch.online = number < ONLINE
        watch.recheck_at = self._noon + self._made_up.random() * ENDS_EVERY
        return watch

    def hour(self) -> Counter[str]:
        """Requests by why they were made, once everybody had his first turn."""
        made: Counter[str] = Counter()
        for tick in range(round((WARM_S + HOUR_S) / TICK_S)):
            now_s = tick * TICK_S
            if now_s == WARM_S:
                made.clear()
            made.update(self.tick(now_s))
        return made

    def listed(self, now_s: float) -> None:
        """The store-wide list was read."""

    def tick(self, now_s: float) -> Counter[str]:
        made: Counter[str] = Counter()
        ready = self._schedule.drain(now_s)
        while (self._feed_at <= now_s or ready) and self._pace.take(now_s) <= 0:
            if self._feed_at <= now_s:
                self._feed_at += FEED_S
                made["feed"] += 1
                self.listed(now_s)
            elif (number := self._schedule.take()) is None:
                break
            else:
                made[self._ranks[number].name] += 1
                self.put_back(number, now_s)
        return made

    def look_now(self, number: int, now_s: float) -> None:
        """As `Polling.look_now`, of somebody who is on no server."""
        self._ranks[number] = Rank.SHOWN
        self._schedule.hurry(number, now_s, Rank.SHOWN)

    def put_back(self, number: int, now_s: float) -> None:
        """He was read."""
        watch, now = self._watches[number], self._noon + timedelta(seconds=now_s)
        watch.read_at = now
        if watch.recheck_at is not None and watch.recheck_at <= now:
            watch.recheck_at = now + self._made_up.random() * 2 * ENDS_EVERY
        wait_s, self._ranks[number] = next_look(watch, now, EVERY, jitter=self._made_up.uniform(0.9, 1.0))
        self._schedule.put(number, now_s + wait_s, self._ranks[number])


async def hour(size: Size) -> Result:
    """With and without the feed: what it costs is its own requests, and what the rate leaves less for the others."""
    rows = []
    for rate in size.rates:
        for feed in (False, True):
            made = await asyncio.to_thread(Town(size.customers, rate, feed=feed).hour)
            others = made["REST"] + made["ENDING"]
            rows.append(
                (
                    f"{rate:g}",
                    "yes" if feed else "no",
                    *(str(made[word]) for word in ("ONLINE", "ENDING", "REST", "feed")),
                    str(made.total()),
                    _spoken(ONLINE / made["ONLINE"] * HOUR_S),
                    _spoken((size.customers - ONLINE) / others * HOUR_S),
                )
            )
    return Result(
        f"An hour of {size.customers} customers, {ONLINE} of them online, on a simulated clock",
        ("poll.rate", "feed", "online", "ending", "offline", "feed's", "requests", "online read every", "others every"),
        rows,
        [],
        [f"Intervals as the config has them; three items of thirty days each. The feed asks every {FEED_S:g} s."],
    )


def _spoken(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / HOUR_S:.1f} h"
    )


SCENARIOS: Final = (hour,)
