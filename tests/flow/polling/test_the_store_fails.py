"""Faults of the store take nothing away, until a complete inventory shows a change or the grace is over."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from perkd.daemon.paynow.storefront import ITEMS_PATH
from perkd.daemon.sandbox.store.faults import Fault
from tests import secretwatch
from tests.flow.owner import Owner, uuid_of
from tests.world import World

NO_INVENTORY = [
    Fault.WEB_PAGE,
    Fault.SERVER_ERROR,
    Fault.TRUNCATED,
    Fault.EMPTY,
    Fault.NOT_FOUND,
    Fault.RESET_MIDWAY,
    Fault.STRANGER,
]


async def with_vip(world: World, *customers: str) -> Owner:
    """Each of them bought the rank and has it."""
    owner = await Owner.of(world, *customers)
    for name in customers:
        world.buy(name)
    await owner.looked()
    await owner.until(owner.all_delivered)
    assert len(await owner.commands()) == len(customers)
    return owner


@pytest.mark.parametrize("fault", NO_INVENTORY)
async def test_an_answer_that_is_no_inventory_takes_nothing_away_at_the_end(fault: Fault, tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await with_vip(world, "Ann")
        world.store.fault(fault)
        world.hands.forward(timedelta(days=30, minutes=10))
        for _ in range(2):
            await owner.tried()
        assert await owner.told() == [owner.add("Ann")]
        report = await owner.status()
        assert (report["store"]["state"], report["customers"]["failing"]) == ("unreachable", 1)
        assert report["store"]["last_error"] == (await owner.problems())["store_unreachable"]["text"]
        world.store.heal()
        await owner.looked()
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))
        assert (await owner.status())["store"]["state"] == "ok"


async def test_a_store_that_is_back_but_refuses_all_tokens_is_not_unreachable(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await with_vip(world, "Ann", "Bob")
        world.store.fault(Fault.RESET)
        for _ in range(2):
            await owner.tried()
        assert (await owner.status())["store"]["state"] == "unreachable"
        for name in ("Ann", "Bob"):
            world.store.invalidate_tokens(name)
        world.store.heal()
        for _ in range(2):
            await owner.tried()
        report = await owner.status()
        assert (report["store"]["state"], report["customers"]["refused"]) == ("refused", 2)
        assert "store_unreachable" not in await owner.problems()


async def test_a_renewal_during_an_outage_is_never_noticed_by_the_player(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await with_vip(world, "Ann")
        await world.store.down()
        world.hands.forward(timedelta(days=30, minutes=30))
        await owner.tried()
        [item] = world.store.items
        world.store.renew(item, successor=False)
        await world.store.up()
        await owner.looked()
        await owner.later(days=20)
        assert await owner.told() == [owner.add("Ann")]


async def test_a_dead_store_does_not_make_a_perk_eternal(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await with_vip(world, "Ann")
        await world.store.down()
        world.hands.forward(timedelta(days=30, minutes=55))
        await owner.tried()
        assert await owner.told() == [owner.add("Ann")]
        world.hands.forward(timedelta(minutes=10))  # the hour of grace is over
        await owner.tried()
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))


async def test_a_dead_store_never_stops_deliveries(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        await world.server.down()
        await world.until(lambda: not owner.app.servers["survival"].link.up.is_set())
        world.buy("Ann")
        await owner.looked()
        await world.store.down()
        await owner.tried()
        assert await owner.told() == [owner.add("Ann", "planned")]
        await world.server.up()
        world.hands.forward(timedelta(minutes=2))
        await owner.settled(owner.add("Ann"))
        assert (await owner.status())["store"]["state"] == "unreachable"


async def test_a_store_that_is_gone_for_long_is_not_ready_and_comes_back_by_itself(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        assert await owner.not_ready() == []
        await world.store.down()
        world.hands.forward(timedelta(minutes=10))
        await owner.tried()
        [reason] = await owner.not_ready()
        assert "store" in reason
        await world.store.up()
        await owner.looked()
        assert await owner.not_ready() == []


async def test_a_refused_token_is_a_quiet_problem_of_one_customer(tmp_path: Path) -> None:
    """Nothing is taken, the others are polled, perkd stays ready and rarely uses this token."""
    async with World(tmp_path) as world:
        world.write_config(offline="5m")
        owner = await with_vip(world, "Ann", "Bob")
        token = world.store.customer("Ann").tokens[0]
        world.store.invalidate_tokens("Ann")
        await owner.tried()
        refused = (await owner.problems())["token_refused"]
        assert (refused["severity"], refused["subject"]) == ("warning", "customer Ann")
        assert secretwatch.found_in(str(refused)) == []
        [bob] = [watch for watch in owner.app.polling.roll if watch.label == "Bob"]
        for _ in range(3):
            world.hands.forward(timedelta(minutes=10))
            now = world.hands.now()
            await world.until(lambda: bob.read_at is not None and bob.read_at >= now)  # noqa: B023 - waited for at once
        answers = [asked.status for asked in world.store.asked]
        assert answers.count(401) == 1
        assert (await owner.told()).count(owner.add("Ann")) == 1
        assert len(await owner.commands()) == 2
        report = await owner.status()
        assert (report["store"]["state"], report["customers"]["refused"]) == ("ok", 1)
        assert report["customers"]["sweep_s"] is not None
        assert await owner.not_ready() == []
        world.store.customer("Ann").tokens.append(token)
        await owner.looked()
        assert "token_refused" not in await owner.problems()


async def test_a_refused_token_ends_what_it_held_only_after_the_grace(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await with_vip(world, "Ann")
        world.store.invalidate_tokens("Ann")
        world.hands.forward(timedelta(days=30, minutes=30))
        await owner.tried()
        assert await owner.told() == [owner.add("Ann")]
        world.hands.forward(timedelta(minutes=31))
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))


async def test_one_customer_whose_answer_is_broken_does_not_stop_the_others(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann", "Bob")
        world.store.fault(Fault.TRUNCATED, "Ann")
        for name in ("Ann", "Bob"):
            world.buy(name)
        await owner.tried()
        await owner.settled(owner.add("Bob"))
        assert await owner.not_ready() == []  # the store answered lately
        for _ in range(2):
            await owner.tried()
        assert (await owner.problems())["customer_failing"]["subject"] == "customer Ann"
        report = await owner.status()
        assert (report["store"]["state"], report["customers"]["failing"]) == ("ok", 1)
        world.store.heal()
        await owner.looked()
        await owner.settled(owner.add("Bob"), owner.add("Ann"))


async def test_a_clock_that_is_wrong_takes_nothing_away_until_the_store_confirms_the_time(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await with_vip(world, "Ann")
        world.store.now = lambda: world.hands.now() - timedelta(days=31)  # perkd's clock runs ahead by a month
        world.hands.forward(timedelta(days=31))
        await owner.looked()
        await owner.looked()
        assert await owner.told() == [owner.add("Ann")]
        assert (await owner.problems())["clock_skew"]["severity"] == "error"
        world.store.now = world.hands.now
        await owner.looked()
        await owner.looked()
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))
        assert "clock_skew" not in await owner.problems()


async def test_two_tokens_of_one_customer_give_once_and_are_a_notice(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        second = secretwatch.remember(world.store.add_token("Ann"))
        with world.tokens_path.open("a") as file:
            file.write(f'[[customer]]\ntoken = "{second}"\n')
        await world.stop_app()
        await world.start_app()
        world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        assert (await owner.problems())["duplicate_token"]["subject"].endswith(world.store.customer("Ann").id)
        asked = world.store.counts.copy()
        await owner.later(hours=1)
        heads = {head for (path, head), count in (world.store.counts - asked).items() if path.endswith("items")}
        assert len(heads) == 1, "only the newest token is read"
        assert len(await owner.commands()) == 1


async def test_an_older_token_that_turns_out_to_be_the_same_customers_holds_up_no_round(tmp_path: Path) -> None:
    """The store refuses it until the newer one is identified. Then perkd knows its customer and drops it."""
    async with World(tmp_path) as world:
        older = world.add_token("Ann")
        world.store.invalidate_tokens("Ann")
        newer = secretwatch.remember(world.store.add_token("Ann"))
        with world.tokens_path.open("a") as file:
            file.write(f'[[customer]]\ntoken = "{newer}"\n')
        polling = (await world.start_app()).polling
        await world.until(lambda: {watch.refused for watch in polling.roll} == {True, False})
        await world.until(lambda: any(watch.read_at for watch in polling.roll))
        world.store.customer("Ann").tokens.insert(0, older)
        world.poll_now()
        await world.until(lambda: len(polling.roll) == 1)

        def ends_another(last_s: float | None) -> Callable[[], bool]:
            return lambda: polling.roll.sweep.last_s != last_s

        for _ in range(2):
            another = ends_another(polling.roll.sweep.last_s)
            world.poll_now()
            await world.until(another)


async def test_a_customer_without_a_game_account_gets_the_perk_after_adding_one(tmp_path: Path) -> None:
    """A planned command replaces the blocked one, without any action in perkd."""
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        ann = world.store.customer("Ann")
        uuid, ann.minecraft_uuid = ann.minecraft_uuid, None
        await owner.later(days=1, minutes=1)  # identities are read daily
        world.buy("Ann")
        await owner.looked()
        [blocked] = await owner.commands()
        assert (blocked["state"], blocked["text"]) == ("blocked", "lp user {uuid} parent add vip")
        assert "command_blocked" in await owner.problems()
        ann.minecraft_uuid = uuid
        await owner.looked()
        await owner.settled(("lp user {uuid} parent add vip", "void"), owner.add("Ann"))
        assert "command_blocked" not in await owner.problems()


async def test_a_new_name_is_read_within_a_day_and_the_old_one_taken_back(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(
            perks="""
