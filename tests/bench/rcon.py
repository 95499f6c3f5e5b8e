"""RCON: one connection, 32 ticking servers, and a healthy server beside hung ones.

`tests/bench/__main__.py` runs `SCENARIOS`. The clients are in `tests/bench/clients.py`, the servers in
`tests/bench/echo.py`.
"""

import asyncio
import random
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from perkd.adapters.base import InDoubt
from tests.bench.clients import AIO, CLIENTS, MCRCON, NATIVE, POOL, RAW, SHIPPED, SOCKET, Ask, missing
from tests.bench.common import ROOT, Bar, Block, Cost, Result, Spread, cost, paired
from tests.bench.echo import TICK_S, TICKING

COMMAND: Final = "lp user 069a79f4-44e9-4726-a5be-fca90e38aaf5 parent add vip"
PATIENCE_S: Final = 10.0  # for one answer: the default of a server in perkd's configuration

HUNG: Final = 8
HUNG_PATIENCE_S: Final = 0.25  # of the first hung server, twice that of the second …: some give up and connect anew
# while the healthy one is measured, far more often than the default would have it


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done. A block of `FULL` takes 50 to 250 ms, or twenty ticks."""

    rounds: int
    commands: int  # in a block of one connection
    sleepy: int  # the same for mcrcon as shipped, which sleeps 3 ms after each
    tick_rounds: int
    ticks: int  # answers of each ticking server in a block
    pool_ticks: int  # the same where all wait for the few threads of one pool
    hung_rounds: int
    hung_commands: int


FULL: Final = Size(61, 400, 25, 9, 20, 4, 31, 2000)
SMOKE: Final = Size(3, 20, 3, 1, 2, 2, 2, 20)


@contextmanager
def servers() -> Iterator[tuple[int, int]]:
    """The port and the id of the servers' process, which ends with this block."""
    command = [sys.executable, "-m", "tests.bench.echo"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.communicate()  # it ends with its standard input


def there(*names: str) -> list[str]:
    """Those of the clients that are installed."""
    return [name for name in names if name not in missing()]


async def repeat(ask: Ask, times: int) -> None:
    for _ in range(times):
        await ask(COMMAND)


# One connection

Side = Callable[[Cost], float]
CLIENT: Final[Side] = attrgetter("client_s")
BOTH: Final[Side] = attrgetter("both_s")
WALL: Final[Side] = attrgetter("wall_s")


async def one_connection(size: Size) -> Result:
    """Each client on a kept connection to a server that answers at once, one command after the other."""
    names = there(SOCKET, RAW, NATIVE, MCRCON, AIO, SHIPPED)
    with servers() as (port, process_id):
        async with AsyncExitStack() as stack:
            blocks: dict[str, Block[Cost]] = {}
            for name in names:
                ask = await stack.enter_async_context(CLIENTS[name](port, "echo", PATIENCE_S))
                if await ask(COMMAND) != COMMAND:
                    raise RuntimeError(f"{name} did not bring the server's answer: the benchmark is wrong")
                blocks[name] = _block(ask, size.sleepy if name == SHIPPED else size.commands, process_id)
            rounds = await paired(blocks, size.rounds)

    def spent(name: str, side: Side) -> list[float]:
        return [side(costs[name]) for costs in rounds]

    def ratio(of: str, to: str, side: Side) -> Spread:
        return Spread.of([more / less for less, more in zip(spent(of, side), spent(to, side), strict=True)])

    rows = [
        (
            name,
            f"{statistics.median(spent(name, CLIENT)) * 1e6:.0f}",
            str(ratio(name, RAW, CLIENT)),
            f"{statistics.median(spent(name, BOTH)) * 1e6:.0f}",
            str(ratio(name, RAW, BOTH)),
            f"{1 / statistics.median(spent(name, WALL)):.0f}",
        )
        for name in names
    ]
    # The CPU time of both sides is judged: they share a core, so it is the rate that core has without neighbours.
    bars = [
        Bar(f"{NATIVE}: rate", to, least, ratio(NATIVE, to, BOTH))
        for to, least in ((RAW, 0.75), (AIO, 1.3))
        if to in names
    ]
    # mcrcon as shipped sleeps, which costs no CPU time: here the clock decides.
    bars += [Bar(f"{name}: rate by the clock", SHIPPED, 10, ratio(name, SHIPPED, WALL)) for name in (NATIVE, MCRCON)]
    return Result(
        f"One connection, {size.rounds} rounds of {size.commands} commands ({SHIPPED}: {size.sleepy})",
        ("client", "its CPU us", "rate by that", "CPU us with the server's", "rate by that", "commands/s by the clock"),
        rows,
        bars,
        [
            f"A rate is a multiple of that of the {RAW} in the same round; client and server share one core.",
            *(f"Not measured: {name} is not installed; `make bench` installs it." for name in missing()),
        ],
    )


def _block(ask: Ask, commands: int, process_id: int) -> Block[Cost]:
    return lambda: cost(commands, lambda: repeat(ask, commands), process_id)


# Servers that answer when their tick comes


async def ticking(size: Size) -> Result:
    """A connection to each of 32 servers, all busy at once. A server answers one command of a connection in a tick, so
    its own ticks are the limit; it counts them itself, and a machine that lets it tick late takes nothing from the
    client."""
    names = there(RAW, NATIVE, MCRCON, AIO, POOL)
    with servers() as (port, _):
        async with AsyncExitStack() as stack:
            blocks: dict[str, Block[float]] = {}
            for name in names:
                asks = [
                    await stack.enter_async_context(CLIENTS[name](port, f"tick:{number}", PATIENCE_S))
                    for number in range(TICKING)
                ]
                blocks[name] = _ticks(asks, size.pool_ticks if name == POOL else size.ticks)
            rounds = await paired(blocks, size.tick_rounds)
    shares = {name: Spread.of([round_[name] for round_ in rounds]) for name in names}
    return Result(
        f"{TICKING} servers with a tick of {TICK_S * 1000:.0f} ms, {size.tick_rounds} rounds of {size.ticks} ticks",
        ("client", "commands answered, of the servers' ticks"),
        [(name, str(shares[name])) for name in names],
        [Bar(f"{name}: commands answered", "the servers' ticks", 0.97, shares[name]) for name in (NATIVE, MCRCON)],
        [f"{SHIPPED} is not here: it runs on the main thread only, one server at a time."],
    )


def _ticks(asks: Sequence[Ask], commands: int) -> Block[float]:
    async def one(ask: Ask) -> int:
        """How many ticks the server made from the first answer to the last."""
        first = int(await ask(COMMAND))
        for _ in range(commands - 1):
            last = int(await ask(COMMAND))
        return last - first

    async def block() -> float:
        # Their ticks come in the order of `asks`: asked in that order, a few threads of a pool would look like many.
        made = await asyncio.gather(*map(one, random.sample(asks, len(asks))))
        return len(asks) * (commands - 1) / sum(made)

    return block


# A healthy server beside hung ones


async def beside_hung(size: Size) -> Result:
    """How long the healthy server's answers take while eight others let perkd in and never answer a command."""
    names = (RAW, NATIVE, MCRCON)
    with servers() as (port, _):
        async with AsyncExitStack() as stack:
            blocks: dict[str, Block[float]] = {}
            for name in names:
                ask = await stack.enter_async_context(CLIENTS[name](port, "echo", PATIENCE_S))
                blocks[f"{name} alone"] = _slowest(ask, size.hung_commands)
                blocks[f"{name} beside"] = _beside(name, port, blocks[f"{name} alone"])
            rounds = await paired(blocks, size.hung_rounds)

    def p99_us(name: str, how: str) -> str:
        return f"{statistics.median(round_[f'{name} {how}'] for round_ in rounds) * 1e6:.0f}"

    ratios = {name: Spread.of([r[f"{name} beside"] / r[f"{name} alone"] for r in rounds]) for name in names}
    return Result(
        f"A healthy server beside {HUNG} hung ones, {size.hung_rounds} rounds of {size.hung_commands} commands",
        ("client", "p99 us alone", "p99 us beside", "ratio"),
        [(name, p99_us(name, "alone"), p99_us(name, "beside"), str(ratios[name])) for name in names],
        [Bar(f"{name}: p99", "its p99 without them", 1.5, ratios[name], at_most=True) for name in (NATIVE, MCRCON)],
    )


def _slowest(ask: Ask, commands: int) -> Block[float]:
    async def block() -> float:
        """The 99th percentile of the seconds for an answer."""
        took_s: list[float] = []
        for _ in range(commands):
            began = time.perf_counter()
            await ask(COMMAND)
            took_s.append(time.perf_counter() - began)
        return statistics.quantiles(took_s, n=100, method="inclusive")[98]

    return block


def _beside(name: str, port: int, healthy: Block[float]) -> Block[float]:
    async def block() -> float:
        async with hung(name, port):
            return await healthy()

    return block


@asynccontextmanager
async def hung(name: str, port: int) -> AsyncIterator[None]:
    """Hung servers with a command in flight to each; after its time a client gives up and comes again."""

    async def one(patience_s: float, asked: asyncio.Event) -> None:
        while True:
            async with CLIENTS[name](port, "hung", patience_s) as ask:
                asked.set()
                with suppress(InDoubt):
                    await ask(COMMAND)

    asked = [asyncio.Event() for _ in range(HUNG)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(HUNG_PATIENCE_S * n, event)) for n, event in enumerate(asked, 1)]
        for event in asked:
            await event.wait()
        yield
        for task in tasks:
            task.cancel()


SCENARIOS: Final = (one_connection, ticking, beside_hung)
