"""A perk, server or customer is added, removed or renamed in the config: what perkd sends then, and what not."""

from datetime import timedelta
from pathlib import Path

import pytest

from perkd.daemon.sandbox.store.faults import Fault
from tests.flow.owner import Owner, lobby_beside, uuid_of
from tests.world import KIT, VIP, World

EVERYWHERE = VIP.replace('["survival"]', '["*"]')
KIT_EVERYWHERE = KIT.replace('["survival"]', '["*"]')


async def restarted(world: World) -> Owner:
    """perkd with the current config, after it has read every customer once."""
    await world.stop_app()
    await world.start_app()
    owner = Owner(world)
    await owner.linked()
    await owner.looked()
    return owner


async def with_vip(world: World) -> Owner:
    owner = await Owner.of(world, "Ann")
    world.buy("Ann")
    await owner.looked()
    await owner.settled(owner.add("Ann"))
    return owner


async def test_a_perk_that_left_the_config_sends_nothing_and_ends_by_its_last_definition(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await with_vip(world)
        world.write_config(perks=KIT)
        owner = await restarted(world)
        assert await owner.told() == [owner.add("Ann")]
        assert (await owner.problems())["orphaned"]["subject"] == "vip on survival"
        world.buy("Ann")
        await owner.later(days=1)
        assert await owner.told() == [owner.add("Ann")]
        await owner.later(days=30)
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))
        assert "orphaned" not in await owner.problems()


async def test_changed_commands_apply_from_the_next_step_and_to_a_retry(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        await world.server.down()
        await world.until(lambda: not owner.app.servers["survival"].link.up.is_set())
        item = world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann", "planned"))
        await world.stop_app()
        world.write_config(perks=VIP.replace("parent add vip", "parent add hero").replace("remove vip", "remove hero"))
        await world.server.up()
        await world.start_app()
        await owner.settled(owner.add("Ann"))
        world.store.revoke(item)
        await owner.looked()
        removal = owner.remove("Ann")[0].replace("vip", "hero")
        await owner.settled(owner.add("Ann"), (removal, "delivered"))


async def test_a_new_name_for_a_perk_sends_nothing(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await with_vip(world)
        world.write_config(perks=VIP.replace('name = "vip"', 'name = "gold"\nwas = "vip"'))
        owner = await restarted(world)
        await owner.later(days=1)
        assert await owner.told() == [owner.add("Ann")]
        assert await owner.problems() == {}
        assert [row["perk"] for row in await owner.commands()] == ["gold"]
        await owner.later(days=30)
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))


async def test_a_server_that_is_new_gets_ranks_but_no_old_kits(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=EVERYWHERE + KIT_EVERYWHERE)
        owner = await Owner.of(world, "Ann")
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        world.buy("Ann")
        world.buy("Ann", "starter-kit", activate=False)
        await owner.looked()
        kit = ("give Ann iron_sword 1", "delivered")
        await owner.settled(owner.add("Ann"), kit)
        await world.stop_app()
        async with lobby_beside(world, EVERYWHERE, KIT_EVERYWHERE) as lobby:
            lobby.console.join("Ann", uuid_of(world, "Ann"))
            owner = await restarted(world)
            await owner.settled(owner.add("Ann"), kit, owner.add("Ann"))
            assert lobby.deliveries == [owner.add("Ann")[0]]
            world.hands.forward(timedelta(minutes=1))
            world.buy("Ann", "starter-kit", activate=False)
            await owner.looked()
            await owner.settled(owner.add("Ann"), kit, owner.add("Ann"), kit, kit)
            await world.stop_app()


async def test_commands_for_a_server_that_left_wait_and_go_on_when_it_is_back(tmp_path: Path) -> None:
    async with World(tmp_path) as world, lobby_beside(world, EVERYWHERE) as lobby:
        await lobby.down()
        owner = await Owner.of(world, "Ann")
        world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann"), owner.add("Ann", "planned"))
        config = world.config_path.read_text("utf-8")
        world.write_config(perks=EVERYWHERE)
        owner = await restarted(world)
        await owner.settled(owner.add("Ann"), owner.add("Ann", "blocked"))
        assert (await owner.problems())["server_absent"]["subject"] == "lobby"
        status, found = await owner.ask(f"/commands/{(await owner.commands())[1]['id']}/retry", "POST")
        assert (status, found["code"], "'lobby'" in found["error"]) == (409, "server_gone", True)
        assert {server["name"]: server["state"] for server in (await owner.status())["servers"]} == {
            "lobby": "absent",
            "survival": "up",
        }
        await lobby.up()
        world.config_path.write_text(config, "utf-8")
        owner = await restarted(world)
        await owner.settled(owner.add("Ann"), owner.add("Ann"))
        assert len(lobby.deliveries) == 1
        await world.stop_app()


