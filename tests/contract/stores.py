"""A running emulated store and a client on it, for the contract tests of the storefront."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from aiohttp import web

from perkd.adapters.base import Secret
from perkd.daemon.paynow.management import Management
from perkd.daemon.paynow.seen import Seen
from perkd.daemon.paynow.storefront import ITEMS_PATH, Fresh, Storefront
from perkd.daemon.paynow.transport.exchange import Timeouts
from perkd.daemon.paynow.transport.rate import Rate
from perkd.daemon.sandbox.store.goods import STORE_ID
from perkd.daemon.sandbox.store.server import Store
from tests import secretwatch
from tests.clock import forward_loop, until

T = TypeVar("T")

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
PATIENT = Timeouts(connect_s=60.0, total_s=120.0)  # no test waits this long: `given_up` moves the clock
UNLIMITED = 1e6


@asynccontextmanager
async def running_store() -> AsyncIterator[Store]:
    """A store on a free port, its clock at NOW, one product of each kind on sale."""
    store = Store(now=lambda: NOW)
    store.add_product("rank")
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


@asynccontextmanager
async def client_of(
    store: Store, items_path: str = ITEMS_PATH, *, timeouts: Timeouts = PATIENT, rate: Rate | None = None
) -> AsyncIterator[Storefront]:
    async with Storefront.open(
        store.url, items_path, rate=rate or Rate(UNLIMITED), timeouts=timeouts, wall=lambda: NOW
    ) as storefront:
        yield storefront


@asynccontextmanager
async def management_of(
    store: Store,
    word: str = "delivery/items",
    *,
    key: str | None = None,
    store_id: str = STORE_ID,
    timeouts: Timeouts = PATIENT,
) -> AsyncIterator[Management]:
    """A client with the store's API key, or another one."""
    secret = Secret(secretwatch.remember(key or store.api_key, "an API key"))
    async with Management.open(
        store.url, store_id, secret, items_word=word, rate=Rate(UNLIMITED), timeouts=timeouts, wall=lambda: NOW
    ) as management:
        management.items.settle_s = 0.0  # the emulated store is done when it answers
        yield management


def newcomer(store: Store, name: str = "Ann", items: int = 0) -> tuple[Secret, str]:
    """A customer with that many items; his token, which must never be printed, and his id."""
    token = secretwatch.remember(store.add_customer(name, "f84c6a79-0a4e-45e0-879b-cd49ebd4c4e2"), "a customer token")
    if items:
        store.purchase(token, "rank", quantity=items)
    return Secret(token), store.customer(token).id


async def read(client: Storefront, token: Secret, customer_id: str, previous: Seen | None = None) -> Fresh:
    """An inventory that must not count as unchanged."""
    answer = await client.inventory(token, customer_id, previous, NOW)
    assert isinstance(answer, Fresh)
    return answer


async def given_up(store: Store, asking: Coroutine[Any, Any, T], method: str | None = None) -> T:
    """What becomes of a question whose time is over as soon as the store has it, which never answers it."""
    before = store.requests(method=method)
    task = asyncio.ensure_future(asking)
    await until(lambda: task.done() or store.requests(method=method) > before)
    forward_loop(PATIENT.connect_s + PATIENT.total_s)
    return await task


@asynccontextmanager
async def one_handler(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """The address of a server that answers everything with `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def everything_said(error: BaseException) -> Iterator[str]:
    """The error and every error behind it, in every form somebody may print."""
    seen: BaseException | None = error
    while seen is not None:
        yield from (str(seen), repr(seen), repr(seen.args), repr(vars(seen)))
        yield "".join(traceback.format_exception(seen))
        seen = seen.__cause__ or seen.__context__
