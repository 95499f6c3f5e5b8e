"""What an owner's machine sees of perkd: CPU and memory of the whole daemon, at rest and with many customers.

`tests/bench/__main__.py` runs `SCENARIOS`.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.common import Bar, Result, Spread, process_time_of
from tests.bench.customers import Shopkeeper, client, config, home, settled, shop
from tests.bench.running import daemon

RATE: Final = 20
STORE_CPU: Final = min(os.sched_getaffinity(0))
SLICES: Final = 5  # of the time: the spread that is shown


@dataclass(frozen=True, slots=True)
class Size:
    customers: int
    slice_s: float


FULL: Final = Size(100_000, 6.0)
SMOKE: Final = Size(1_000, 0.5)


@dataclass(frozen=True, slots=True)
class Seen:
    """CPU in percent of a core, megabytes resident, and requests a second."""

    cpu: Spread
    resident_mb: float
    requests: float


REST: Final = "perkd at rest"
READING: Final = "perkd reading"
BARE: Final = "aiohttp, GET and read, as often"


async def whole(size: Size) -> Result:
    """At rest: with one customer. Else everybody is due as soon as the rate lets them."""
    seen = {}
    with shop(STORE_CPU) as shopkeeper:
        for name, customers in ((REST, 1), (READING, size.customers)):
            path = config(home(customers), shopkeeper.ports[0], f"rate = {RATE}")
            if customers > 1:
                settled(path)
            with daemon(path, loaded=True) as perkd:
                seen[name] = await _seen(perkd.process_id, shopkeeper, size.slice_s)
        with client(shopkeeper.ports[0], size.customers, RATE) as process_id:
            seen[BARE] = await _seen(process_id, shopkeeper, size.slice_s)
    reading, each = seen[READING], (seen[READING].resident_mb - seen[REST].resident_mb) / size.customers
    return Result(
        f"The whole daemon, {size.customers} customers with 3 items, {RATE} requests a second",
        ("who", "requests/s", "CPU, % of a core", "resident MB"),
        [(name, f"{x.requests:.1f}", str(x.cpu), f"{x.resident_mb:.0f}") for name, x in seen.items()],
        [
            Bar("CPU", "% of a core", 1, reading.cpu, at_most=True),
            Bar("resident", "MB", 200, Spread.of([reading.resident_mb]), at_most=True),
        ],
        [f"{each * 1e6:.0f} bytes for each customer. At rest perkd has one customer and four servers that are down."],
    )


async def _seen(process_id: int, shopkeeper: Shopkeeper, slice_s: float) -> Seen:
    await asyncio.sleep(slice_s)  # what belongs to the start has ended
    cpu, before = [], shopkeeper.asked()[0]
    for _ in range(SLICES):
        began_s = process_time_of(process_id)
        await asyncio.sleep(slice_s)
        cpu.append((process_time_of(process_id) - began_s) / slice_s * 100)
    requests = (shopkeeper.asked()[0] - before) / slice_s / SLICES
    return Seen(Spread.of(cpu), resident_mb(process_id), requests)


def resident_mb(process_id: int) -> float:
    """proc(5), status."""
    status = Path(f"/proc/{process_id}/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


SCENARIOS: Final = (whole,)
