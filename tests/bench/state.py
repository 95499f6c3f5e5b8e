"""The running daemon on a large ledger: how late its event loop is under each route and verb, and what its lists take.

`tests/bench/__main__.py` runs `SCENARIOS`. The bars are what an owner feels, in milliseconds, not ratios.
"""

import asyncio
import os
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp

from perkd.daemon.core.changes import Outcome
from perkd.daemon.core.model import State
from perkd.daemon.ledger import Ledger
from tests.bench.common import Bar, Result, Spread
from tests.bench.customers import config, home, shop
from tests.bench.running import Daemon, daemon
from tests.bench.shop import customer_id, token

STORE_CPU: Final = min(os.sched_getaffinity(0))
ONLINE: Final = 500
Took = tuple[float, float]  # seconds of CPU of this process, and by the clock
_OPENED_S: Final[dict[Path, float]] = {}
DONE: Final = Outcome(state=State.DELIVERED, reply="")
SERVER: Final = "survival"
EXTRA: Final = '[[perk]]\nname = "extra"\nkind = "once"\nproducts = ["1"]\nservers = ["lobby"]\ngrant = ["say hi"]'


@dataclass(frozen=True, slots=True)
class Size:
    customers: int
    rounds: int
    claims: int
    stale_s: float  # after which no report is kept any more


FULL: Final = Size(100_000, 3, 200, 10.5)
SMOKE: Final = Size(1_000, 1, 5, 0.1)


def ms(seconds: Iterable[float]) -> Spread:
    return Spread.of([second * 1000 for second in seconds])


def p99(seconds: Sequence[float]) -> float:
    return sorted(seconds)[round(0.99 * (len(seconds) - 1))]


# What waits for players who are not there

NONE, NEXT, ONE = "claim, nothing to send", "next due", "claim, one to send"


async def waiting(size: Size) -> Result:
    """The questions of each delivery loop at each wake, while many commands wait for their players."""
    path = home(size.customers) / "ledger.db"
    migrated_s = await _opened(path)
    online, there = _players(path)
    took: dict[str, list[list[Took]]] = {NONE: [], NEXT: [], ONE: [], **{f"a list: {name}": [] for name in LISTS}}
    ledger = await Ledger.open(path, datetime.now(UTC))
    try:
        now, commands = datetime.now(UTC), ledger.commands
        while (one := await commands.claim(SERVER, now, {})) is not None:  # what waits for nobody
            await commands.settle(one.id, DONE, now)
        for _ in range(size.rounds):
            for each in took.values():
                each.append([])
            for player in there[: size.claims]:
                await _timed(took[NONE][-1], commands.claim(SERVER, now, online))
                await _timed(took[NEXT][-1], commands.next_due(SERVER, now, online))
                one = await _timed(took[ONE][-1], commands.claim(SERVER, now, {**online, player: now}))
                assert one is not None
                await commands.settle(one.id, DONE, now)
            del there[: size.claims]
            for name, query in LISTS.items():
                for _ in range(size.claims):
                    await _timed(took[f"a list: {name}"][-1], ledger.reports.commands(**query))
    finally:
        await ledger.close()
    shown = {name: _four(each) for name, each in took.items()}
    return Result(
        f"{len(there)} players wait on {SERVER}, {len(online)} are online; {size.rounds} rounds of {size.claims}",
        ("question", "CPU ms, median", "p99", "by the clock, median", "p99"),
        [(name, *map(str, four)) for name, four in shown.items()],
        [
            Bar(f"{name}: CPU, {what}", "ms", 1, found, at_most=True)
            for name in (NONE, NEXT)
            for what, found in zip(("median", "p99"), shown[name][:2], strict=True)
        ]
        + [_slowest("a list of 100: CPU", 5, {name: shown[f"a list: {name}"][0] for name in LISTS})],
        [
            f"The ledger has {path.stat().st_size / 1e6:.0f} MB; opening it, with its migration: {migrated_s:.1f} s.",
            "A claim that finds a command is on disk when it returns: by the clock, that is the disk's time.",
        ],
    )


