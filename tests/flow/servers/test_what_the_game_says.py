"""How perkd judges the game's replies: not here, not loaded yet, refused, and replies that no rule knows."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.flow.owner import Owner, uuid_of
from tests.world import VIP, World

KIT = ("give Ann iron_sword 1", "planned")
ODD = """
[[perk]]
name = "odd"
kind = "lasting"
products = ["vip-30-days"]
servers = ["survival"]
grant = ["plugin honour {name}", "say Welcome, {name}!"]
revoke = ["plugin dishonour {name}"]
"""


async def test_an_offline_player_gets_the_kit_after_joining(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        world.buy("Ann", "starter-kit", activate=False)
        await owner.looked()
        await owner.until(lambda: _attempts(owner, 1))
        assert await owner.told() == [KIT]
        [row] = await owner.commands()
        assert (row["state"], row["reply"]) == ("planned", "No player was found")
        for _ in range(3):
            await owner.later(hours=5)  # never by timer
        assert len(world.server.deliveries) == 1
        world.server.console.join("Ann", uuid_of(world, "Ann"))
        await owner.settled((KIT[0], "delivered"))
        assert [(given.uuid, given.item) for given in world.server.console.items] == [
            (uuid_of(world, "Ann"), "iron_sword")
        ]
        assert (await owner.status())["customers"]["online"] == 1


async def test_a_player_who_is_only_in_the_list_gets_one_try_for_each_list(tmp_path: Path) -> None:
    """The player just left, or hides: the command waits for the next list and is not sent again and again."""
    async with World(tmp_path) as world:
        world.server.answered["list uuids"] = (
            f"There are 1 of a max of 20 players online: Ann ({world.server.console.account('Ann')})"
        )
        owner = await Owner.of(world, "Ann", "Bob")
        await world.until(lambda: len(owner.app.servers["survival"].roster) == 1)
        world.buy("Ann", "starter-kit", activate=False)
        world.buy("Bob")
        await owner.looked()
        await world.until(lambda: world.server.deliveries.count(KIT[0]) >= 2)
        await owner.until(lambda: _attempts(owner, 2))
        asked = "".join("g" if text == KIT[0] else "l" for text in world.server.executed if "lp" not in text)
        assert "gg" not in asked, "between two tries the player was seen again"
        await owner.until(lambda: _told(owner, owner.add("Bob")))


async def test_a_removal_does_not_wait_for_the_player(tmp_path: Path) -> None:
    perk = VIP.replace('revoke = ["lp', 'revoke = ["kick {name} The rank is over", "lp')
    async with World(tmp_path) as world:
        world.write_config(perks=perk)
        owner = await Owner.of(world, "Ann")
        item = world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        world.store.revoke(item)
        await owner.looked()
        kick = ("kick Ann The rank is over", "refused")
        await owner.settled(owner.add("Ann"), kick, owner.remove("Ann", "blocked"))
        assert "No player was found" in (await owner.problems())["command_refused"]["text"]
        await owner.say("skip", (await owner.commands())[1]["id"])
        await owner.settled(owner.add("Ann"), (kick[0], "void"), owner.remove("Ann"))


async def test_a_plugin_that_loads_slowly_costs_no_player_a_rank(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.server.console.luckperms = False
        owner = await Owner.of(world, "Ann")
        world.buy("Ann")
        await owner.looked()
        for tries in range(1, 4):
            await owner.until(partial(_attempts, owner, tries))
            assert await owner.told() == [owner.add("Ann", "planned")]
            world.hands.forward(timedelta(seconds=6))
        world.server.console.luckperms = True
        world.hands.forward(timedelta(seconds=6))
        await owner.settled(owner.add("Ann"))


async def test_a_command_the_game_refuses_is_tried_three_times_then_the_step_waits_for_the_owner(
    tmp_path: Path,
) -> None:
    perk = VIP.replace("parent add vip", 'parent add vip", "say {name} is a VIP now')
    async with World(tmp_path) as world:
        world.write_config(perks=perk)
        world.server.console.known_groups = set()
        owner = await Owner.of(world, "Ann")
        world.buy("Ann")
        await owner.looked()
        welcome = "say Ann is a VIP now"
        for tries in (1, 2):
            await owner.until(partial(_attempts, owner, tries))
            assert await owner.told() == [owner.add("Ann", "planned"), (welcome, "planned")]
            world.hands.forward(timedelta(seconds=31))
        await owner.settled(owner.add("Ann", "refused"), (welcome, "blocked"))
        assert world.server.deliveries == [owner.add("Ann")[0]] * 3
        problem = (await owner.problems())["command_refused"]
        assert "could not be found" in problem["text"]
        await owner.later(days=1)
        assert len(world.server.deliveries) == 3
        world.server.console.known_groups = None  # the owner makes the group
        await owner.say("retry", (await owner.commands())[0]["id"])
        await owner.settled(owner.add("Ann"), (welcome, "delivered"))
        assert await owner.problems() == {}


async def test_a_refusal_of_a_kit_is_not_repeated(tmp_path: Path) -> None:
    kit = """
