"""The schedule beside an APScheduler job for each customer: CPU of a due one, start-up, and who is lost in a stall.

`tests/bench/__main__.py` runs `SCENARIOS`. Each measurement is a process of its own, started with this module; one for
perkd and one for APScheduler make a round.
"""

import asyncio
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from perkd.adapters.base import Secret
from perkd.daemon.paynow.seen import Seen
from perkd.daemon.paynow.storefront import Storefront, Unchanged
from perkd.daemon.paynow.transport.exchange import Exchange
from perkd.daemon.paynow.transport.rate import Rate
from perkd.daemon.polling.schedule import Schedule
from perkd.daemon.polling.watch import Intervals
from perkd.daemon.runtime.clock import Clock
from perkd.daemon.runtime.context import Context
from tests.bench.common import Bar, Result, Spread, shuffled
from tests.bench.customers import RATE, ROOT, fill, ledger_and_lane, polling_of, today

PERKD: Final = "perkd, one tick"
JOBS: Final = "APScheduler, a job each"
STALL_S: Final = 3.0
AFTER_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Size:
    rounds: int
    customers: int
    every_s: float  # how often each is due
    window_s: float


FULL: Final = Size(3, 100_000, 100.0, 4.0)
SMOKE: Final = Size(1, 100, 2.0, 0.2)


@dataclass(frozen=True, slots=True)
class Run:
    """One process: seconds of CPU for each due customer and for taking each in, and the share not lost in a stall."""

    due_s: float
    start_s: float
    kept: float


async def schedule(size: Size) -> Result:
    """Customers who are due evenly all the time; reading one does nothing."""
    with tempfile.TemporaryDirectory(prefix="perkd-bench-") as folder:
        path = Path(folder) / "ledger.db"
        await fill(path, size.customers, now=today(), items=1)
        rounds = [{name: _measured(name, path, size) for name in shuffled((PERKD, JOBS))} for _ in range(size.rounds)]

    def ratio(what: Callable[[Run], float]) -> Spread:
        return Spread.of([what(round_[PERKD]) / what(round_[JOBS]) for round_ in rounds])

    def us(name: str, what: Callable[[Run], float]) -> str:
        return f"{statistics.median(what(round_[name]) for round_ in rounds) * 1e6:.1f}"

    return Result(
        f"{size.customers} customers, each due every {size.every_s:g} s, {size.rounds} rounds of {size.window_s:g} s",
        (
            "who",
            "CPU us a due customer",
            "start-up, CPU us each",
            f"read within {AFTER_S:g} s of a {STALL_S:g} s stall",
        ),
        [
            (
                name,
                us(name, lambda run: run.due_s),
                us(name, lambda run: run.start_s),
                f"{statistics.median(round_[name].kept for round_ in rounds):.1%}",
            )
            for name in (PERKD, JOBS)
        ],
        [
            Bar(f"{PERKD}: CPU", JOBS, 0.5, ratio(lambda run: run.due_s), at_most=True),
            Bar(f"{PERKD}: start-up", JOBS, 0.05, ratio(lambda run: run.start_s), at_most=True),
            Bar(f"{PERKD}: nobody lost", "all", 1, Spread.of([round_[PERKD].kept for round_ in rounds])),
        ],
        ["perkd: from the tick to the customer put back; the store answers at once. Start-up: the times alone."],
    )


def _measured(name: str, path: Path, size: Size) -> Run:
    numbers = map(str, (size.customers, size.every_s, size.window_s))
    command = [sys.executable, "-m", "tests.bench.scheduling", name, str(path), *numbers]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return Run(**json.loads(done.stdout))


# In the process of its own


class Still(Storefront):
    """A store where nothing changes, and that answers at once."""

    def __init__(self, exchange: Exchange, read: Callable[[str], None]) -> None:
        super().__init__(exchange)
        self._read = read

    async def inventory(self, token: Secret, customer_id: str, previous: Seen | None, now: datetime) -> Unchanged:
        assert isinstance(token, Secret)
        assert previous is not None
        self._read(customer_id)
        return Unchanged(now, previous)


Wait = Callable[[], Awaitable[Run]]


async def perkd(path: Path, customers: int, every_s: float, window_s: float) -> Run:
    began = time.process_time()
    table = Schedule()
    for key in range(1, customers + 1):
        table.put(key, key / customers * every_s)
    start_s = (time.process_time() - began) / customers
    read: list[str] = []
    clock = Clock()
    async with AsyncExitStack() as stack:
        ledger, reconciler = await stack.enter_async_context(ledger_and_lane(path, clock))
        exchange = await stack.enter_async_context(Exchange.open("http://127.0.0.1:9", rate=Rate(RATE), wall=clock.now))
        polling = polling_of(Still(exchange, read.append), ledger, reconciler, Context.of(clock))
        every = timedelta(seconds=every_s)
        polling.every = Intervals(every, every)
        await polling.load()
        now = clock.monotonic()
        for key in range(1, customers + 1):
            polling.roll.schedule.put(key, now + key / customers * every_s)
        clock.on_tick(polling.drain)
        clock.start()
        stack.callback(clock.close)
        running = asyncio.create_task(polling.run())
        found = await watched(read, customers / every_s, window_s, start_s)
        running.cancel()
        await asyncio.wait([running])
    return found


async def jobs(_path: Path, customers: int, every_s: float, window_s: float) -> Run:
    """One interval job for each, as APScheduler comes: memory store, default settings but for the log."""
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    read: list[str] = []

    async def poll(customer_id: str) -> None:
        read.append(customer_id)

    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.start(paused=True)
    began, now = time.process_time(), datetime.now(UTC) + timedelta(seconds=customers / 4000)
    for number in range(customers):
        at = now + timedelta(seconds=number / customers * every_s)
        scheduler.add_job(poll, IntervalTrigger(seconds=every_s), args=(str(number),), next_run_time=at)
    start_s = (time.process_time() - began) / customers
    await asyncio.sleep(max(0.0, (now - datetime.now(UTC)).total_seconds()))  # the first is due then
    scheduler.resume()
    found = await watched(read, customers / every_s, window_s, start_s)
    scheduler.shutdown(wait=False)
    return found


async def watched(read: list[str], due_a_second: float, window_s: float, start_s: float) -> Run:
    """Whoever is read shows up in `read`. Of those who were due in a stall, how many are read within AFTER_S of it."""
    await asyncio.sleep(1.0)
    began, before = time.process_time(), len(read)
    await asyncio.sleep(window_s)
    due_s = (time.process_time() - began) / (len(read) - before)
    before = len(read)
    time.sleep(STALL_S)  # noqa: ASYNC251, TID251 - the loop is meant to stop
    await asyncio.sleep(AFTER_S)
    return Run(due_s, start_s, min(1.0, len(set(read[before:])) / (due_a_second * STALL_S)))


SCENARIOS: Final = (schedule,)

if __name__ == "__main__":
    who, ledger_path, count, every, window = sys.argv[1:]
    run = asyncio.run((perkd if who == PERKD else jobs)(Path(ledger_path), int(count), float(every), float(window)))
    print(json.dumps({"due_s": run.due_s, "start_s": run.start_s, "kept": run.kept}))
