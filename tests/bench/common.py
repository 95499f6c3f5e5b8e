"""How the benchmarks measure: paired rounds against a yardstick, and a gate that a noisy machine does not trip.

`tests/bench/rcon.py` fills it; `tests/bench/__main__.py` prints it.

Absolute numbers on a shared machine drift by a fifth and more from run to run, ratios inside one round by a few
percent. So each round runs a short block of every variant, in shuffled order, and only ratios inside a round count.
"""

import gc
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self, TypeVar

ROOT: Final = Path(__file__).resolve().parents[2]
QUARTILE_SLACK: Final = 1.1  # a bar is missed when the better quartile misses it by this factor too

T = TypeVar("T")
Block = Callable[[], Awaitable[T]]


class Cost(NamedTuple):
    """Seconds for one command: the client's CPU time (kernel included), that of both sides, and by the clock."""

    client_s: float
    both_s: float
    wall_s: float


async def cost(commands: int, run: Callable[[], Awaitable[object]], server: int) -> Cost:
    """What each of `commands` costs that `run` does; `server` is the other process's id."""
    began = time.process_time(), process_time_of(server), time.perf_counter()
    await run()
    client_s, server_s, wall_s = (
        (end - begin) / commands
        for begin, end in zip(began, (time.process_time(), process_time_of(server), time.perf_counter()), strict=True)
    )
    return Cost(client_s, client_s + server_s, wall_s)


def process_time_of(process_id: int) -> float:
    """`time.process_time` of another process: Linux has a clock for each (clock_getcpuclockid(3))."""
    return time.clock_gettime(~process_id << 3 | 2)


async def paired(blocks: Mapping[str, Block[T]], rounds: int) -> list[dict[str, T]]:
    """Each round's result of every block, after one round to warm up."""
    # asyncio asks for 256 KiB before each read. glibc gets so much from the kernel and gives it back, which doubles the
    # cost of a command, until one larger block was freed; then it keeps it. perkd's daemon is past that when it has
    # imported its modules, a small program may never be, and the yardstick must not depend on it.
    bytearray(1 << 20)
    for block in blocks.values():
        await block()
    gc.collect()
    gc.freeze()  # what lives by now is not looked at again in the middle of a block
    try:
        return [{name: await blocks[name]() for name in shuffled(blocks)} for _ in range(rounds)]
    finally:
        gc.unfreeze()


def shuffled(names: Iterable[str]) -> list[str]:
    order = list(names)
    random.shuffle(order)
    return order


@dataclass(frozen=True, slots=True)
class Spread:
    """The median and the quartiles of one ratio over all rounds."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, ratios: Sequence[float]) -> Self:
        if len(ratios) < 2:
            return cls(ratios[0], ratios[0], ratios[0])
        lower, median, upper = statistics.quantiles(ratios, n=4, method="inclusive")
        return cls(median, lower, upper)

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.lower:.2f} to {self.upper:.2f}]"


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise as a ratio: what, to which yardstick of the same rounds, and how much at least or at most."""

    what: str
    yardstick: str
    limit: float
    measured: Spread
    at_most: bool = False

    @property
    def holds(self) -> bool:
        """It is missed only when the median misses it and the better quartile misses it by a tenth."""
        if self.at_most:
            return self.measured.median <= self.limit or self.measured.lower <= self.limit / QUARTILE_SLACK
        return self.measured.median >= self.limit or self.measured.upper >= self.limit * QUARTILE_SLACK

    def row(self, *, judge: bool) -> tuple[str, ...]:
        limit = f"at {'most' if self.at_most else 'least'} {self.limit:g}"
        verdict = "not judged" if not judge else "holds" if self.holds else "MISSED"
        return self.what, limit, self.yardstick, str(self.measured), verdict


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario's tables."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    bars: Sequence[Bar]
    notes: Sequence[str] = ()

    @property
    def holds(self) -> bool:
        return all(bar.holds for bar in self.bars)

    def text(self, *, judge: bool = True) -> str:
        head = ("bar", "limit", "yardstick of the same rounds", "median [quartiles]", "verdict")
        bars = [table(head, [bar.row(judge=judge) for bar in self.bars])] if self.bars else []
        return "\n\n".join([self.title, table(self.head, self.rows), *bars, *self.notes]) + "\n"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table with its columns aligned, so that it can be read here and pasted into a page."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (head, *rows)
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


async def judged(scenario: Block[Result], say: Callable[[str], None] = print) -> bool:
    """Runs a scenario and says what came out; runs it once more when a bar is missed. Whether its bars hold."""
    result = await scenario()
    say(result.text())
    if not result.holds:
        say("A bar was missed. Once more; this time counts.\n")
        result = await scenario()
        say(result.text())
    return result.holds
