"""A world whose perkd has the store's API key: short words for the tests of enrolment and of the feed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from perkd.daemon.sandbox.store.goods import STORE_ID
from tests.flow.owner import Owner
from tests.world import World

CUSTOMERS = f"/v1/stores/{STORE_ID}/customers"
FEED = f"/v1/stores/{STORE_ID}/delivery/items"


@asynccontextmanager
async def keyed(folder: Path, *customers: str, enrol: str = "all", offline: str = "1h") -> AsyncIterator[Owner]:
    """The owner of a running and connected perkd with the API key, in a store with these customers; the owner never
    sees their tokens. Customers are polled only every `offline`, and while they are online."""
    async with World(folder) as world:
        for name in customers:
            world.add_customer(name)
        world.write_config(enrol=enrol, offline=offline)
        yield await begun(world)


async def begun(world: World) -> Owner:
    """perkd runs, and is connected."""
    await world.start_app()
    owner = Owner(world)
    await owner.linked()
    return owner


def made(world: World) -> dict[str, int]:
    """How many tokens were made for each customer of the store, by name, besides the one they had from the start."""
    return {one.name or "": len(one.tokens) - 1 for one in world.store.customers.values()}


def mints(world: World) -> int:
    """How many tokens perkd asked for."""
    return sum(world.store.requests(f"{CUSTOMERS}/{one}/tokens", "POST") for one in world.store.customers)


def read(world: World) -> set[str]:
    """The customers that perkd reads, by name."""
    assert world.app is not None
    polled = {watch.customer_id for watch in world.app.polling.roll if watch.token is not None}
    return {one.name or "" for one in world.store.customers.values() if one.id in polled}


async def enrolled(world: World, *names: str) -> None:
    """Returns when perkd reads exactly these, and a whole round is over."""
    await world.until(lambda: round_over(world) and read(world) == set(names), for_s=180.0)


def round_over(world: World) -> bool:
    assert world.app is not None
    enrolment = world.app.newcomers.enrolment
    assert enrolment is not None
    return enrolment.progress.round_over or enrolment.mode == "online"


async def tried(world: World, **by: float) -> None:
    """The clock moves on, twice by so much, and what failed was tried once more since it first did."""
    assert world.app is not None
    enrolment = world.app.newcomers.enrolment
    assert enrolment is not None
    for _ in range(2):  # the first may have been under way
        before = enrolment.loop.passes
        world.hands.forward(timedelta(**by))
        await world.until(lambda: enrolment.loop.passes > before)  # noqa: B023 - waited for at once


async def fed(world: World) -> None:
    """The feed has looked since now."""
    assert world.app is not None
    feed = world.app.newcomers.feed
    assert feed is not None
    for _ in range(2):  # as above
        before = feed.loop.passes
        feed.loop.again()
        await world.until(lambda: feed.loop.passes > before)  # noqa: B023 - waited for at once


async def later(world: World, **by: float) -> None:
    """The clock moves on, and enrolment has gone through everything that is due since. What it was doing before is done
    before."""
    await looked(world)
    world.hands.forward(timedelta(**by))
    await looked(world)


async def looked(world: World) -> None:
    """Enrolment has gone through everything that is due by now."""
    assert world.app is not None
    enrolment = world.app.newcomers.enrolment
    assert enrolment is not None
    for _ in range(2):  # the first may have been under way
        before = enrolment.loop.passes
        world.app.polling.roll.news.set()
        await world.until(lambda: enrolment.loop.passes > before)  # noqa: B023 - waited for at once
