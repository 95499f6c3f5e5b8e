"""Who customers are on servers that name their players in different ways, from the store to the game."""

from pathlib import Path

from perkd.daemon.sandbox.games.minecraft_console import made_up_uuid, offline_uuid
from tests import secretwatch
from tests.flow.owner import Owner, lobby_beside
from tests.world import VIP, World

ANN_XUID = "2535412345678901"
ANN_BEDROCK = "00000000-0000-0000-0009-01f1b0392c35"
WAITS = VIP + "online = true\n"
BY_NAME = VIP.replace("lp user {uuid}", "lp user {name}")


def known(world: World, token: str) -> str:
    """A customer of the store whose token is in the tokens file. Returns the token."""
    with world.tokens_path.open("a") as file:
        file.write(f'[[customer]]\ntoken = "{secretwatch.remember(token, "customer token")}"\n')
    return token


def offline_customer(world: World, name: str) -> str:
    """A customer of an offline-mode store, which knows only the name."""
    return known(world, world.store.add_customer(name, offline=True))


def bedrock_customer(world: World, gamertag: str, xuid: str = ANN_XUID) -> str:
    return known(world, world.store.add_customer(gamertag, xbox_xuid=xuid))


def rank(who: str, verb: str = "add", state: str = "delivered") -> tuple[str, str]:
    return f"lp user {who} parent {verb} vip", state


def groups(world: World, uuid: str) -> set[str]:
    return world.server.console.groups.get(uuid, set())


# Offline mode


