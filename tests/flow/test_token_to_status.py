"""From a customer's token to the owner's reports: what is bought is given, what ends is taken away, and nothing else.

The real App runs in this process beside the emulated store and server; days pass by moving the clock.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from perkd.daemon.polling.reconcile import Passed, Reconciler
from tests import secretwatch
from tests.flow.owner import Owner, uuid_of
from tests.world import VIP, World

VIP_AND_BAN = VIP + 'revoke_on = { chargeback = ["ban {name} Chargeback"] }\n'


async def test_a_purchase_becomes_a_command_and_a_row_in_every_report(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        item = world.buy("Ann")
        await owner.looked()
        text = f"lp user {uuid_of(world, 'Ann')} parent add vip"
        await owner.settled((text, "delivered"))
        assert world.server.deliveries == [text]
        assert world.server.console.groups[uuid_of(world, "Ann")] == {"vip"}
        status, found = await owner.http("/commands")
        assert status == 200
        assert (found["commands"][0]["item_id"], found["commands"][0]["reply"]) == (
            item,
            "[LP] Ann now inherits permissions from vip in context global.",
        )
        report = await owner.status()
        assert report["commands"]["delivered"] == report["holdings"] == 1
        assert await owner.problems() == {}
        assert await owner.not_ready() == []


async def test_reading_the_same_again_and_again_sends_nothing_more(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        for _ in range(3):
            await owner.later(hours=5)
        assert await owner.told() == [owner.add("Ann")]


async def test_with_two_overlapping_purchases_only_the_end_of_the_last_takes_it_away(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        world.hands.forward(timedelta(days=10))
        world.buy("Ann")
        await owner.looked()
        await owner.later(days=21)  # the first has been over for a day
        world.store.sweep()
        await owner.looked()
        assert await owner.told() == [owner.add("Ann")]
        await owner.later(days=10)
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))


@pytest.mark.parametrize("successor", [True, False])
async def test_a_renewal_does_not_flap(successor: bool, tmp_path: Path) -> None:
    """Neither if the item itself gets a later end, nor if a successor appears minutes later."""
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        item = world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        world.hands.forward(timedelta(days=30, minutes=-2))
        follower = world.store.renew(item, successor=successor)
        follower.forgotten = successor  # the store lists it later
        await owner.looked()
        await owner.later(minutes=4)  # past the old end
        follower.forgotten = False
        await owner.looked()
        await owner.later(days=29)
        assert await owner.told() == [owner.add("Ann")]
        await owner.later(days=2)
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))


async def test_a_renewal_without_a_successor_ends_after_its_ten_minutes(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        item = world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        world.hands.forward(timedelta(days=30, minutes=-1))
        world.store.renew(item).forgotten = True
        await owner.looked()
        await owner.later(minutes=8)
        assert await owner.told() == [owner.add("Ann")]
        await owner.later(minutes=5)
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))


async def test_an_end_that_moved_before_the_removal_was_sent_voids_it(tmp_path: Path) -> None:
    """The server was down at the end; the renewal came before it was back: the player never lost the rank."""
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        item = world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        await world.server.down()
        await world.until(lambda: not owner.app.servers["survival"].link.up.is_set())
        await owner.later(days=30, minutes=1)
        assert await owner.told() == [owner.add("Ann"), owner.remove("Ann", "planned")]
        world.store.renew(item, successor=False)
        await owner.looked()
        await owner.settled(owner.add("Ann"), owner.remove("Ann", "void"))
        await world.server.up()
        world.hands.forward(timedelta(minutes=2))
        await owner.linked()
        await owner.looked()
        assert world.server.deliveries == [owner.add("Ann")[0]]


async def test_a_chargeback_takes_away_and_then_does_what_the_owner_wants_for_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=VIP_AND_BAN)
        owner = await Owner.of(world, "Ann", "Bob")
        items = [world.buy("Ann"), world.buy("Bob")]
        await owner.looked()
        await owner.until(owner.all_delivered)
        world.store.revoke(items[0], "chargeback")
        world.store.revoke(items[1], "refund")
        await owner.looked()
        await owner.until(owner.all_delivered)
        assert world.server.console.bans == {uuid_of(world, "Ann"): "Chargeback"}
        assert [text for text, _ in await owner.told()].count(owner.remove("Bob")[0]) == 1
        assert world.server.deliveries[-3:].index("ban Ann Chargeback") > world.server.deliveries[-3:].index(
            owner.remove("Ann")[0]
        )


async def test_the_owner_of_a_gift_is_not_banned_for_the_buyers_chargeback(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=VIP_AND_BAN)
        owner = await Owner.of(world, "Ann")
        [gift] = world.store.purchase("Ann", "vip-30-days", gift=True)
        world.store.activate(gift.id)
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        world.store.revoke(gift.id, "chargeback")
        await owner.looked()
        ban = ("ban {name} Chargeback", "ban Ann Chargeback")
        await owner.until(owner.nothing_planned)
        rows = await owner.commands()
        assert [row["state"] for row in rows] == ["delivered", "delivered", "blocked"]
        assert rows[2]["text"] in ban
        assert "gift" in rows[2]["reason"]
        assert "gift_blocked" in await owner.problems()
        await owner.say("skip", rows[2]["id"])
        assert "gift_blocked" not in await owner.problems()
        assert world.server.console.bans == {}


@pytest.mark.parametrize(("verb", "end"), [("retry", "delivered"), ("skip", "void")])
async def test_a_missing_item_waits_for_the_operator(verb: str, end: str, tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        item = world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        world.store.forget(item)
        await owner.looked()
        assert (await owner.problems())["item_missing"]["severity"] == "info"
        await owner.later(minutes=9)
        assert await owner.told() == [owner.add("Ann")]
        await owner.later(minutes=2)
        await owner.settled(owner.add("Ann"), owner.remove("Ann", "blocked"))
        assert "absence_blocked" in await owner.problems()
        await owner.say(verb, (await owner.commands())[1]["id"])
        await owner.settled(owner.add("Ann"), owner.remove("Ann", end))
        assert world.server.console.groups[uuid_of(world, "Ann")] == (set() if verb == "retry" else {"vip"})
        assert "absence_blocked" not in await owner.problems()


async def test_a_missing_item_that_is_back_voids_its_blocked_removal(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        item = world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        world.store.forget(item)
        await owner.looked()
        await owner.later(minutes=11)
        await owner.settled(owner.add("Ann"), owner.remove("Ann", "blocked"))
        world.store.restore(item)
        await owner.looked()
        await owner.settled(owner.add("Ann"), owner.remove("Ann", "void"))
        assert (await owner.status())["holdings"] == 1


async def test_a_kit_is_given_once_for_each_item_and_never_a_second_time_by_itself(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        items = world.store.purchase("Ann", "starter-kit", quantity=2)
        await owner.looked()
        given = ("give Ann iron_sword 1", "delivered")
        await owner.settled(given, given)
        world.store.activate(items[0].id)
        world.store.revoke(items[0].id)
        await owner.later(minutes=1)
        world.store.restore(items[0].id)
        await owner.later(minutes=1)
        assert await owner.told() == [given, given]
        assert "once_returned" in await owner.problems()


async def test_a_perk_that_two_customers_share_as_one_player_ends_with_the_last_item(tmp_path: Path) -> None:
    """Two customers of the store with the same game account share the rank."""
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        token = secretwatch.remember(world.store.add_customer("Ann too", uuid_of(world, "Ann")))
        with world.tokens_path.open("a") as file:
            file.write(f'[[customer]]\ntoken = "{token}"\n')
        await world.stop_app()
        await world.start_app()
        items = [world.buy("Ann"), world.buy("Ann too")]
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        for item in items:
            assert owner.remove("Ann") not in await owner.told()
            world.store.revoke(item)
            await owner.looked()
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))


async def test_a_fault_with_one_customer_is_shown_and_stops_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann", "Ben")
        [ann] = [watch.customer_id for watch in owner.app.polling.roll if watch.label == "Ann"]
        look = Reconciler.look

        async def faulty(reconciler: Reconciler, customer_id: str, *args: Any, **kwargs: Any) -> Passed:
            if customer_id == ann:
                raise ZeroDivisionError
            return await look(reconciler, customer_id, *args, **kwargs)

        monkeypatch.setattr(Reconciler, "look", faulty)
        world.buy("Ann")
        world.buy("Ben")
        for _ in range(3):
            await owner.tried()
        await owner.settled(owner.add("Ben"))
        assert "ZeroDivisionError" in (await owner.problems())["customer_failing"]["text"]
        monkeypatch.undo()
        await owner.looked()
        await owner.settled(owner.add("Ben"), owner.add("Ann"))
        assert "customer_failing" not in await owner.problems()
