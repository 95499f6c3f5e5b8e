"""Perks that wait for their player, and perks that go to one of several servers: what is sent where, and how often."""

from datetime import timedelta
from pathlib import Path

from tests.flow.owner import Owner, lobby_beside, uuid_of
from tests.world import VIP, World

LOBBY_ID = "411486491630370901"
KIT = """
[[perk]]
name = "starter-kit"
kind = "once"
products = ["starter-kit"]
servers = {servers}
grant = ["give {{name}} iron_sword 1"]
revoke = ["clear {{name}} iron_sword"]
"""


def vip(servers: str = '["survival"]', **keys: str) -> str:
    """tests.world.VIP with other servers and more keys."""
    text = VIP.replace('["survival"]', servers)
    return text + "".join(f"{key} = {value}\n" for key, value in keys.items())


def kit(servers: str) -> str:
    return KIT.format(servers=servers)


SWORD = "give Ann iron_sword 1"


async def reloaded(owner: Owner) -> None:
    assert await owner.app.reload.now()


# Waiting for the player


async def test_a_perk_that_waits_for_its_player_is_given_when_they_join(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=vip(online="true"))
        owner = await Owner.of(world, "Ann", "Bob")
        world.buy("Ann")
        world.server.console.join("Bob", uuid_of(world, "Bob"))
        await owner.looked()
        await owner.settled(owner.add("Ann", "planned"))
        [row] = await owner.commands()
        assert "survival" in row["reason"]
        assert (await owner.status())["servers"][0]["queue"] == 1
        await owner.later(hours=1)
        assert await owner.told() == [owner.add("Ann", "planned")]
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        await owner.settled(owner.add("Ann"))