async def test_on_an_offline_server_a_player_is_the_exact_name(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.server.console.offline_mode = True
        world.write_config(perks=WAITS, server='identity = "offline"')
        ann = offline_customer(world, "Ann")
        owner = await Owner.of(world)
        world.server.console.join("ANN")  # another player there
        world.buy(ann)
        await owner.looked()
        await owner.settled(rank(offline_uuid("Ann"), state="planned"))
        await world.until(lambda: len(owner.app.servers["survival"].roster))
        await owner.later(hours=1)
        await owner.settled(rank(offline_uuid("Ann"), state="planned"))
        world.server.console.join("Ann")
        await owner.settled(rank(offline_uuid("Ann")))
        assert groups(world, offline_uuid("Ann")) == {"vip"}
        assert groups(world, offline_uuid("ANN")) == set()
        await world.until(lambda: all(watch.online for watch in owner.app.polling.roll))


async def test_an_offline_server_whose_list_has_no_uuids_knows_who_is_there_all_the_same(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        console = world.server.console
        console.offline_mode = True
        for command in ("minecraft:list uuids", "list uuids"):
            world.server.answered[command] = "Unknown command"
        world.write_config(perks=WAITS, server='identity = "offline"')
        ann = offline_customer(world, "Ann")
        owner = await Owner.of(world)
        world.buy(ann)
        await owner.looked()
        await owner.settled(rank(offline_uuid("Ann"), state="planned"))
        console.join("Ann")
        await owner.settled(rank(offline_uuid("Ann")))


async def test_a_new_name_on_an_offline_server_is_a_new_player(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.server.console.offline_mode = True
        world.write_config(perks=VIP, server='identity = "offline"')
        ann = offline_customer(world, "Ann")
        owner = await Owner.of(world)
        world.buy(ann)
        await owner.looked()
        await owner.settled(rank(offline_uuid("Ann")))
        world.store.customer(ann).name = "Anna"
        await owner.later(days=1, hours=1)
        await owner.settled(rank(offline_uuid("Ann")), rank(offline_uuid("Ann"), "remove"), rank(offline_uuid("Anna")))
        assert (groups(world, offline_uuid("Ann")), groups(world, offline_uuid("Anna"))) == (set(), {"vip"})


async def test_two_customers_with_one_name_share_what_their_player_holds(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=VIP, server='identity = "offline"')
        first, second = offline_customer(world, "Ann"), offline_customer(world, "Ann")
        owner = await Owner.of(world)
        mine, theirs = world.buy(first), world.buy(second)
        await owner.looked()
        await owner.settled(rank(offline_uuid("Ann")))
        world.store.revoke(mine)
        await owner.looked()
        await owner.settled(rank(offline_uuid("Ann")))
        world.store.revoke(theirs)
        await owner.looked()
        await owner.settled(rank(offline_uuid("Ann")), rank(offline_uuid("Ann"), "remove"))


# Floodgate


async def test_a_bedrock_player_is_the_xuid_and_the_name_has_the_prefix(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.server.console.bedrock_prefix = "*"
        kit = VIP.replace("lp user {uuid} parent add vip", "give {name} bread 1")
        perks = WAITS + kit.replace('name = "vip"', 'name = "kit"').replace("remove vip", "remove kit")
        world.write_config(perks=perks, server='identity = "floodgate"\nbedrock_prefix = "*"')
        ann = bedrock_customer(world, "Ann Bee")
        owner = await Owner.of(world, "Bob")
        world.server.console.join_bedrock("Ann Bee", ANN_XUID)
        bob = world.server.console.join("Bob")
        await world.until(lambda: len(owner.app.servers["survival"].roster) == 2)
        world.buy(ann)
        world.buy("Bob")
        await owner.looked()
        expected = {
            rank(ANN_BEDROCK),
            rank(bob),
            ("give *Ann_Bee bread 1", "delivered"),
            ("give Bob bread 1", "delivered"),
        }
        await owner.until(lambda: _are(owner, expected))
        assert (groups(world, ANN_BEDROCK), groups(world, bob)) == ({"vip"}, {"vip"})
        await world.until(lambda: all(watch.online for watch in owner.app.polling.roll))


async def test_two_customers_with_one_xuid_share_what_their_player_holds(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=VIP, server='identity = "floodgate"')
        first, second = bedrock_customer(world, "Ann"), bedrock_customer(world, "Ann again")
        owner = await Owner.of(world)
        mine, theirs = world.buy(first), world.buy(second)
        await owner.looked()
        world.store.revoke(mine)
        await owner.looked()
        await owner.settled(rank(ANN_BEDROCK))
        world.store.revoke(theirs)
        await owner.looked()
        await owner.settled(rank(ANN_BEDROCK), rank(ANN_BEDROCK, "remove"))


async def test_a_new_gamertag_takes_the_old_name_out_and_puts_the_new_one_in(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=BY_NAME, server='identity = "floodgate"')
        ann = bedrock_customer(world, "Ann Bee")
        world.server.console.join_bedrock("Ann Bee", ANN_XUID)
        owner = await Owner.of(world)
        world.buy(ann)
        await owner.looked()
        await owner.settled(rank(".Ann_Bee"))
        world.store.customer(ann).name = "Ann Cee"
        world.server.console.account(".Ann_Cee", "00000000-0000-0000-0009-01f1b0392c36")
        await owner.later(days=1, hours=1)
        await owner.until(lambda: _are(owner, {rank(".Ann_Bee"), rank(".Ann_Bee", "remove"), rank(".Ann_Cee")}))


async def _are(owner: Owner, expected: set[tuple[str, str]]) -> bool:
    return set(await owner.told()) == expected


# A customer with several accounts, and one without


async def test_a_customer_has_another_player_on_each_kind_of_server(tmp_path: Path) -> None:
    everywhere = VIP.replace('["survival"]', '["*"]')
    async with World(tmp_path) as world, lobby_beside(world, everywhere) as lobby:
        lobby.console.offline_mode = True
        config = world.config_path.read_text("utf-8")
        world.config_path.write_text(config.replace('name = "lobby"', 'name = "lobby"\nidentity = "offline"'), "utf-8")
        owner = await Owner.of(world, "Ann", linked=["survival", "lobby"])
        world.buy("Ann")
        await owner.looked()
        await owner.until(lambda: _are(owner, {rank(made_up_uuid("Ann")), rank(offline_uuid("Ann"))}))
        assert world.server.deliveries == [rank(made_up_uuid("Ann"))[0]]
        assert lobby.deliveries == [rank(offline_uuid("Ann"))[0]]


async def test_java_and_bedrock_in_one_customer_is_java_unless_the_store_says_bedrock(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=VIP, server='identity = "floodgate"')
        java = made_up_uuid("Ann")
        ann = known(world, world.store.add_customer("Ann", java, xbox_xuid=ANN_XUID))
        owner = await Owner.of(world)
        world.buy(ann)
        await owner.looked()
        await owner.settled(rank(java))


async def test_a_bedrock_customer_is_nobody_on_a_java_server_until_it_lets_bedrock_players_in(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=VIP)
        ann = bedrock_customer(world, "Ann")
        customer_id = world.store.customer(ann).id
        owner = await Owner.of(world)
        world.buy(ann)
        await owner.looked()
        [row] = await owner.commands()
        assert row["state"] == "blocked"
        assert all(word in row["reason"] for word in ("minecraft_uuid", 'identity = "online"'))
        assert f"`perkd store customers update {customer_id}`" in row["reason"]
        world.write_config(perks=VIP, server='identity = "floodgate"')
        changed = (await owner.ask("/reload", "POST"))[1]["changes"]
        assert [line.split()[:3] for line in changed] == [["server", "survival:", "identity"]]
        await owner.until(lambda: _delivered(owner, rank(ANN_BEDROCK)))


async def test_a_customer_who_gets_a_uuid_later_gets_what_waited_for_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=VIP)
        ann = bedrock_customer(world, "Ann")
        owner = await Owner.of(world)
        world.buy(ann)
        await owner.looked()
        assert [row["state"] for row in await owner.commands()] == ["blocked"]
        world.store.customer(ann).minecraft_uuid = made_up_uuid("Ann")
        await owner.looked()
        await owner.until(lambda: _delivered(owner, rank(made_up_uuid("Ann"))))


async def _delivered(owner: Owner, expected: tuple[str, str]) -> bool:
    """That one, and nothing else but what was never sent."""
    return [one for one in await owner.told() if one[1] != "void"] == [expected]


# A server that names its players in another way from now on


async def test_another_identity_of_a_server_takes_from_the_old_players_and_gives_to_the_new(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=VIP, offline="15m")
        owner = await Owner.of(world, "Ann")
        world.buy("Ann")
        await owner.looked()
        await owner.settled(rank(made_up_uuid("Ann")))
        world.server.console.offline_mode = True
        world.write_config(perks=VIP, offline="15m", server='identity = "offline"')
        await owner.ask("/reload", "POST")
        await owner.settled(rank(made_up_uuid("Ann")), rank(made_up_uuid("Ann"), "remove"), rank(offline_uuid("Ann")))
        await owner.later(days=1, hours=1)
        assert len(await owner.commands()) == 3


async def test_commands_by_name_end_with_the_perk_when_only_the_id_changes(tmp_path: Path) -> None:
    """The old and the new player have the same name: taking from the old one must not take what the new one got."""
    async with World(tmp_path) as world:
        world.write_config(perks=BY_NAME)
        owner = await Owner.of(world, "Ann")
        ann = made_up_uuid("Ann")
        world.buy("Ann")
        await owner.looked()
        await owner.settled(rank("Ann"))
        world.write_config(perks=BY_NAME, server='identity = "offline"')
        await owner.ask("/reload", "POST")
        await owner.settled(rank("Ann"), rank("Ann", "remove"), rank("Ann"))
        assert groups(world, ann) == {"vip"}


async def test_another_prefix_gives_bedrock_players_their_new_names(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=BY_NAME, server='identity = "floodgate"')
        ann = bedrock_customer(world, "Ann")
        world.server.console.account(".Ann", ANN_BEDROCK)
        world.server.console.account("BE_Ann", "00000000-0000-0000-0009-01f1b0392c36")
        owner = await Owner.of(world)
        world.buy(ann)
        await owner.looked()
        await owner.settled(rank(".Ann"))
        world.write_config(perks=BY_NAME, server='identity = "floodgate"\nbedrock_prefix = "BE_"')
        await owner.ask("/reload", "POST")
        await owner.until(lambda: _are(owner, {rank(".Ann"), rank(".Ann", "remove"), rank("BE_Ann")}))


async def test_a_plan_says_beforehand_what_another_identity_would_do(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=VIP)
        owner = await Owner.of(world, "Ann")
        world.buy("Ann")
        await owner.looked()
        await owner.settled(rank(made_up_uuid("Ann")))
        world.write_config(perks=VIP, server='identity = "offline"')
        planned = (await world.perkd("plan")).out
        assert planned.index(rank(made_up_uuid("Ann"), "remove")[0]) < planned.index(rank(offline_uuid("Ann"))[0])
        await owner.settled(rank(made_up_uuid("Ann")))
