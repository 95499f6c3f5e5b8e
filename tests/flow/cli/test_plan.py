"""`perkd plan`: it shows what would be sent, without sending or writing anything."""

import asyncio
import hashlib
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from perkd.daemon.sandbox.store.faults import Fault
from tests.flow.owner import Owner
from tests.terminal import on_terminal
from tests.world import KIT, VIP, World

ELITE = VIP.replace('"vip"', '"elite"').replace("add vip", "add elite").replace("remove vip", "remove elite")


def state(world: World) -> dict[str, str]:
    """Every file in the ledger's folder with its digest."""
    files = world.ledger_path.parent.iterdir()
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


async def delivered(world: World, count: int) -> None:
    """Waits until this many commands were sent and answered, also in the ledger."""
    await Owner(world).until(lambda: _delivered(world, count))


async def _delivered(world: World, count: int) -> bool:
    return [state for _, state in await Owner(world).told()] == ["delivered"] * count


async def planned(world: World, *arguments: str, code: int = 0) -> dict[str, Any]:
    said = await world.perkd("plan", "--json", *arguments)
    assert said.code == code, said
    found: dict[str, Any] = json.loads(said.out)
    return found


async def test_before_the_first_start_the_plan_says_what_it_would_do(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        for name, product in (("Ann", "vip-30-days"), ("Bob", "starter-kit")):
            world.add_token(name)
            world.buy(name, product)
        world.store.fault(Fault.LIMITED, times=1)
        text, fresh = await asyncio.gather(world.perkd("plan"), world.perkd("plan", "--fresh"))
        assert [*world.ledger_path.parent.iterdir()] == []
        assert world.server.executed == []
    assert text.code == fresh.code == 0
    assert all(word in text.out for word in (str(world.ledger_path), "2 customers", ": vip", ": starter-kit"))
    assert str(world.ledger_path) in fresh.out
    assert re.search(r"^  grant   lp user \S+ parent add vip$", fresh.out, re.MULTILINE)
    assert re.search(r"^survival +starter-kit +0 +0 +1 +0$", fresh.out, re.MULTILINE)
    assert re.search(r"^survival +vip +1 +0 +0 +0$", fresh.out, re.MULTILINE)
    assert re.findall(r"\d+", fresh.err.splitlines()[-1]) == ["2", "2"]
    assert fresh.out.isascii()


async def test_beside_a_running_daemon_a_fresh_plan_asks_the_store_and_sends_nothing(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=VIP + KIT, offline="10h")
        world.add_token("Ann")
        item = world.buy("Ann")
        await world.start_app()
        await delivered(world, 1)
        world.buy("Ann", "starter-kit")
        world.store.revoke(item, "refund")
        as_read, fresh, terminal = await asyncio.gather(
            planned(world),
            world.perkd("plan", "--fresh"),
            on_terminal("plan", "--fresh", "-c", str(world.config_path)),
        )
        assert (as_read["compared"], as_read["changes"], as_read["commands"]) == (1, [], [])
        assert as_read["oldest_read_at"] is not None
        for text in (fresh.out, terminal[1]):
            assert " 1 inventory " in text
            assert "  grant   give Ann iron_sword 1\n" in text
            assert re.search(r"^  revoke  lp user \S+ parent remove vip$", text, re.MULTILINE)
        assert terminal[0] == 0
        assert len(world.server.deliveries) == 1
        before = await planned(world, "--fresh")
        world.poll_now()
        await world.until(lambda: len(world.server.deliveries) == 3)
        assert sorted(row["text"] for row in before["commands"]) == sorted(world.server.deliveries[1:])
        assert before["commands"][0].keys() == {
            "server", "customer_id", "player", "perk", "item_id", "step", "text", "state", "reason",
        }  # fmt: skip


async def test_a_new_config_is_compared_without_touching_the_ledger(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.buy("Ann")
        world.buy("Ann", "starter-kit")
        await world.start_app()
        await world.until(lambda: world.server.deliveries)
        await world.stop_app()
        world.write_config(perks=VIP + ELITE + KIT.replace('"starter-kit"\nkind', '"welcome"\nkind'))
        before = state(world)
        found = await planned(world)
        assert state(world) == before
        assert found["compared"] == 1
        assert [row["text"].split()[-1] for row in found["commands"]] == ["elite"]
        assert {"server": "survival", "perk": "welcome", "grant": 0, "revoke": 0, "adopt": 1, "blocked": 0} in found[
            "changes"
        ]
        assert world.server.deliveries[1:] == []


async def test_the_plan_says_that_the_brake_would_come_on(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config("[brake]\nleast = 1\nshare = 0.1", perks=VIP + ELITE, offline="10h")
        world.add_token("Ann")
        item = world.buy("Ann")
        await world.start_app()
        await delivered(world, 2)
        world.store.revoke(item)
        text, as_json = await asyncio.gather(world.perkd("plan", "--fresh"), world.perkd("plan", "--fresh", "--json"))
        assert text.code == as_json.code == 1
        brake = json.loads(as_json.out)["brake"]
        assert (brake["would_trip"], brake["blocked"]) == (True, 2)
        assert all(word in text.out for word in (brake["reason"], "2 commands ", "`perkd brake release`"))
        status = await world.ask("/status")
        assert status is not None
        assert status["brake"]["on"] is False


async def test_customers_who_cannot_be_read_are_named(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.buy("Ann")
        await world.start_app()
        await world.until(lambda: world.server.deliveries)
        await world.stop_app()
        world.add_token("Bob")
        unread = await planned(world)
        world.store.fault(Fault.UNAUTHORIZED, "Bob")
        some = await planned(world, "--fresh", code=1)
        await world.store.down()
        none = await world.perkd("plan", "--fresh", "--json")
    assert len(unread["unread"]) == 1
    assert (some["compared"], [one["customer"] for one in some["failed"]]) == (1, ["token 2"])
    assert (none.code, none.error["code"]) == (69, "store_unreachable")
    assert "Ann: " in none.err


async def test_a_waiting_command_and_an_expired_item_are_in_the_plan(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=KIT, offline="10h")
        world.add_token("Ann")
        await world.start_app()
        owner = Owner(world)
        await owner.linked()
        await world.until(lambda: world.server.executed)
        await world.server.down()
        await world.until(lambda: not owner.app.servers["survival"].link.up.is_set())
        item = world.buy("Ann", "starter-kit")
        world.poll_now()
        await owner.until(owner.commands)
        kept = await planned(world, "--fresh")
        world.store.revoke(item)
        gone = await planned(world, "--fresh")
    assert kept["waiting"] == 1
    assert kept["commands"] == []
    assert (gone["voided"], gone["waiting"]) == ([1], 0)


async def test_the_plan_uses_the_time_of_the_machine(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.hands.forward(-timedelta(days=31))  # everything so far happened a month ago
        world.add_token("Ann")
        world.buy("Ann")
        await world.start_app()
        await world.until(lambda: world.server.deliveries)
        await world.stop_app()
        found = await planned(world)
    assert [(row["step"], row["text"].split()[-3:]) for row in found["commands"]] == [
        ("revoke", ["parent", "remove", "vip"])
    ]
