"""What perkd keeps of each customer between two polls: resident memory, and how long it takes to take everybody in.

`tests/bench/__main__.py` runs `SCENARIOS`. Each measurement is a process of its own, started with this module.
"""

import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.common import Bar, Result, Spread
from tests.bench.customers import ROOT, fill, idle, today

ITEMS: Final = 3
LIMIT: Final = 900  # bytes each: 0.9 KB
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Size:
    rounds: int
    customers: int


FULL: Final = Size(3, 100_000)
SMOKE: Final = Size(1, 1_000)


async def memory(size: Size) -> Result:
    """The growth of the resident set while the list of customers is taken from a ledger."""
    with tempfile.TemporaryDirectory(prefix="perkd-bench-") as folder:
        path = Path(folder) / "ledger.db"
        await fill(path, size.customers, now=today(), items=ITEMS)
        runs = [measured(path) for _ in range(size.rounds)]
    each = [grown / size.customers for grown, _, _ in runs]
    grown, took_s, whole = runs[0]
    return Result(
        f"{size.customers} customers with {ITEMS} items, read from a ledger, {size.rounds} processes",
        ("what", "bytes each", "MB in all", "MB of the process", "load, s of CPU", "us each"),
        [
            (
                "watches, schedule, players, tokens, digests, ETags",
                f"{grown / size.customers:.0f}",
                f"{grown / 1e6:.0f}",
                f"{whole / 1e6:.0f}",
                f"{took_s:.2f}",
                f"{took_s / size.customers * 1e6:.1f}",
            )
        ],
        [
            Bar(
                "resident bytes of each customer",
                f"{LIMIT} bytes",
                1,
                Spread.of([x / LIMIT for x in each]),
                at_most=True,
            )
        ],
        ["Items stay in the ledger: a poll whose bytes are the last ones does not need them."],
    )


def measured(path: Path) -> tuple[int, float, int]:
    """Bytes the resident set grew by, seconds of CPU it took, and the whole set, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.resting", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    grown, took_s, whole = done.stdout.split()
    return int(grown), float(took_s), int(whole)


def resident() -> int:
    """Bytes (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text("utf-8").split()[1]) * PAGE


async def load(path: Path) -> None:
    """What `app` does before its loops run."""
    async with idle(path) as polling:
        gc.collect()
        before, began = resident(), time.process_time()
        await polling.load()
        took_s = time.process_time() - began
        gc.collect()
        after = resident()
        assert len(polling.roll), "the ledger was empty"
        print(after - before, took_s, after)


SCENARIOS: Final = (memory,)

if __name__ == "__main__":
    asyncio.run(load(Path(sys.argv[1])))