[[perk]]
name = "starter-kit"
kind = "once"
products = ["starter-kit"]
servers = ["survival"]
grant = ["give {name} iron_sword lots"]
"""
    async with World(tmp_path) as world:
        world.write_config(perks=kit)
        owner = await Owner.of(world, "Ann")
        world.buy("Ann", "starter-kit", activate=False)
        await owner.looked()
        await owner.settled(("give Ann iron_sword lots", "refused"))
        await owner.later(hours=1)
        assert len(world.server.deliveries) == 1


async def test_a_reply_no_rule_knows_counts_as_done_and_is_one_problem_for_the_perk(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=ODD)
        _odd_replies(world, "Ann", "Bob")
        owner = await Owner.of(world, "Ann", "Bob")
        for name in ("Ann", "Bob"):
            world.buy(name)
        await owner.looked()
        await owner.until(lambda: _states(owner, answered=2, delivered=2))
        found = [one for one in (await owner.status())["problems"] if one["code"] == "reply_unrecognised"]
        assert [one["subject"] for one in found] == ["odd on survival"]
        assert "2 commands" in found[0]["text"]
        assert "`success`" in found[0]["fix"]
        await owner.later(days=1)
        assert len(world.server.deliveries) == 4


@pytest.mark.parametrize(
    ("line", "end"), [('success = "honoured"', "delivered"), ('failure = "honoured"', "refused"), ("", "answered")]
)
async def test_the_owners_own_patterns_come_first(line: str, end: str, tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=ODD + line + "\nrepeatable = false\n")
        _odd_replies(world, "Ann")
        owner = await Owner.of(world, "Ann")
        world.buy("Ann")
        await owner.looked()
        await owner.until(lambda: _first_is(owner, end))


async def test_with_strict_a_reply_no_rule_knows_stops_the_step(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=ODD + "strict = true\n")
        _odd_replies(world, "Ann")
        owner = await Owner.of(world, "Ann")
        world.buy("Ann")
        await owner.looked()
        welcome = "say Welcome, Ann!"
        await owner.settled(("plugin honour Ann", "answered"), (welcome, "blocked"))
        await owner.say("done", (await owner.commands())[0]["id"])
        await owner.settled(("plugin honour Ann", "delivered"), (welcome, "delivered"))


async def test_the_clock_of_an_item_nobody_activates_starts_with_perkds_own_delivery(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=VIP + 'lasts = "30d"\n')
        owner = await Owner.of(world, "Ann")
        await world.server.down()
        await world.until(lambda: not owner.app.servers["survival"].link.up.is_set())
        world.buy("Ann", activate=False)
        await owner.looked()
        await owner.later(days=40)  # not delivered yet: its time has not begun
        assert await owner.told() == [owner.add("Ann", "planned")]
        await world.server.up()
        world.hands.forward(timedelta(minutes=2))
        await owner.settled(owner.add("Ann"))
        await owner.later(days=29)
        assert await owner.told() == [owner.add("Ann")]
        await owner.later(days=2)
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))


async def test_items_that_nobody_activates_are_a_problem_after_an_hour(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        world.buy("Ann", activate=False)
        await owner.looked()
        assert await owner.problems() == {}
        await owner.later(minutes=61)
        assert (await owner.problems())["items_stay_usable"]["subject"] == "product vip-30-days"
        assert await owner.told() == []


def _odd_replies(world: World, *names: str) -> None:
    for name in names:
        world.server.answered[f"plugin honour {name}"] = f"{name} was honoured"


async def _attempts(owner: Owner, count: int) -> bool:
    """The first command was tried that often, and its last try is settled."""
    first = (await owner.commands())[0]
    return bool(first["attempts"] >= count and first["state"] != "sending")


async def _told(owner: Owner, row: tuple[str, str]) -> bool:
    return row in await owner.told()


async def _first_is(owner: Owner, state: str) -> bool:
    return bool((await owner.commands())[0]["state"] == state)


async def _states(owner: Owner, **counts: int) -> bool:
    found = (await owner.status())["commands"]
    return all(found[state] == count for state, count in counts.items())