async def test_a_removal_does_not_wait_for_the_player_unless_it_says_so(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        waits = '{ run = "lp user {uuid} parent remove vip", online = true }'
        other = VIP.replace('name = "vip"', 'name = "hero"').replace("vip-30-days", "starter-kit")
        other = other.replace('"lp user {uuid} parent remove vip"', waits).replace("add vip", "add hero")
        world.write_config(perks=vip(online="true") + other.replace("remove vip", "remove hero"))
        owner = await Owner.of(world, "Ann")
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        rank, hero = world.buy("Ann"), world.buy("Ann", "starter-kit")
        await owner.looked()
        add_hero, remove_hero = (f"lp user {uuid_of(world, 'Ann')} parent {word} hero" for word in ("add", "remove"))
        await owner.until(owner.all_delivered)
        world.server.console.leave("Ann")
        await world.until(lambda: not len(owner.app.servers["survival"].roster))
        world.store.revoke(rank)
        world.store.revoke(hero)
        await owner.looked()
        given = {owner.add("Ann"), (add_hero, "delivered")}
        await owner.until(lambda: _is(owner, given | {owner.remove("Ann"), (remove_hero, "planned")}))
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        await owner.until(lambda: _is(owner, given | {owner.remove("Ann"), (remove_hero, "delivered")}))


async def _is(owner: Owner, expected: set[tuple[str, str]]) -> bool:
    return set(await owner.told()) == expected


async def test_a_player_must_have_been_there_as_long_as_the_perk_says(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=vip(online='"20m"'))
        owner = await Owner.of(world, "Ann")
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        roster = owner.app.servers["survival"].roster
        await world.until(lambda: uuid_of(world, "Ann") in roster)
        world.buy("Ann")
        await owner.later(minutes=18)
        await owner.settled(owner.add("Ann", "planned"))
        [row] = await owner.commands()
        assert all(fact in row["reason"] for fact in ("survival", "1200 s"))
        world.server.console.leave("Ann")
        await world.until(lambda: uuid_of(world, "Ann") not in roster)
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        await world.until(lambda: uuid_of(world, "Ann") in roster)
        await owner.later(minutes=18)  # the time begins again
        assert await owner.told() == [owner.add("Ann", "planned")]
        world.hands.forward(timedelta(minutes=3))
        await owner.settled(owner.add("Ann"))


async def test_a_player_who_just_left_gets_the_perk_after_coming_back(tmp_path: Path) -> None:
    """The list still has the player, the game says they are not there: the command waits for the next sighting."""
    async with World(tmp_path) as world:
        world.write_config(perks=kit('["survival"]') + "online = true\n", server="presence = '1h'\n".replace("'", '"'))
        text = world.config_path.read_text("utf-8").replace('presence = "1s"\n', "", 1)
        world.config_path.write_text(text, "utf-8")
        world.add_token("Ann")
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        owner = await Owner.of(world)
        await world.until(lambda: uuid_of(world, "Ann") in owner.app.servers["survival"].roster)
        world.server.console.leave("Ann")
        world.buy("Ann", "starter-kit", activate=False)
        await owner.looked()
        await owner.until(lambda: _has(owner, "the player is not online"))
        assert world.server.deliveries == [SWORD]
        await owner.later(minutes=30)
        assert world.server.deliveries == [SWORD]
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        world.hands.forward(timedelta(hours=1))
        await owner.settled((SWORD, "delivered"))
        assert world.server.deliveries == [SWORD, SWORD]


async def _has(owner: Owner, reason: str) -> bool:
    return [row["reason"] for row in await owner.commands()] == [reason]


# Who is online is read first and most often


async def test_a_customer_who_joins_is_polled_at_once_and_then_often(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=VIP, offline="12h")
        owner = await Owner.of(world, "Ann", "Bob")
        polling = owner.app.polling
        await world.until(lambda: polling.resting)
        world.buy("Ann")
        world.buy("Bob")
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        await owner.settled(owner.add("Ann"))
        assert (await owner.status())["customers"]["online"] == 1
        [first] = [watch.read_at for watch in polling.roll if watch.online]
        assert first is not None
        await world.until(lambda: any(w.online and w.read_at and w.read_at > first for w in polling.roll))
        assert await owner.told() == [owner.add("Ann")]  # nobody asked for Bob
        world.server.console.leave("Ann")
        await world.until(lambda: not any(watch.online for watch in polling.roll))
        assert (await owner.status())["customers"]["online"] == 0


async def test_a_reload_takes_over_a_new_online_interval(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=VIP, offline="12h")
        config = world.config_path.read_text("utf-8")
        world.config_path.write_text(config.replace('online = "1s"', 'online = "11h"'), "utf-8")
        world.add_token("Ann")
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        owner = await Owner.of(world)
        [watch] = owner.app.polling.roll
        await world.until(lambda: watch.online and owner.app.polling.resting)
        world.config_path.write_text(config, "utf-8")
        assert any(line.startswith("poll.online ") for line in await owner.app.reload.now())
        await owner.looked()
        world.buy("Ann")
        await owner.settled(owner.add("Ann"))


# The server the buyer chose


async def test_a_perk_for_the_chosen_server_is_given_there_and_nowhere_else(tmp_path: Path) -> None:
    async with World(tmp_path) as world, lobby_beside(world) as lobby:
        _with_chosen(world, lobby_id=LOBBY_ID)
        owner = await Owner.of(world, "Ann", linked=("survival", "lobby"))
        [item] = world.store.purchase("Ann", "vip-30-days", gameserver_id=LOBBY_ID)
        world.store.activate(item.id)
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        assert (world.server.deliveries, lobby.deliveries) == ([], [owner.add("Ann")[0]])
        world.store.revoke(item.id)
        await owner.looked()
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))
        assert world.server.deliveries == []
        await world.stop_app()


