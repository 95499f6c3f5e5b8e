"""The brake: a mass revocation stops until a person has looked, and nothing slips past or is forgotten."""

import asyncio
from datetime import timedelta
from pathlib import Path

from tests.flow.owner import Owner
from tests.world import World

MANY = [f"Player{number}" for number in range(30)]


async def all_with_vip(world: World, names: list[str]) -> tuple[Owner, list[str]]:
    """All customers bought the rank and have it. Returns the items, too. Polls are rare, because a slow machine could
    not read so many customers every second."""
    world.write_config(offline="1h")
    owner = await Owner.of(world, *names)
    items = [world.buy(name) for name in names]
    await owner.looked()
    await owner.until(owner.all_delivered)
    assert len(world.server.deliveries) == len(names)
    return owner, items


def removals(world: World) -> int:
    return sum(" parent remove " in text for text in world.server.deliveries)


async def blocked(owner: Owner) -> int:
    return int((await owner.status())["brake"]["blocked"])


async def test_a_mass_revocation_stops_until_the_owner_releases_the_brake(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner, items = await all_with_vip(world, MANY)
        for item in items:
            world.store.revoke(item)
        await owner.looked()
        await owner.until(owner.nothing_planned)
        report = await owner.status()
        assert report["brake"]["on"]
        assert report["brake"]["since"]
        assert report["brake"]["blocked"] == len(MANY) - removals(world) >= 20
        [reason] = await owner.not_ready()
        assert "11 of 30" in reason
        assert (await owner.problems())["brake_on"]["severity"] == "error"
        world.add_customer("Late")
        await owner.later(hours=2)  # it waits for a person, however long
        assert await blocked(owner) == report["brake"]["blocked"]

        freed = await owner.release_brake()
        assert freed == report["brake"]["blocked"]
        await owner.until(owner.all_delivered)
        assert removals(world) == len(MANY)
        assert await owner.not_ready() == []
        assert world.server.console.groups == {uuid: set() for uuid in world.server.console.groups}


async def test_grants_go_on_while_the_brake_is_on(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Buyer")
        owner, items = await all_with_vip(world, MANY)
        for item in items:
            world.store.revoke(item)
        await owner.looked()
        assert (await owner.status())["brake"]["on"]
        world.buy("Buyer")
        await owner.looked()
        await owner.until(lambda: _told(owner, owner.add("Buyer")))


async def test_the_brake_outlives_a_restart(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner, items = await all_with_vip(world, MANY)
        for item in items:
            world.store.revoke(item)
        await owner.looked()
        await owner.until(owner.nothing_planned)
        before = (await owner.status())["brake"]
        assert before["on"]
        await world.stop_app()
        world.hands.forward(timedelta(minutes=30))
        await world.start_app()
        await owner.looked()
        assert (await owner.status())["brake"] == before
        assert len(await owner.not_ready()) == 1
        await owner.release_brake()
        await owner.until(owner.all_delivered)
        assert removals(world) == len(MANY)


async def test_what_was_taken_away_before_a_restart_counts_after_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner, items = await all_with_vip(world, MANY)
        for item in items[:8]:
            world.store.revoke(item)
        await owner.looked()
        await owner.until(owner.all_delivered)
        assert removals(world) == 8
        await world.stop_app()
        await world.start_app()
        for item in items[8:16]:
            world.store.revoke(item)
        await owner.looked()
        await owner.until(owner.nothing_planned)
        assert (await owner.status())["brake"]["on"]
        assert removals(world) + await blocked(owner) == 16
        assert removals(world) <= 10


async def test_a_few_revocations_now_and_a_few_later_do_not_set_the_brake(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner, items = await all_with_vip(world, MANY)
        for some in (items[:9], items[9:18], items[18:]):
            for item in some:
                world.store.revoke(item)
            await owner.looked()
            await owner.until(owner.nothing_planned)
            world.hands.forward(timedelta(minutes=11))
        assert removals(world) + await blocked(owner) == len(MANY)
        assert removals(world) >= 18


async def test_known_ends_do_not_count(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner, _ = await all_with_vip(world, MANY)
        await owner.later(days=30, minutes=1)
        await owner.until(owner.all_delivered)
        assert removals(world) == len(MANY)
        assert not (await owner.status())["brake"]["on"]


async def test_whatever_the_brake_stops_around_its_release_is_freed(tmp_path: Path) -> None:
    """Revocations arrive while the owner releases: none of them stays blocked with the brake off."""
    async with World(tmp_path) as world:
        owner, items = await all_with_vip(world, MANY)
        for item in items[:15]:
            world.store.revoke(item)
        await owner.looked()
        assert (await owner.status())["brake"]["on"]
        for item in items[15:]:
            world.store.revoke(item)
        world.poll_now()
        for _ in range(5):
            await owner.release_brake()
            await asyncio.sleep(0)
        await owner.looked()
        await owner.until(owner.nothing_planned)
        if not (await owner.status())["brake"]["on"]:
            assert await blocked(owner) == 0
        await owner.release_brake()
        await owner.until(owner.all_delivered)
        assert removals(world) == len(MANY)


async def _told(owner: Owner, row: tuple[str, str]) -> bool:
    return row in await owner.told()
