"""Loop 1 beside a bare GET: what a steady poll costs, and what a big inventory costs.

`tests/bench/__main__.py` runs `SCENARIOS`. The store is `tests/bench/shop.py`, perkd is wired in
`tests/bench/customers.py`.
"""

import asyncio
import os
import random
import statistics
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import aiohttp
from pydantic import BaseModel, TypeAdapter

from perkd.adapters.base import Secret
from perkd.daemon.paynow.seen import Seen
from perkd.daemon.paynow.storefront import ITEMS_PATH, Fresh, Storefront
from perkd.daemon.paynow.transport.rate import Rate
from tests.bench.common import Bar, Block, Cost, Result, Spread, cost, paired
from tests.bench.customers import IN_FLIGHT, RATE, Reader, Shopkeeper, fill, logging_as_the_service, reader, shop, today
from tests.bench.shop import PORTS, customer_id, token

SERVER_CPU: Final = min(os.sched_getaffinity(0))  # the clients have the last one
PLAIN, MINE, OTHER, TAGGED = range(PORTS)  # the shop's ports: whose customers never change, two that do, with ETags

BARE: Final = "aiohttp, GET and read"
VALIDATED: Final = "the same and pydantic"
PERKD: Final = "perkd, whole poll"
PERKD_ETAG: Final = "perkd, whole poll, ETag"
UNCHANGED: Final = "perkd, whole poll, unchanged"
CHANGED: Final = "perkd, inventory read, changed"
RECORDED: Final = "perkd, whole poll, changed"


class BareProduct(BaseModel):
    id: str
    slug: str | None = None
    name: str | None = None


class BareItem(BaseModel):
    """The fields perkd reads of an item, as one would write them."""

    id: str
    customer_id: str | None = None
    product: BareProduct | None = None
    state: str | None = None
    expirable: bool | None = None
    gift: bool | None = None
    added_at: datetime | None = None
    expires_at: datetime | None = None
    override_expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revoke_reason: str | None = None
    order_id: str | None = None
    subscription_id: str | None = None
    execute_on_gameserver_id: str | None = None
    quantity_index: int | None = None


