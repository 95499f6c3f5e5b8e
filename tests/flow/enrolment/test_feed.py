"""The store-wide list of items: a purchase reaches the game within seconds, however many customers there are."""

import math
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from perkd.daemon.polling.loop import Polling
from perkd.daemon.polling.schedule import Rank
from perkd.daemon.polling.watch import Watch
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.sandbox.store.goods import STORE_ID, Flakes
from tests.flow.enrolling import CUSTOMERS, FEED, begun, enrolled, fed, keyed, later, looked, made, mints, read
from tests.flow.owner import Owner, uuid_of
from tests.world import World

LOOKUP = f"{CUSTOMERS}/lookup"
INVENTORY = "/v1/store/customer/delivery/items"


async def test_a_purchase_is_granted_at_the_next_request_of_the_feed(tmp_path: Path) -> None:
    async with keyed(tmp_path, "Ann") as owner:
        await enrolled(owner.world, "Ann")
        await fed(owner.world)
        owner.world.buy("Ann")
        await fed(owner.world)
        await owner.settled(owner.add("Ann"))


async def test_the_feed_asks_once_in_a_quarter_of_a_minute(tmp_path: Path) -> None:
    async with keyed(tmp_path) as owner:
        world = owner.world
        feed = owner.app.newcomers.feed
        assert feed is not None
        await fed(world)
        took: list[float] = []
        for _ in range(4):
            asked, passes, began = world.store.requests(FEED), feed.loop.passes, world.hands.monotonic()
            while feed.loop.passes == passes:  # a second at a time
                world.hands.forward(timedelta(seconds=1))
                owner.app.clock.tick()
                await owner.status()
            took.append(world.hands.monotonic() - began)
            assert (feed.loop.passes - passes, world.store.requests(FEED) - asked) == (1, 1)
        assert min(took[1:]) > 10, "the first may have been asked for"


