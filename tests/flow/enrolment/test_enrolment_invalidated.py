"""Every token of the store stops working at once: all customers get new ones, urgent customers first."""

from datetime import timedelta
from pathlib import Path

from perkd.daemon.sandbox.store.faults import Fault
from tests.flow.enrolling import CUSTOMERS, enrolled, fed, keyed, made, mints
from tests.flow.owner import Owner

MANY = [f"n{number}" for number in range(10)]


def refused(owner: Owner) -> int:
    return sum(watch.refused for watch in owner.app.polling.roll)


def shown(owner: Owner) -> int:
    """How often the store was asked who one customer is."""
    store = owner.world.store
    return sum(store.requests(f"{CUSTOMERS}/{one}", "GET") for one in store.customers)


async def test_customers_who_are_online_or_bought_something_get_new_tokens_first(tmp_path: Path) -> None:
    async with keyed(tmp_path, *MANY, "Ann", "Bob") as owner:
        world = owner.world
        await enrolled(world, *MANY, "Ann", "Bob")
        await fed(world)
        world.hands.forward(timedelta(minutes=30))  # nobody has the right to another one yet
        world.store.people.invalidate_all()
        world.poll_now()
        await world.until(lambda: refused(owner) == 12)
        world.server.console.join("Ann", world.server.console.account("Ann"))
        await world.until(lambda: "Ann" in owner.app.servers["survival"].roster)
        asked = shown(owner)
        world.store.fault(Fault.SLOW, times=1, path=f"{CUSTOMERS}/", method="GET")
        world.hands.forward(timedelta(minutes=31))
        await world.until(lambda: shown(owner) > asked)
        world.buy("Bob")
        await fed(world)
        assert mints(world) == 12
        world.store.release()
        await world.until(lambda: refused(owner) == 0 and mints(world) == 24)
        made_for = [one.path.split("/")[-2] for one in world.store.asked if one.method == "POST"]
        made_for = [one for one in made_for if one in world.store.customers]
        assert made_for[12:14] == [world.store.customer(name).id for name in ("Ann", "Bob")]
        assert set(made(world).values()) == {0}, "one in place of each"
        await owner.settled(owner.add("Bob"))