async def test_a_chosen_server_nobody_configured_waits_and_a_reload_gives_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world, lobby_beside(world) as lobby:
        _with_chosen(world, lobby_id="")
        owner = await Owner.of(world, "Ann", linked=("survival", "lobby"))
        lobby.console.join("Ann", uuid_of(world, "Ann"))
        [rank] = world.store.purchase("Ann", "vip-30-days", gameserver_id=LOBBY_ID)
        world.store.activate(rank.id)
        world.store.purchase("Ann", "starter-kit", gameserver_id=LOBBY_ID)
        await owner.looked()
        waits = [("lp user {uuid} parent add vip", "blocked"), ("give {name} iron_sword 1", "blocked")]
        await owner.settled(*waits)
        for row in await owner.commands():
            assert LOBBY_ID in row["reason"]
            assert "paynow_id" in row["reason"]
        assert set(await owner.problems()) == {"server_unknown"}
        _with_chosen(world, lobby_id=LOBBY_ID)
        await reloaded(owner)
        await owner.looked()
        over = [(text, "void") for text, _ in waits]
        await owner.until(owner.nothing_planned)
        await owner.settled(*over, owner.add("Ann"), (SWORD, "delivered"))
        assert (world.server.deliveries, sorted(lobby.deliveries)) == ([], sorted([owner.add("Ann")[0], SWORD]))
        assert await owner.problems() == {}
        _with_chosen(world, lobby_id="")  # taken out again: what was given stays, and is given no second time
        await reloaded(owner)
        await owner.later(days=1)
        assert len(await owner.commands()) == 4
        world.store.revoke(rank.id)
        await owner.looked()
        await owner.settled(*over, owner.add("Ann"), (SWORD, "delivered"), owner.remove("Ann"))
        await world.stop_app()


async def test_a_purchase_without_a_chosen_server_says_what_to_do(tmp_path: Path) -> None:
    async with World(tmp_path) as world, lobby_beside(world):
        _with_chosen(world, lobby_id=LOBBY_ID)
        owner = await Owner.of(world, "Ann", linked=("survival", "lobby"))
        world.buy("Ann")
        await owner.looked()
        [row] = await owner.until(owner.commands)
        assert (row["state"], row["server"]) == ("blocked", "chosen:")
        assert (await owner.problems())["server_unknown"]["text"].endswith(row["reason"])
        await world.stop_app()


def _with_chosen(world: World, *, lobby_id: str) -> None:
    """The config as `lobby_beside` wrote it, with the perks for the chosen server and the lobby's id."""
    text = world.config_path.read_text("utf-8")
    lobby = text[text.index('[[server]]\nname = "lobby"') :].partition("paynow_id")[0].rstrip()
    world.write_config(f'{lobby}\npaynow_id = "{lobby_id}"\n', perks=vip('"chosen"') + kit('"chosen"'))


# One of several


async def test_one_of_several_is_the_first_that_answers_and_another_may_take_it_back(tmp_path: Path) -> None:
    async with World(tmp_path) as world, lobby_beside(world, vip('{ any = ["survival", "lobby"] }')) as lobby:
        owner = await Owner.of(world, "Ann", linked=("survival", "lobby"))
        await world.server.down()
        await world.until(lambda: not owner.app.servers["survival"].link.up.is_set())
        item = world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        assert (world.server.deliveries, lobby.deliveries) == ([], [owner.add("Ann")[0]])
        [row] = await owner.commands()
        assert row["server"] == "lobby"
        await lobby.down()
        await world.server.up()
        await world.until(lambda: not owner.app.servers["lobby"].link.up.is_set())
        world.hands.forward(timedelta(minutes=2))
        await owner.linked()
        world.store.revoke(item)
        await owner.looked()
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))
        assert world.server.deliveries == [owner.remove("Ann")[0]]
        assert (await owner.status())["holdings"] == 0
        await world.stop_app()


async def test_one_of_several_waits_while_none_answers_and_is_sent_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world, lobby_beside(world, vip('{ any = ["survival", "lobby"] }')) as lobby:
        owner = await Owner.of(world, "Ann", linked=("survival", "lobby"))
        await world.server.down()
        await lobby.down()
        for name in ("survival", "lobby"):
            await world.until(lambda name=name: not owner.app.servers[name].link.up.is_set())  # type: ignore[misc]  # bound
        world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann", "planned"))
        report = await owner.status()
        assert sum(server["queue"] for server in report["servers"]) == 1  # counted once
        await world.server.up()
        await lobby.up()
        world.hands.forward(timedelta(minutes=2))
        await owner.settled(owner.add("Ann"))
        await owner.later(hours=1)
        assert sorted(world.server.deliveries + lobby.deliveries) == [owner.add("Ann")[0]]
        await world.stop_app()


