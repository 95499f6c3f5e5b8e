"""A config that is applied while perkd runs, and what perkd does by itself at night."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from perkd.daemon.config import Settings
from perkd.daemon.ledger.base import LedgerCode, LedgerFailed
from tests.flow.owner import Owner, lobby_beside
from tests.world import KIT, VIP, World

EVERYWHERE = VIP.replace('["survival"]', '["*"]')
HERO = VIP.replace('name = "vip"', 'name = "hero"').replace("add vip", "add hero").replace("remove vip", "remove hero")


async def with_vip(world: World) -> Owner:
    owner = await Owner.of(world, "Ann")
    world.buy("Ann")
    await owner.looked()
    await owner.settled(owner.add("Ann"))
    return owner


async def test_a_new_perk_reaches_those_who_own_its_product_without_a_restart(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await with_vip(world)
        world.write_config(perks=VIP + KIT + HERO)
        status, found = await owner.ask("/reload", "POST")
        assert (status, [line.split(":")[0] for line in found["changes"]]) == (200, ["perk hero"])
        hero = owner.add("Ann")[0].replace("vip", "hero")
        await owner.settled(owner.add("Ann"), (hero, "delivered"))


async def test_a_new_perk_need_not_wait_for_the_next_reading(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(offline="15m")
        owner = await with_vip(world)
        await world.store.down()
        world.write_config(perks=VIP + KIT + HERO, offline="15m")
        status, found = await owner.ask("/reload", "POST")
        assert (status, [line.split(":")[0] for line in found["changes"]]) == (200, ["perk hero"])
        hero = owner.add("Ann")[0].replace("vip", "hero")
        await owner.settled(owner.add("Ann"), (hero, "delivered"))


async def test_a_bad_config_is_not_applied_and_its_mistakes_are_reported(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await with_vip(world)
        good = world.config_path.read_text("utf-8")
        world.config_path.write_text(good.replace("{uuid}", "{steam_id}"), "utf-8")
        status, found = await owner.ask("/reload", "POST")
        assert status == 422
        assert "steam_id" in found["error"]
        world.add_customer("Bob")
        await owner.later(days=31)
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), RuntimeError("a fault")])
async def test_a_failed_reload_by_signal_stops_nothing_and_the_next_one_works(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with World(tmp_path) as world:
        owner = await with_vip(world)
        with monkeypatch.context() as patch:
            patch.setattr(owner.app.reload, "_read", raising(error))
            owner.app.reload_asked.set()
            await world.until(lambda: _logged(caplog, "reload_failed"))
        [record] = _logged(caplog, "reload_failed")
        assert str(error) in record.getMessage()
        world.write_config(perks=VIP + KIT + HERO)
        owner.app.reload_asked.set()
        await owner.settled(owner.add("Ann"), (owner.add("Ann")[0].replace("vip", "hero"), "delivered"))


async def test_a_ledger_that_fails_during_a_reload_by_signal_ends_perkd(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await with_vip(world)
        owner.app.reload._read = raising(LedgerFailed(LedgerCode.BROKEN, "the disk is full"))
        owner.app.reload_asked.set()
        with pytest.raises(ExceptionGroup) as ended:
            await world.until(lambda: False)
        assert ended.group_contains(LedgerFailed)


def raising(error: Exception) -> Callable[[], Settings]:
    def read() -> Settings:
        raise error

    return read


def _logged(caplog: pytest.LogCaptureFixture, action: str) -> list[logging.LogRecord]:
    return [record for record in caplog.records if getattr(record, "action", "") == action]


async def test_a_new_server_is_connected_and_given_its_ranks_without_a_restart(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=EVERYWHERE)
        owner = await with_vip(world)
        async with lobby_beside(world, EVERYWHERE) as lobby:
            await owner.ask("/reload", "POST")
            await owner.settled(owner.add("Ann"), owner.add("Ann"))
            assert lobby.deliveries == [owner.add("Ann")[0]]
            assert [server["name"] for server in (await owner.status())["servers"]] == ["survival", "lobby"]
            world.write_config(perks=EVERYWHERE)
            await owner.ask("/reload", "POST")
            assert [server["name"] for server in (await owner.status())["servers"]] == ["survival"]
            await owner.later(days=31)
            await owner.settled(owner.add("Ann"), owner.add("Ann"), owner.remove("Ann"), owner.remove("Ann", "blocked"))
            await world.stop_app()


async def test_a_customer_who_left_the_list_is_given_nothing_by_a_new_perk(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await with_vip(world)
        world.tokens_path.write_text("# nobody\n", "utf-8")
        await owner.ask("/reload", "POST")
        world.write_config(perks=VIP + HERO)
        await owner.ask("/reload", "POST")
        world.add_token("Bob")  # who is read after the change, so it has gone through
        await owner.ask("/reload", "POST")
        await world.until(lambda: len(owner.app.polling.roll) == 2)
        world.buy("Bob")
        await owner.until(lambda: _count(owner, 3))
        await owner.until(owner.all_delivered)
        assert {row["customer_id"] for row in (await owner.commands())[1:]} == {world.store.customer("Bob").id}


async def test_every_night_the_ledger_is_copied_whole(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await with_vip(world)
        copies = world.ledger_path.parent / "backups"
        owner.app.night.due.set()
        await world.until(lambda: list(copies.glob("ledger-*.db")))
        [copy] = copies.glob("ledger-*.db")
        await world.stop_app()
        for file in world.ledger_path.parent.glob("ledger.db*"):
            file.unlink()
        copy.rename(world.ledger_path)
        world.write_config(perks=VIP + KIT)
        await world.start_app()
        await owner.looked()
        assert await owner.told() == [owner.add("Ann")]


async def test_a_copy_that_fails_is_a_problem_and_stops_nothing(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await with_vip(world)
        in_the_way = world.ledger_path.parent / "backups"
        in_the_way.write_text("not a folder", "utf-8")
        owner.app.night.due.set()
        failed = await owner.until(lambda: _problem(owner, "backup_failed"))
        assert failed["severity"] == "error"
        assert str(in_the_way) in failed["text"]
        world.add_customer("Bob")
        await owner.later(days=31)
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))
        in_the_way.unlink()
        owner.app.night.due.set()
        await world.until(lambda: list(in_the_way.glob("ledger-*.db")))
        assert await owner.until(lambda: _gone(owner, "backup_failed"))


async def _count(owner: Owner, count: int) -> bool:
    return len(await owner.commands()) == count


async def _problem(owner: Owner, code: str) -> object:
    return (await owner.problems()).get(code)


async def _gone(owner: Owner, code: str) -> bool:
    return code not in await owner.problems()
