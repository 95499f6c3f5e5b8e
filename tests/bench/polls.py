"""Loop 1 beside a bare GET, and beside the script that an owner would write: CPU time for each inventory read.

`tests/bench/__main__.py` runs `SCENARIOS`. The store is `shop.py`, perkd's whole daemon is `running.py`, the others are
`script.py`: processes that read as fast as they can, on one core. Only one of them runs at a time.
"""

import asyncio
import os
import signal
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.bench.common import Bar, Result, Spread, paired, process_time_of
from tests.bench.customers import Shopkeeper, client, config, home, shop
from tests.bench.running import daemon
from tests.bench.script import IN_FLIGHT
from tests.bench.shop import CHANGES_EVERY, PORTS

STORE_CPU: Final = min(os.sched_getaffinity(0))  # the clients have the last one
PLAIN, SCRIPTED, MINE, QUIET, TAGGED = range(PORTS)  # the shop's ports

BARE: Final = "aiohttp, GET and read"
SCRIPT: Final = "the script of an owner"
PERKD: Final = f"perkd, one read in {CHANGES_EVERY} changed"
PERKD_QUIET: Final = "perkd, nothing changed"
PERKD_ETAG: Final = "perkd, nothing changed, ETag"
POLL: Final = f'offline = "1s"\nonline = "1s"\nconcurrency = {IN_FLIGHT}'


@dataclass(frozen=True, slots=True)
class Size:
    rounds: int
    customers: int
    window_s: float


FULL: Final = Size(31, 1_000, 0.4)
SMOKE: Final = Size(2, 100, 0.2)


class Reading:
    """A process that reads all the time, but stands still while it is not measured."""

    def __init__(self, process_id: int, port: int, shopkeeper: Shopkeeper) -> None:
        self._id, self._port, self._shopkeeper = process_id, port, shopkeeper
        self.pause()

    def pause(self) -> None:
        os.kill(self._id, signal.SIGSTOP)

    def asked(self) -> int:
        return self._shopkeeper.asked()[self._port]

    async def cost_s(self, window_s: float) -> float:
        """CPU seconds of each inventory that was read in that time."""
        began_s, before = process_time_of(self._id), self.asked()
        os.kill(self._id, signal.SIGCONT)
        await asyncio.sleep(window_s)
        self.pause()
        return (process_time_of(self._id) - began_s) / (self.asked() - before)

    async def warm(self, customers: int) -> None:
        """Until everybody was read a few times."""
        os.kill(self._id, signal.SIGCONT)
        while self.asked() < 3 * customers:  # noqa: ASYNC110 - another process counts
            await asyncio.sleep(0.1)
        self.pause()


async def steady(size: Size) -> Result:
    """A whole poll from the schedule to the ledger."""
    with ExitStack() as stack:
        shopkeeper = stack.enter_context(shop(STORE_CPU))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="perkd-bench-"))
        reading: dict[str, Reading] = {}

        def add(name: str, process_id: int, port: int) -> None:
            reading[name] = Reading(process_id, port, shopkeeper)  # it stands still from here on
            stack.callback(os.kill, process_id, signal.SIGCONT)  # else it could not end

        for name, port in ((PERKD, MINE), (PERKD_QUIET, QUIET), (PERKD_ETAG, TAGGED)):
            path = config(home(size.customers, port), shopkeeper.ports[port], POLL)
            add(name, stack.enter_context(daemon(path, at_once=True)).process_id, port)
        for name, port, where in ((BARE, PLAIN, ()), (SCRIPT, SCRIPTED, (folder,))):
            add(name, stack.enter_context(client(shopkeeper.ports[port], size.customers, 0, *where)), port)
        for one in reading.values():
            await one.warm(size.customers)
        blocks: dict[str, Callable[[], Awaitable[float]]] = {
            name: partial(one.cost_s, size.window_s) for name, one in reading.items()
        }
        rounds = await paired(blocks, size.rounds)
    return Result(
        f"Reading {size.customers} customers with 3 items, {size.rounds} rounds",
        ("who", "CPU us each", "ratio"),
        [
            (name, f"{statistics.median(r[name] for r in rounds) * 1e6:.0f}", str(ratio(rounds, name, BARE)))
            for name in (BARE, SCRIPT, PERKD_QUIET, PERKD_ETAG, PERKD)
        ],
        [
            Bar(f"{PERKD_QUIET}: CPU", BARE, 1.6, ratio(rounds, PERKD_QUIET, BARE), at_most=True),
            Bar(f"{PERKD_ETAG}: CPU", BARE, 1.6, ratio(rounds, PERKD_ETAG, BARE), at_most=True),
            Bar(f"{PERKD}: CPU", SCRIPT, 0.75, ratio(rounds, PERKD, SCRIPT), at_most=True),
        ],
        [f"{IN_FLIGHT} in flight, the store on another core. perkd: the whole daemon, its ledger on disk, its log on."],
    )


def ratio(rounds: Sequence[dict[str, float]], of: str, to: str) -> Spread:
    return Spread.of([round_[of] / round_[to] for round_ in rounds])


SCENARIOS: Final = (steady,)