[[perk]]
name = "vip"
kind = "lasting"
products = ["vip-30-days"]
servers = ["survival"]
grant = ["whitelist add {name}"]
revoke = ["whitelist remove {name}"]
"""
        )
        owner = await Owner.of(world, "Ann")
        world.buy("Ann")
        await owner.looked()
        await owner.settled(("whitelist add Ann", "delivered"))
        world.store.customer("Ann").name = "Anna"
        world.server.console.account("Anna", uuid_of(world, "Ann"))
        await owner.later(hours=1)
        assert len(await owner.commands()) == 1
        await owner.later(days=1)
        texts = [text for text, _ in await owner.told()]
        assert sorted(texts) == ["whitelist add Ann", "whitelist add Anna", "whitelist remove Ann"]


async def test_a_429_does_not_make_the_loop_look_dead(tmp_path: Path) -> None:
    """Every worker waits for its turn then; a restart by the watchdog would only lose the length of the pause."""
    async with World(tmp_path) as world:
        names = [f"Player{number}" for number in range(20)]
        world.write_config(offline="10m")
        owner = await Owner.of(world, *names)
        world.store.retry_after_s = 3600
        world.store.fault(Fault.LIMITED_SECONDS)
        world.hands.forward(timedelta(minutes=16))
        await world.until(lambda: owner.app.polling.roll.unreachable is not None)
        for _ in range(6):
            world.hands.forward(timedelta(minutes=2))
            await world.until(lambda: not owner.app.pulse.late())
        assert (await owner.status())["store"]["state"] == "slow"


async def test_one_customer_is_never_read_twice_at_a_time(tmp_path: Path) -> None:
    """An older answer that comes later must not undo a newer one: a request meanwhile means a second poll."""
    async with World(tmp_path) as world:
        world.write_config(offline="1h")
        owner = await with_vip(world, "Ann")
        read = world.store.requests(ITEMS_PATH)
        world.store.fault(Fault.SLOW, times=1)
        world.poll_now()
        await world.until(lambda: world.store.requests(ITEMS_PATH) == read + 1)
        [item] = world.store.items
        world.store.revoke(item, "refund")
        for _ in range(3):
            world.poll_now()
            owner.app.clock.tick()
            await owner.until(owner.all_delivered)  # several turns of the loop
        assert world.store.requests(ITEMS_PATH) == read + 1
        world.store.release()
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))
        await world.until(lambda: owner.app.polling.resting)
        assert world.store.requests(ITEMS_PATH) == read + 2


async def test_customers_can_be_removed_all_at_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        names = [f"Player{number}" for number in range(12)]
        world.write_config(offline="1h")
        owner = await Owner.of(world, *names)
        await owner.looked()
        ids = [customer.id for customer in world.store.customers.values()]
        answers = await asyncio.gather(*(owner.ask(f"/customers/{customer}", "DELETE") for customer in ids))
        assert [status for status, _ in answers] == [200] * len(ids)
        assert not owner.app.polling.roll