@pytest.mark.parametrize("first_seen", ["adopt", "deliver"])
async def test_kits_older_than_the_ledger_are_counted_as_given_unless_the_owner_wants_them(
    first_seen: str, tmp_path: Path
) -> None:
    async with World(tmp_path) as world:
        config = world.config_path.read_text("utf-8").replace(
            "[customers]", f'[customers]\nfirst_seen = "{first_seen}"'
        )
        world.config_path.write_text(config, "utf-8")
        world.add_token("Ann")
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        world.buy("Ann", "starter-kit", activate=False)
        world.buy("Ann")
        world.hands.forward(timedelta(days=1))
        await world.start_app()
        owner = Owner(world)
        await owner.later(minutes=1)
        old = [("give Ann iron_sword 1", "delivered")] if first_seen == "deliver" else []
        await owner.until(owner.all_delivered)
        assert sorted(await owner.told()) == sorted([owner.add("Ann"), *old])
        world.buy("Ann", "starter-kit", activate=False)
        await owner.looked()
        await owner.until(owner.all_delivered)
        assert world.server.deliveries.count("give Ann iron_sword 1") == 1 + len(old)


async def test_two_perks_with_one_effect_share_the_count(tmp_path: Path) -> None:
    week = VIP.replace('name = "vip"', 'name = "vip-week"\neffect = "vip"').replace("vip-30-days", "vip-7-days")
    async with World(tmp_path) as world:
        world.write_config(perks=VIP + week)
        world.store.add_product("vip-7-days", lasts=timedelta(days=7))
        owner = await with_vip(world)
        world.hands.forward(timedelta(days=28))
        world.buy("Ann", "vip-7-days")
        await owner.looked()
        await owner.later(days=3)
        assert await owner.told() == [owner.add("Ann")]
        await owner.later(days=5)
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))


async def test_a_customer_who_left_the_list_keeps_perks_until_their_known_end(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await with_vip(world)
        world.tokens_path.write_text("# nobody\n", "utf-8")
        await world.stop_app()
        await world.start_app()
        asked = world.store.requests()
        world.hands.forward(timedelta(days=29))
        owner.app.clock.tick()
        await world.until(lambda: owner.app.polling.resting)
        assert await owner.told() == [owner.add("Ann")]
        world.hands.forward(timedelta(days=1, hours=2))
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))
        assert world.store.requests() == asked


async def test_a_customer_removed_with_revoke_loses_it_at_once_even_during_a_read(tmp_path: Path) -> None:
    """An inventory that is being read at that moment must not give it back."""
    async with World(tmp_path) as world:
        world.write_config(offline="15m")
        owner = await with_vip(world)
        world.store.fault(Fault.SLOW, times=1)
        asked = world.store.requests()
        world.buy("Ann")  # the answer on its way is another than the last
        world.poll_now()
        await world.until(lambda: world.store.requests() > asked)
        status, found = await owner.ask(f"/customers/{world.store.customer('Ann').id}?revoke=true", "DELETE")
        assert (status, found["commands"]) == (200, 1)
        world.store.release()
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))
        await world.until(lambda: owner.app.polling.resting)
        world.hands.forward(timedelta(days=2))
        owner.app.clock.tick()
        await world.until(lambda: owner.app.polling.resting)
        assert await owner.told() == [owner.add("Ann"), owner.remove("Ann")]
        assert world.server.console.groups[uuid_of(world, "Ann")] == set()
        assert (await owner.status())["customers"]["known"] == 0


async def test_a_customer_added_on_the_socket_is_read_at_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world)
        token = world.add_customer("Ann")
        world.hands.forward(timedelta(seconds=2))
        world.buy("Ann")
        entry = {"token": token, "name": "", "note": ""}
        status, found = await owner.ask("/customers", "POST", json=entry)
        assert (status, found["new"]) == (200, True)
        await owner.settled(owner.add("Ann"))
        _, found = await owner.ask("/customers", "POST", json=entry)
        assert found["new"] is False