async def test_a_perk_where_online_is_given_once_and_taken_away_on_the_same_server(tmp_path: Path) -> None:
    where = '{ where_online = ["survival", "lobby"] }'
    async with World(tmp_path) as world, lobby_beside(world, vip(where), kit(where)) as lobby:
        owner = await Owner.of(world, "Ann", linked=("survival", "lobby"))
        rank = world.buy("Ann")
        world.buy("Ann", "starter-kit", activate=False)
        await owner.looked()
        await owner.settled(owner.add("Ann", "planned"), (SWORD, "planned"))
        assert all("lobby" in row["reason"] and "survival" in row["reason"] for row in await owner.commands())
        lobby.console.join("Ann", uuid_of(world, "Ann"))
        await owner.settled(owner.add("Ann"), (SWORD, "delivered"))
        lobby.console.leave("Ann")
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        await owner.later(hours=1)
        assert (world.server.deliveries, lobby.deliveries) == ([], [owner.add("Ann")[0], SWORD])
        world.store.revoke(rank)
        await owner.looked()
        await owner.settled(owner.add("Ann"), (SWORD, "delivered"), owner.remove("Ann"))
        assert (world.server.deliveries, lobby.deliveries[2:]) == ([], [owner.remove("Ann")[0]])
        await world.stop_app()


async def test_a_player_who_changed_the_server_gets_the_perk_on_the_other_one(tmp_path: Path) -> None:
    """The first server's list still has the player, but its game does not: the other server may take the command."""
    async with World(tmp_path) as world, lobby_beside(world, kit('{ where_online = ["survival", "lobby"] }')) as lobby:
        text = world.config_path.read_text("utf-8").replace('presence = "1s"', 'presence = "1h"', 1)
        world.config_path.write_text(text, "utf-8")
        world.add_token("Ann")
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        owner = await Owner.of(world, linked=("survival", "lobby"))
        await world.until(lambda: uuid_of(world, "Ann") in owner.app.servers["survival"].roster)
        world.server.console.leave("Ann")
        world.buy("Ann", "starter-kit", activate=False)
        await owner.looked()
        await owner.until(lambda: _has(owner, "the player is not online"))
        lobby.console.join("Ann", uuid_of(world, "Ann"))
        await owner.settled((SWORD, "delivered"))
        assert (world.server.deliveries, lobby.deliveries) == ([SWORD], [SWORD])
        await world.stop_app()


async def test_a_list_of_several_that_grows_gives_nothing_a_second_time(tmp_path: Path) -> None:
    async with World(tmp_path) as world, lobby_beside(world, vip('{ any = ["survival"] }')) as lobby:
        owner = await Owner.of(world, "Ann", linked=("survival", "lobby"))
        first = world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        text = world.config_path.read_text("utf-8").replace("{ any", '{ any = ["lobby", "survival"] } #')
        world.config_path.write_text(text, "utf-8")
        await reloaded(owner)
        world.buy("Ann")
        await owner.later(minutes=1)
        world.store.revoke(first)
        await owner.looked()
        assert await owner.told() == [owner.add("Ann")]
        assert lobby.deliveries == []
        await world.stop_app()


# Perks that share an effect


async def test_two_perks_with_one_effect_are_given_once_and_taken_when_both_are_over(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        second = VIP.replace('name = "vip"', 'name = "vip-bundle"').replace("vip-30-days", "starter-kit")
        world.write_config(perks=vip(effect='"rank"') + second + 'effect = "rank"\n')
        owner = await Owner.of(world, "Ann")
        rank, bundle = world.buy("Ann"), world.buy("Ann", "starter-kit")
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        assert (await owner.status())["holdings"] == 1
        world.store.revoke(rank)
        await owner.looked()
        assert await owner.told() == [owner.add("Ann")]
        world.store.revoke(bundle)
        await owner.looked()
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))
