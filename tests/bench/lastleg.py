"""From the moment somebody asks for a buyer to his command in the game: the milliseconds `reaction.py` leaves out.

`tests/bench/__main__.py` runs `SCENARIOS` after those of `reaction.py`. Nothing is simulated here: the whole daemon on
real time, with its ledger on disk, an emulated store and an emulated game server, all in one process on one core.
"""

import asyncio
import random
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perkd.daemon.app import App
from perkd.daemon.runtime.clock import TICK_S
from tests.bench.common import Result
from tests.world import World


@dataclass(frozen=True, slots=True)
class Size:
    purchases: int


FULL: Final = Size(200)
SMOKE: Final = Size(3)


async def asked_to_command(size: Size) -> Result:
    buyers = [f"Buyer{number}" for number in range(size.purchases)]
    with tempfile.TemporaryDirectory(prefix="perkd-bench-") as folder:
        async with World(Path(folder)) as world:
            world.write_config(offline="1h")
            for name in buyers:
                world.add_token(name)
            app = await world.start_app()
            await world.until(lambda: all(watch.read_at is not None for watch in app.polling.roll))
            waits = sorted([await _one(world, app, name) for name in buyers])
            delivered = len(world.server.deliveries)
    if delivered != size.purchases:
        raise RuntimeError(f"{delivered} commands for {size.purchases} purchases; the benchmark is wrong")
    return Result(
        f"From asking for a buyer to his command in the game: {size.purchases} purchases, one after the other",
        ("purchases", "median", "nine in ten within", "longest"),
        [
            (
                str(size.purchases),
                *(f"{at * 1000:.0f} ms" for at in (statistics.median(waits), _ninth(waits), waits[-1])),
            )
        ],
        [],
        [f"{TICK_S * 500:.0f} ms of it, on average, is the wait for the tick that takes up who is due."],
    )


async def _one(world: World, app: App, name: str) -> float:
    """Seconds from asking for him, as the feed does, until the server has his command."""
    world.buy(name)
    watch = app.polling.roll.of(world.store.customer(name).id)
    assert watch is not None
    await asyncio.sleep(random.uniform(0.0, TICK_S))  # noqa: S311 - or each would come just after a tick
    before, began = len(world.server.deliveries), time.perf_counter()
    app.polling.look_now([watch])
    while len(world.server.deliveries) == before:  # noqa: ASYNC110 - the emulated server counts and tells nobody
        await asyncio.sleep(0.001)
    return time.perf_counter() - began


def _ninth(waits: list[float]) -> float:
    return waits[round(0.9 * (len(waits) - 1))]


SCENARIOS: Final = (asked_to_command,)