_ITEMS: Final = TypeAdapter(list[BareItem])
Take = Callable[[bytes], object]
One = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done. A block of `FULL` takes about 50 ms or more."""

    rounds: int
    small: int  # customers in a block who own three items
    big: int  # the same, of those who own a page full


FULL: Final = Size(61, 600, 300)
SMOKE: Final = Size(2, 100, 16)
SHARE: Final = 100  # one customer in so many has changed since he was read last


class Polled:
    """perkd and its customers, all of them due once in each block."""

    def __init__(self, perkd: Reader, shopkeeper: Shopkeeper, port: int, customers: int) -> None:
        self._perkd, self._shopkeeper, self._port = perkd, shopkeeper, port
        self._customers = range(customers)
        self._changed = self._unchanged = 0

    async def first(self) -> None:
        """Everybody is read for the first time."""
        await self._perkd.polling.load()
        await self._read()
        self._changed = len(self._customers)
        self._check()

    async def _read(self) -> None:
        """Reads whoever is due, up to what is recorded of them."""
        self._perkd.flush_soon()
        self._perkd.clock.tick()
        while not self._perkd.polling.resting:  # noqa: ASYNC110 - a state of the loop, which no event tells
            await asyncio.sleep(0.002)

    def block(self, changed: int) -> Block[Cost]:
        """So many of them have changed since the last time."""

        async def block() -> Cost:
            self._shopkeeper.change(self._port, random.sample(self._customers, changed))
            self._changed += changed
            self._unchanged += len(self._customers) - changed
            await asyncio.sleep(0.005)  # now everybody is due again
            spent = await cost(len(self._customers), self._read, self._shopkeeper.process_id)
            self._check()
            return spent

        return block

    def _check(self) -> None:
        counted = {name: int(self._perkd.polls(name)) for name in ("changed", "unchanged", "failed", "refused")}
        if counted != {"changed": self._changed, "unchanged": self._unchanged, "failed": 0, "refused": 0}:
            raise RuntimeError(f"perkd did not read what it should have: {counted}; the benchmark is wrong")


async def in_flight(numbers: Sequence[int], one: One) -> None:
    """All of them, as many at a time as perkd reads."""
    left: Iterator[int] = iter(numbers)

    async def work() -> None:
        for number in left:
            await one(number)

    async with asyncio.TaskGroup() as workers:
        for _ in range(IN_FLIGHT):
            workers.create_task(work())


def bare(session: aiohttp.ClientSession, port: int, pages: int = 1, take: Take = len) -> One:
    """The yardstick, as one would write it: the same requests, with aiohttp as it comes."""
    first = f"http://127.0.0.1:{port}{ITEMS_PATH}?asc=true&limit=100"
    urls = [first, f"{first}&after=1"][:pages]

    async def one(number: int) -> None:
        for url in urls:
            async with session.get(url, headers={"Authorization": f"Customer {token(number)}"}) as response:
                take(await response.read())

    return one


def each(customers: Sequence[int], one: One, process_id: int) -> Block[Cost]:
    return lambda: cost(len(customers), lambda: in_flight(customers, one), process_id)


@asynccontextmanager
async def perkd_at(shopkeeper: Shopkeeper, folder: Path, port: int, customers: int) -> AsyncIterator[Polled]:
    """perkd with a ledger of its own; everybody was read once."""
    home = folder / str(port)
    home.mkdir()
    await fill(home / "ledger.db", customers, now=today())
    async with reader(home / "ledger.db", shopkeeper.ports[port]) as perkd, perkd.running():
        polled = Polled(perkd, shopkeeper, port, customers)
        await polled.first()
        yield polled


# A steady day


async def steady(size: Size) -> Result:
    """A whole poll from the schedule to the ledger: one customer in a hundred has changed since the last time."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perkd-bench-")))
        stack.enter_context(logging_as_the_service(folder / "log"))
        shopkeeper = stack.enter_context(shop(size.small, 3, SERVER_CPU))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        mine, tagged = [
            await stack.enter_async_context(perkd_at(shopkeeper, folder, port, size.small)) for port in (MINE, TAGGED)
        ]
        rounds = await paired(
            {
                BARE: each(range(size.small), bare(session, shopkeeper.ports[PLAIN]), shopkeeper.process_id),
                PERKD: mine.block(size.small // SHARE),
                PERKD_ETAG: tagged.block(size.small // SHARE),
            },
            size.rounds,
        )
    return Result(
        f"Polling {size.small} customers with 3 items, 1 % changed, {size.rounds} rounds",
        HEAD,
        rows(rounds, (BARE, PERKD, PERKD_ETAG), BARE),
        [
            Bar(f"{PERKD}: CPU", BARE, 1.15, ratio(rounds, PERKD, BARE), at_most=True, aim=0.95),
            Bar(f"{PERKD_ETAG}: CPU", BARE, 1.15, ratio(rounds, PERKD_ETAG, BARE), at_most=True, aim=0.85),
        ],
        [f"{IN_FLIGHT} in flight, the store on another core. perkd: from the schedule to the ledger on disk, log on."],
    )


# Big inventories


async def _big(size: Size, items: int, pages: int) -> Result:
    customers = range(size.big)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perkd-bench-")))
        stack.enter_context(logging_as_the_service(folder / "log"))
        shopkeeper = stack.enter_context(shop(size.big, items, SERVER_CPU))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        still, moving = [
            await stack.enter_async_context(perkd_at(shopkeeper, folder, port, size.big)) for port in (MINE, OTHER)
        ]
        perkd = await stack.enter_async_context(reader_of_inventories(shopkeeper))
        get = bare(session, shopkeeper.ports[PLAIN], pages)
        validate = bare(session, shopkeeper.ports[PLAIN], pages, _ITEMS.validate_json)
        rounds = await paired(
            {
                BARE: each(customers, get, shopkeeper.process_id),
                VALIDATED: each(customers, validate, shopkeeper.process_id),
                UNCHANGED: still.block(0),
                CHANGED: changing(shopkeeper, perkd, customers),
            },
            (size.rounds + 1) // 2,
        )
        recorded = await paired({RECORDED: moving.block(size.big)}, 2)  # no bar, and it takes long
    return Result(
        f"Inventories of {items} items, {pages} page{'s' * (pages > 1)}, {(size.rounds + 1) // 2} rounds of {size.big}",
        HEAD,
        [*rows(rounds, (BARE, VALIDATED, UNCHANGED, CHANGED), BARE), _alone(recorded)],
        [
            Bar(f"{UNCHANGED}: CPU", BARE, 1.4, ratio(rounds, UNCHANGED, BARE), at_most=True, aim=1.2),
            Bar(f"{CHANGED}: CPU", VALIDATED, 1.15, ratio(rounds, CHANGED, VALIDATED), at_most=True),
        ],
        ["Changed: every body differs in one item's state. The whole poll of such a one also compares and records it."],
    )


async def one_page(size: Size) -> Result:
    """As many items as a page has without another page to ask for."""
    return await _big(size, 99, 1)


async def two_pages(size: Size) -> Result:
    """A hundred items: a full page, so the store is asked for what comes after it."""
    return await _big(size, 100, 2)


@asynccontextmanager
async def reader_of_inventories(shopkeeper: Shopkeeper) -> AsyncIterator[One]:
    """perkd's reading of one inventory that differs from the last: a complete one, its items as perkd has them."""
    seen: dict[int, Seen] = {}
    async with Storefront.open(f"http://127.0.0.1:{shopkeeper.ports[TAGGED]}", rate=Rate(RATE)) as store:

        async def one(number: int) -> None:
            now = today()
            answer = await store.inventory(Secret(token(number)), str(customer_id(number)), seen.get(number), now)
            if not isinstance(answer, Fresh):
                raise RuntimeError("an inventory that should have changed did not; the benchmark is wrong")  # noqa: TRY004
            seen[number] = answer.seen

        yield one


def changing(shopkeeper: Shopkeeper, one: One, customers: range) -> Block[Cost]:
    async def block() -> Cost:
        shopkeeper.change(TAGGED, customers)
        return await cost(len(customers), lambda: in_flight(customers, one), shopkeeper.process_id)

    return block


# Showing

HEAD: Final = ("who", "CPU us each", "ratio", "each second by the clock")
Rounds = Sequence[dict[str, Cost]]


def ratio(rounds: Rounds, of: str, to: str) -> Spread:
    return Spread.of([round_[of].client_s / round_[to].client_s for round_ in rounds])


def _alone(rounds: Rounds) -> tuple[str, ...]:
    cost_s = statistics.median(round_[RECORDED].client_s for round_ in rounds)
    return RECORDED, f"{cost_s * 1e6:.0f}", "–", f"{1 / statistics.median(r[RECORDED].wall_s for r in rounds):.0f}"


def rows(rounds: Rounds, names: Collection[str], to: str) -> list[tuple[str, ...]]:
    return [
        (
            name,
            f"{statistics.median(round_[name].client_s for round_ in rounds) * 1e6:.0f}",
            str(ratio(rounds, name, to)),
            f"{1 / statistics.median(round_[name].wall_s for round_ in rounds):.0f}",
        )
        for name in names
    ]


SCENARIOS: Final = (steady, one_page, two_pages)