def _four(rounds: Sequence[Sequence[Took]]) -> tuple[Spread, ...]:
    """Median and p99 of the rounds, first of the CPU time, then by the clock."""
    return tuple(
        ms([at([took[kind] for took in round_]) for round_ in rounds])
        for kind in (0, 1)
        for at in (statistics.median, p99)
    )


async def _timed(took: list[Took], asked: Awaitable[Any]) -> Any:
    began = time.process_time(), time.perf_counter()
    answer = await asked
    took.append((time.process_time() - began[0], time.perf_counter() - began[1]))
    return answer


async def _opened(path: Path) -> float:
    """Seconds that it took for the first time, which migrates it."""
    if path not in _OPENED_S:
        began = time.perf_counter()
        await (await Ledger.open(path, datetime.now(UTC))).close()
        _OPENED_S[path] = time.perf_counter() - began
    return _OPENED_S[path]


def _players(path: Path) -> tuple[dict[str, datetime], list[str]]:
    """Those who are online and wait for nothing, and those whose kit waits for them at the server."""
    with closing(sqlite3.connect(path)) as db:
        given = "SELECT player FROM holdings WHERE effect = 'kit' AND state = 'held' AND delivered_at IS NOT NULL"
        kit = "SELECT DISTINCT player FROM commands WHERE state = 'planned' AND server = ? AND online_us = 0"
        online = {player: datetime.now(UTC) for (player,) in db.execute(f"{given} LIMIT {ONLINE}")}
        return online, [player for (player,) in db.execute(kit, (SERVER,))]


# Routes and verbs


@dataclass(slots=True)
class Measured:
    """Seconds until the answer came, and by how many milliseconds the event loop was late meanwhile."""

    took: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)


class Asking:
    """A person with a browser and a shell beside the daemon."""

    def __init__(self, perkd: Daemon, pages: aiohttp.ClientSession, control: aiohttp.ClientSession) -> None:
        self._perkd, self._pages, self._control = perkd, pages, control
        self.measured: dict[str, Measured] = {}

    async def measure(self, name: str, asked: Callable[[], Awaitable[object]]) -> None:
        self._perkd.late_ms()
        one = self.measured.setdefault(name, Measured())
        began = time.perf_counter()
        await asked()
        one.took.append(time.perf_counter() - began)
        one.late.append(self._perkd.late_ms())

    async def page(self, path: str) -> None:
        async with self._pages.get(f"{self._perkd.url}{path}") as answer:
            await answer.read()
            assert answer.status in (200, 503), f"{path}: {answer.status}"

    async def control(self, method: str, path: str, json: object = None) -> Any:
        async with self._control.request(method, f"http://perkd{path}", json=json) as answer:
            found = await answer.json()
            assert answer.status == 200, f"{method} {path}: {found}"
            return found

    async def ids(self, query: str) -> list[int]:
        return [row["id"] for row in (await self.control("GET", f"/commands?{query}&limit=20"))["commands"]]


PAGES: Final = ("/healthz", "/readyz", "/status", "/metrics", "/")
LISTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "state=planned": {"state": State.PLANNED},
    "state=refused": {"state": State.REFUSED},
    f"server={SERVER}": {"server": SERVER},
    f"state=delivered&server={SERVER}": {"state": State.DELIVERED, "server": SERVER},
    f"customer={customer_id(7)}": {"customer_id": str(customer_id(7))},
    "before=400000": {"before": 400_000},
}
CONTROL: Final = ("/status", "/customers", "/customers?limit=1000", "/commands?limit=1000")
LIST: Final = "GET /commands?{}"
FIRST: Final = "GET /status, for the first time"
FRESH: Final = "GET /status, made anew"
FIVE: Final = "GET /status, made anew, five at once"


