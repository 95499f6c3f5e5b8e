"""The customers of the benchmarks: in a ledger of their own, at the store of `shop.py`, and with perkd reading them.

`polls.py`, `resting.py` and `scheduling.py` measure with these.
"""

import asyncio
import json
import logging
import random
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager, redirect_stderr
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Endpoint, Secret
from perkd.daemon.cli import logs
from perkd.daemon.config.settings import Poll
from perkd.daemon.core.brake import Brake
from perkd.daemon.core.model import BrakeLimits, Perk, PerkKind, Server
from perkd.daemon.ledger.convert import micros
from perkd.daemon.ledger.ledger import Ledger
from perkd.daemon.paynow.storefront import Storefront
from perkd.daemon.paynow.transport.rate import Rate
from perkd.daemon.polling.loop import Polling
from perkd.daemon.polling.reconcile import Reconciler
from perkd.daemon.polling.rules import Rules
from perkd.daemon.runtime.clock import Clock
from perkd.daemon.runtime.context import Context
from perkd.daemon.runtime.counters import Counters
from tests.bench.shop import customer_id, token
from tests.builders import specs
from tests.ledgers import configure

ROOT: Final = Path(__file__).resolve().parents[2]
RATE: Final = 1_000_000.0  # requests a second: the limit is asked for each, and holds nobody back
IN_FLIGHT: Final = 16  # as the config has it
SOON: Final = timedelta(milliseconds=1)
AT_ONCE: Final = Poll(online=SOON, offline=SOON, rate=RATE, concurrency=IN_FLIGHT)  # due when asked for
PERKS: Final = tuple(
    Perk(
        name=name,
        kind=PerkKind.LASTING,
        products=(product,),
        servers=("survival",),
        grant=specs(f"lp user {{uuid}} parent add {name}"),
        revoke=specs(f"lp user {{uuid}} parent remove {name}"),
        effect=name,
    )
    for name, product in (("vip", "product-0"), ("pets", "product-1"))
)
SURVIVAL: Final = Server(name="survival", game="minecraft", endpoint=Endpoint("127.0.0.1", 25575, Secret("")))


class Shopkeeper:
    """The store's process: its ports, and the line over which it is told what changes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        self.process_id = process.pid
        self.ports = tuple(int(port) for port in self._out.readline().split())

    def change(self, port: int, numbers: Iterable[int]) -> None:
        """Those customers' items are others from now on, at that port."""
        self._in.write(f"{port} {' '.join(map(str, numbers))}\n")
        self._in.flush()
        self._out.readline()