async def test_without_a_key_perkd_does_not_read_the_list(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        await world.start_app()
        owner = Owner(world)
        await owner.linked()
        world.buy("Ann")
        await owner.settled(owner.add("Ann"))
        assert world.store.requests(FEED) == 0
        assert owner.app.newcomers.loops() == {}


async def test_the_first_request_begins_ten_minutes_back_by_the_stores_clock(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_customer("Ann")
        world.buy("Ann", activate=False)
        world.hands.forward(timedelta(minutes=20))
        new = world.buy("Ann", activate=False)
        world.write_config(enrol="off", offline="1h")
        owner = await begun(world)
        await fed(world)
        _, metrics = await owner.http("/metrics")
        assert "perkd_feed_items_total 1.0" in metrics
        await world.stop_app()
        world.hands.forward(timedelta(minutes=5))
        after = int(new) + 1
        owner = await begun(world)
        await fed(world)
        asked = [one.query for one in world.store.asked if one.path == FEED and "after=" in one.query]
        assert int(asked[-1].rpartition("after=")[2]) < after
        _, metrics = await owner.http("/metrics")
        assert "perkd_feed_items_total 1.0" in metrics, "shown again after a restart, once"


async def test_customers_who_bought_while_perkd_was_down_are_polled_first(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        for name in ("Ann", "Bob"):
            world.add_customer(name)
        world.write_config(enrol="all", offline="1h")
        await begun(world)
        await enrolled(world, "Ann", "Bob")
        await fed(world)
        await world.stop_app()
        world.hands.forward(timedelta(minutes=30))
        world.buy("Ann")
        owner = await begun(world)
        await owner.settled(owner.add("Ann"))


async def test_the_customer_of_an_item_that_is_listed_late_is_polled_again(tmp_path: Path) -> None:
    async with keyed(tmp_path, "Ann") as owner:
        world = owner.world
        world.store.add_product("late", has_commands=False)
        world.write_config(enrol="all", offline="1h")
        await enrolled(world, "Ann")
        await fed(world)
        await owner.looked()
        before = world.store.requests(INVENTORY)

        async def asked(times: int) -> None:
            """She was asked for so often since, and what that led to is recorded."""
            await world.until(lambda: world.store.requests(INVENTORY) == before + times and owner.app.polling.resting)

        [item] = world.store.purchase("Ann", "late")
        await fed(world)
        await asked(1)
        await fed(world)
        await asked(1)
        world.hands.forward(timedelta(seconds=21))
        await asked(2)
        world.store.show_commandless = True
        world.hands.forward(timedelta(seconds=41))
        await asked(3)
        await owner.until(lambda: listed(owner, item.id))
        for _ in range(3):
            world.hands.forward(timedelta(seconds=61))
            await fed(world)
        assert world.store.requests(INVENTORY) == before + 3, "looked for no more"


async def listed(owner: Owner, item: str) -> bool:
    return await owner.app.ledger.observations.listed([item]) == {item}


async def test_an_item_that_an_inventory_had_causes_no_more_polls(tmp_path: Path) -> None:
    async with keyed(tmp_path, "Ann") as owner:
        world = owner.world
        await enrolled(world, "Ann")
        await fed(world)
        await owner.looked()
        item = world.buy("Ann")
        await fed(world)
        await owner.until(lambda: listed(owner, item))
        await world.until(lambda: owner.app.polling.resting)
        before = world.store.requests(INVENTORY)
        for seconds in (21, 41, 61):
            world.hands.forward(timedelta(seconds=seconds))
            await fed(world)
        assert world.store.requests(INVENTORY) == before


async def test_a_purchase_that_was_read_causes_no_poll_after_a_restart(tmp_path: Path) -> None:
    async with keyed(tmp_path, "Ann", "Bob") as owner:
        world = owner.world
        await enrolled(world, "Ann", "Bob")
        await fed(world)
        world.store.fault(Fault.SERVER_ERROR, customer="Bob")
        world.buy("Bob")
        world.buy("Ann")
        await fed(world)
        await owner.settled(owner.add("Ann"))
        await world.stop_app()
        world.store.heal()
        asked: list[str] = []
        was = Polling.look_now

        def look_now(self: Polling, watches: Iterable[Watch] | None = None, rank: Rank = Rank.ASKED) -> None:
            asked.extend(watch.label for watch in watches or ())
            was(self, watches, rank)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Polling, "look_now", look_now)
            again = await begun(world)
            await fed(world)
            assert asked == ["Bob"]
            await again.settled(again.add("Ann"), again.add("Bob"))


async def test_purchases_are_seen_at_once_where_the_stores_clock_went_back(tmp_path: Path) -> None:
    async with keyed(tmp_path, "Ann", "Eve") as owner:
        world = owner.world
        await enrolled(world, "Ann", "Eve")
        right = world.store.now
        world.store.now = lambda: right() + timedelta(days=3)
        world.buy("Eve")
        await fed(world)
        await owner.settled(owner.add("Eve"))
        world.store.now, world.store._flakes = right, Flakes()
        world.poll_now()  # the store says what time it is
        await owner.looked()
        world.buy("Ann")
        await fed(world)
        await owner.settled(owner.add("Eve"), owner.add("Ann"))


async def test_a_purchase_that_was_not_read_yet_is_polled_after_a_restart(tmp_path: Path) -> None:
    async with keyed(tmp_path, "Ann", "Bob") as owner:
        world = owner.world
        await enrolled(world, "Ann", "Bob")
        await fed(world)
        world.store.fault(Fault.SERVER_ERROR, customer="Ann")
        first, last = world.buy("Ann"), world.buy("Bob")
        await fed(world)
        await owner.settled(owner.add("Bob"))

        async def bookmark(after: timedelta) -> int:
            """After every look that is due by then."""
            feed = owner.app.newcomers.feed
            assert feed is not None
            world.hands.forward(after)
            await world.until(lambda: (feed._missing.next_at or math.inf) > world.hands.monotonic())
            await fed(world)
            return int(await owner.app.ledger.bookmark(f"feed:{STORE_ID}") or 0)

        for seconds in (21, 41, 61, 61):
            assert await bookmark(timedelta(seconds=seconds)) < int(first)
        world.store.heal()
        world.hands.forward(timedelta(minutes=20))
        await owner.settled(owner.add("Bob"), owner.add("Ann"))
        assert await bookmark(timedelta(minutes=2)) == int(last)


async def test_a_buyer_whose_polls_failed_is_polled_soon_after_the_store_works_again(tmp_path: Path) -> None:
    """The poll does not wait for the pause after the failures, which doubles each time."""
    async with keyed(tmp_path, "Ann", "Bob") as owner:
        world = owner.world
        await enrolled(world, "Ann", "Bob")
        await fed(world)
        [ann] = [watch for watch in owner.app.polling.roll if watch.label == "Ann"]
        world.store.fault(Fault.SERVER_ERROR, path=INVENTORY)
        world.buy("Ann")
        await fed(world)
        for number in range(1, 7):
            await world.until(partial(failed, ann, number))
            if number < 6:  # then she would wait for 16 minutes
                world.hands.forward(timedelta(minutes=20))
        world.store.heal()
        world.hands.forward(timedelta(seconds=61))
        await owner.settled(owner.add("Ann"))


def failed(watch: Watch, times: int) -> bool:
    return watch.failures >= times


async def test_a_new_customers_first_purchase_enrols_them_at_once(tmp_path: Path) -> None:
    async with keyed(tmp_path, "Ann") as owner:
        await enrolled(owner.world, "Ann")
        await fed(owner.world)
        owner.world.add_customer("Bob")
        owner.world.buy("Bob")
        await fed(owner.world)
        await owner.settled(owner.add("Bob"))
        assert made(owner.world) == {"Ann": 1, "Bob": 1}


async def test_a_player_the_store_did_not_know_is_enrolled_after_a_purchase(tmp_path: Path) -> None:
    """The player is on the server, was looked up in vain minutes ago, and buys for the first time."""
    async with keyed(tmp_path, "Zoe", enrol="online") as owner:
        world = owner.world
        world.server.console.join("Ann", world.server.console.account("Ann"))
        await world.until(lambda: world.store.requests(LOOKUP) == 1)
        await looked(world)
        await fed(world)
        world.add_customer("Ann")
        world.buy("Ann")
        world.buy("Zoe")
        await fed(world)
        await owner.settled(owner.add("Ann"))
        assert made(world) == {"Ann": 1, "Zoe": 0}
        assert world.store.requests(LOOKUP) == 1, "the item says who he is"


async def test_a_player_who_buys_while_offline_is_looked_up_after_joining(tmp_path: Path) -> None:
    async with keyed(tmp_path, enrol="online") as owner:
        world = owner.world
        uuid = world.server.console.account("Ann")
        world.server.console.join("Ann", uuid)
        await world.until(lambda: world.store.requests(LOOKUP) == 1)
        await looked(world)
        world.server.console.leave("Ann")
        await world.until(lambda: not owner.app.fleet.players())
        world.add_customer("Ann")
        world.buy("Ann")
        await fed(world)
        await later(world, minutes=1)
        assert read(world) == set()
        world.server.console.join("Ann", uuid)
        await owner.settled(owner.add("Ann"))


async def test_a_feed_that_fails_is_one_quiet_problem_and_polling_goes_on(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_customer("Ann")
        world.write_config(enrol="all", offline="1s")
        world.store.fault(Fault.SERVER_ERROR, path=FEED)
        owner = await begun(world)
        for _ in range(2):
            await fed(world)
        problem = (await owner.problems())["feed_failing"]
        assert problem["severity"] == "warning"
        world.buy("Ann")
        await owner.settled(owner.add("Ann"))
        world.store.heal()
        await fed(world)
        assert "feed_failing" not in await owner.problems()


async def test_a_key_that_may_not_read_the_list_is_a_problem_that_names_the_permission(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_customer("Ann")
        world.store.permissions.discard("customer_inventory_manage")
        world.write_config(enrol="all", offline="1s")
        owner = await begun(world)
        await enrolled(world, "Ann")
        problem = (await owner.until(lambda: failing(owner)))["feed_failing"]
        assert "customer_inventory_manage" in problem["text"]
        asked = world.store.requests(FEED)
        world.hands.forward(timedelta(minutes=9))
        await owner.looked()
        assert world.store.requests(FEED) == asked, "asked again rarely"
        world.store.permissions.add("customer_inventory_manage")
        world.hands.forward(timedelta(minutes=2))
        await world.until(lambda: world.store.requests(FEED) > asked)


async def test_a_store_that_has_no_such_list_is_asked_rarely(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_customer("Ann")
        world.write_config(enrol="all", offline="1s")
        world.store.fault(Fault.NOT_FOUND, path=FEED)
        owner = await begun(world)
        await enrolled(world, "Ann")
        await owner.until(lambda: failing(owner))
        asked = world.store.requests(FEED)
        world.hands.forward(timedelta(minutes=9))
        await owner.looked()
        assert world.store.requests(FEED) == asked
        world.buy("Ann")
        await owner.settled(owner.add("Ann"))


async def failing(owner: Owner) -> dict[str, dict[str, str]]:
    found = await owner.problems()
    return found if "feed_failing" in found else {}


async def test_a_store_of_older_paths_has_no_feed_and_everything_else_works(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_customer("Ann")
        config = world.write_config(enrol="all", offline="1s")
        text = config.read_text("utf-8").replace("api_key =", 'management_items = "command_delivery"\napi_key =')
        config.write_text(text, "utf-8")
        owner = await begun(world)
        await enrolled(world, "Ann")
        world.buy("Ann")
        await owner.settled(owner.add("Ann"))
        assert world.store.requests(FEED) == 0
        assert mints(world) == 1
        assert uuid_of(world, "Ann")