async def answers(size: Size) -> Result:
    folder = home(size.customers)
    with shop(STORE_CPU) as shopkeeper:
        path = config(folder, shopkeeper.ports[0], "rate = 20.0")
        with daemon(path, meter=True) as perkd:
            async with AsyncExitStack() as stack:
                pages = await stack.enter_async_context(aiohttp.ClientSession())
                socket = aiohttp.UnixConnector(str(folder / "control.sock"))
                control = await stack.enter_async_context(aiohttp.ClientSession(connector=socket))
                asking = Asking(perkd, pages, control)
                await asking.measure(FIRST, lambda: asking.page("/status"))
                for round_ in range(size.rounds):
                    await _pages(asking, size)
                    await _verbs(asking, size, round_, folder, shopkeeper.ports[0])
    found = asking.measured
    kept = [f"GET {page}" for page in PAGES if page != "/healthz"]
    return Result(
        f"Routes and verbs with {size.customers} customers, {size.rounds} times each, 20 requests a second meanwhile",
        ("asked", "answer, median ms", "longest", "event loop late by at most, median ms", "longest"),
        [(name, *_shown([x * 1000 for x in one.took]), *_shown(one.late)) for name, one in found.items()],
        [
            Bar("ready, from the start of the process", "s", 5, Spread.of([perkd.ready_s]), at_most=True),
            _slowest("a report made anew", 500, {name: ms(found[name].took) for name in (FIRST, FRESH, FIVE)}),
            _slowest("a report that is kept", 50, {name: ms(found[name].took) for name in kept}),
            _slowest("the event loop is late", 50, {name: Spread.of(one.late) for name, one in found.items()}),
        ],
        ["A page of /commands has 100 rows, where nothing else is said. Bars: of the slowest, which is named."],
    )


def _slowest(what: str, most_ms: float, found: dict[str, Spread]) -> Bar:
    name, spread = max(found.items(), key=lambda one: one[1].median)
    return Bar(f"{what} ({name})", "ms", most_ms, spread, at_most=True)


def _shown(values: Sequence[float]) -> tuple[str, str]:
    return f"{statistics.median(values):.1f}", f"{max(values):.1f}"


async def _pages(asking: Asking, size: Size) -> None:
    async def five() -> None:
        await asyncio.gather(*(asking.page("/status") for _ in range(5)))

    await asyncio.sleep(size.stale_s)
    await asking.measure(FRESH, lambda: asking.page("/status"))
    for path in PAGES:
        await asking.measure(f"GET {path}", lambda path=path: asking.page(path))  # type: ignore[misc]  # a default binds it
    await asyncio.sleep(size.stale_s)
    await asking.measure(FIVE, five)
    for query in LISTS:
        await asking.measure(LIST.format(query), lambda query=query: asking.page(f"/commands?{query}"))  # type: ignore[misc]  # as above
    for path in CONTROL:
        await asking.measure(f"control: GET {path}", lambda path=path: asking.control("GET", path))  # type: ignore[misc]  # as above
    await asking.measure("nothing, for 2 s", lambda: asyncio.sleep(min(2.0, size.stale_s)))


async def _verbs(asking: Asking, size: Size, round_: int, folder: Path, port: int) -> None:
    new = size.customers + round_ * 100
    entries = [{"token": token(number), "name": "", "note": ""} for number in range(new + 1, new + 20)]
    refused, blocked = await asking.ids("state=refused"), await asking.ids("state=blocked")
    verbs: dict[str, tuple[str, str, object]] = {
        "customers add": ("POST", "/customers", {"token": token(new), "name": "", "note": ""}),
        "customers import": ("POST", "/customers/import", {"customers": entries}),
        "customers remove": ("DELETE", f"/customers/{customer_id(new)}", None),
        "customers remove --revoke": ("DELETE", f"/customers/{customer_id(100 + round_)}?revoke=true", None),
        "commands retry": ("POST", f"/commands/{refused[0]}/retry", None),
        "commands skip": ("POST", f"/commands/{blocked[0]}/skip", None),
    }
    for name, (method, path, json) in verbs.items():
        await asking.measure(name, lambda m=method, p=path, j=json: asking.control(m, p, j))  # type: ignore[misc]  # as above
    config(folder, port, "rate = 20.0", *([EXTRA] if round_ % 2 == 0 else []))
    await asking.measure("reload", lambda: asking.control("POST", "/reload"))


SCENARIOS: Final = (waiting, answers)