@contextmanager
def shop(customers: int, items: int, cpu: int) -> Iterator[Shopkeeper]:
    command = [sys.executable, "-m", "tests.bench.shop", str(customers), str(items), str(cpu)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Shopkeeper(process)
        finally:
            process.communicate()  # it ends with its standard input


async def fill(path: Path, customers: int, *, now: datetime, items: int = 0) -> None:
    """A ledger as it is when each customer's profile was read today. With `items` also an inventory was, which they are
    the rows of."""
    ledger = await Ledger.open(path, now)
    await ledger.close()
    at = micros(now)
    everybody = range(customers)
    with closing(sqlite3.connect(path)) as db:
        db.executemany(
            "INSERT INTO tokens (token, customer_id, source, added_at) VALUES (?, ?, 'file', ?)",
            ((token(number), customer_id(number), at) for number in everybody),
        )
        db.executemany(
            "INSERT INTO customers (customer_id, store_id, profile, name, first_seen_at, profile_at)"
            " VALUES (?, 94688451781206016, ?, ?, ?, ?)",
            ((customer_id(n), json.dumps(profile(n), sort_keys=True), f"Player{n:06d}", at, at) for n in everybody),
        )
        if items:
            _inventories(db, customers, items, now)
        db.commit()


def _inventories(db: sqlite3.Connection, customers: int, items: int, now: datetime) -> None:
    at, end = micros(now), micros(now + timedelta(days=30))
    db.executemany(
        "UPDATE customers SET digest = ?, etag = ?, catalogue = ?, recheck_at = ? WHERE customer_id = ?",
        (
            (
                b"\2" + bytes(8) + number.to_bytes(16, "big"),  # as long as a real one
                f'W/"{number:032x}"',
                sha256().hexdigest(),
                end + number,
                customer_id(number),
            )
            for number in range(customers)
        ),
    )
    db.executemany(
        "INSERT INTO readings (customer_id, read_at) VALUES (?, ?)",
        ((customer_id(number), at + number) for number in range(customers)),  # no two the same, as in life
    )
    db.executemany(
        "INSERT INTO items (item_id, customer_id, product_id, slug, product_name, state, expirable, gift, added_at,"
        " ends_at, first_seen_at, seen_live) VALUES (?, ?, ?, ?, ?, 'active', 1, 0, ?, ?, ?, 1)",
        (
            (number * 1000 + place + 1, customer_id(number), place, f"product-{place}", f"Product {place}", at, end, at)
            for number in range(customers)
            for place in range(items)
        ),
    )


def profile(number: int) -> dict[str, str]:
    """As `paynow.wire.read_customer` has it of a Minecraft customer."""
    made_up = random.Random(number)  # noqa: S311 - nothing secret
    name, digits = f"Player{number:06d}", f"{made_up.getrandbits(128):032x}"
    uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return {
        "customer_name": name,
        "minecraft_id": uuid,
        "minecraft_name": name,
        "minecraft_platform": "java",
        "minecraft_uuid": uuid,
        "profile_id": uuid,
        "profile_name": name,
        "profile_platform": "minecraft",
    }


class Reader:
    """perkd's loop 1, as `app` wires it."""

    def __init__(self, clock: Clock, polling: Polling, counters: Counters) -> None:
        self.clock, self.polling = clock, polling
        self._counters = counters

    def polls(self, result: str) -> float:
        """How many polls ended so."""
        return self._counters.registry.get_sample_value("perkd_polls_total", {"result": result}) or 0.0

    def flush_soon(self) -> None:
        """Everybody is read far more often than in life, so what is written of them every 30 s is written as often:
        once for each time they were read."""
        self.polling._poller._pending._next = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The workers run. Their clock's tick is the caller's to give."""
        self.clock.on_tick(self.polling.drain)
        running = asyncio.create_task(self.polling.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])


@asynccontextmanager
async def ledger_and_lane(path: Path, clock: Clock) -> AsyncIterator[tuple[Ledger, Reconciler]]:
    ledger = await Ledger.open(path, clock.now())
    try:
        catalogue = await configure(ledger, [SURVIVAL], PERKS, clock.now(), adopt=True)
        rules = Rules(
            catalogue=catalogue,
            adapters={"survival": ADAPTERS["minecraft"]},
            hold_absent=True,
            fingerprint=sha256().hexdigest(),
        )
        yield ledger, Reconciler(ledger, rules, Brake(BrakeLimits()), clock.now)
    finally:
        await ledger.close()


def polling_of(store: Storefront, ledger: Ledger, reconciler: Reconciler, context: Context) -> Polling:
    return Polling(
        store,
        ledger,
        reconciler,
        context,
        poll=AT_ONCE,
        wake=lambda _: None,
        is_online=lambda _: False,
    )


@asynccontextmanager
async def reader(path: Path, port: int) -> AsyncIterator[Reader]:
    """Reads the customers of that ledger at that port. Everybody in the list is due when it opens; nothing runs yet."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        ledger, reconciler = await stack.enter_async_context(ledger_and_lane(path, clock))
        store = await stack.enter_async_context(
            Storefront.open(f"http://127.0.0.1:{port}", rate=Rate(RATE), wall=clock.now)
        )
        context = Context.of(clock)
        yield Reader(clock, polling_of(store, ledger, reconciler, context), context.counters)


@contextmanager
def logging_as_the_service(path: Path) -> Iterator[None]:
    """The log as `perkd run` sets it up, into a file."""
    root, perkd = logging.getLogger(), logging.getLogger("perkd")
    before = root.handlers, root.level, perkd.level
    with path.open("w") as file, redirect_stderr(file):
        logs.to_stderr({}, verbose=False)
        try:
            yield
        finally:
            root.handlers = before[0]
            root.setLevel(before[1])
            perkd.setLevel(before[2])


def today() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def idle(path: Path) -> AsyncIterator[Polling]:
    """Loop 1 on that ledger, before it runs. Its store is not there."""
    clock = Clock()
    async with (
        ledger_and_lane(path, clock) as (ledger, reconciler),
        Storefront.open("http://127.0.0.1:9", rate=Rate(RATE), wall=clock.now) as store,
    ):
        yield polling_of(store, ledger, reconciler, Context.of(clock))
