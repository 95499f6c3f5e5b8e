"""How long a purchase waits for its command, with and without the feed, on a simulated clock.

`tests/bench/__main__.py` runs `SCENARIOS`. What is simulated is the wait until the buyer's inventory is read;
`lastleg.py` measures the rest of the way.
"""

import asyncio
import random
import statistics
from collections import Counter
from dataclasses import dataclass
from typing import Final

from perkd.daemon.runtime.clock import TICK_S
from tests.bench.common import Result
from tests.bench.hour import FEED_S, HOUR_S, ONLINE, Town

BUYERS_ONLINE: Final = 0.5  # as good a guess as any: the two are shown apart


@dataclass(frozen=True, slots=True)
class Size:
    customers: int
    rates: tuple[float, ...]
    hours: float
    purchases: int


FULL: Final = Size(100_000, (5.0, 25.0), 12.0, 400)
SMOKE: Final = Size(2_000, (5.0,), 0.5, 20)


class Market(Town):
    """A town where people buy, all through the first half of the time: the other half is for who waits long."""

    def __init__(self, size: Size, rate: float, *, feed: bool) -> None:
        super().__init__(size.customers, rate, feed=feed)
        self._size = size
        draw = random.Random(size.purchases)  # noqa: S311 - nothing secret
        half_s = size.hours * HOUR_S / 2
        buyers = [
            draw.randrange(ONLINE) if draw.random() < BUYERS_ONLINE else draw.randrange(ONLINE, size.customers)
            for _ in range(size.purchases)
        ]
        self.bought = Counter(buyer < ONLINE for buyer in dict.fromkeys(buyers))
        self._to_come = sorted(((draw.uniform(0, half_s), buyer) for buyer in dict.fromkeys(buyers)), reverse=True)
        self._bought: dict[int, float] = {}
        self._unlisted: list[int] = []
        self.waited: dict[bool, list[float]] = {True: [], False: []}  # by whether the buyer is online

    def run(self) -> None:
        for tick in range(round(self._size.hours * HOUR_S / TICK_S)):
            now_s = tick * TICK_S
            while self._to_come and self._to_come[-1][0] <= now_s:
                at, buyer = self._to_come.pop()
                self._bought[buyer] = at
                self._unlisted.append(buyer)
            self.tick(now_s)

    def listed(self, now_s: float) -> None:
        for buyer in self._unlisted:
            self.look_now(buyer, now_s)
        self._unlisted.clear()

    def put_back(self, number: int, now_s: float) -> None:
        if (at := self._bought.pop(number, None)) is not None:
            self.waited[number < ONLINE].append(now_s - at)
        super().put_back(number, now_s)


async def purchase_to_command(size: Size) -> Result:
    rows = []
    for rate in size.rates:
        for feed in (False, True):
            market = Market(size, rate, feed=feed)
            await asyncio.to_thread(market.run)
            rows += [
                (
                    f"{rate:g}",
                    "yes" if feed else "no",
                    "online" if online else "offline",
                    f"{len(waits)} of {market.bought[online]}",
                    *((_spoken(statistics.median(waits)), _spoken(max(waits))) if waits else ("–", "–")),
                )
                for online, waits in market.waited.items()
            ]
    return Result(
        f"From purchase to command: {size.customers} customers, {ONLINE} of them online, on a simulated clock",
        ("poll.rate", "feed", "buyer", f"read within {size.hours:g} h", "median", "longest"),
        rows,
        [],
        [f"Until he is read; the last leg is below. The feed asks every {FEED_S:g} s; the store lists at once."],
    )


def _spoken(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / HOUR_S:.1f} h"


SCENARIOS: Final = (purchase_to_command,)
