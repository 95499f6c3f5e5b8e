"""perkd is killed at every arrow of the walk, for every kind of command: nothing is lost, nothing non-repeatable is
done twice, and an owner sees everything that is in doubt.

The killed daemon is a process (tests/flow/crashing.py). The emulated store and server live here and survive it; then an
unwrapped perkd opens the same ledger.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from perkd.daemon.ledger.commands import STOPPED
from perkd.daemon.servers.delivery import CUT_OFF
from tests.flow.crashing import Arrow
from tests.flow.killing import killed_at, side_by_side, started
from tests.flow.owner import Owner, Row, uuid_of
from tests.world import VIP, World

KIT = """
[[perk]]
name = "starter-kit"
kind = "once"
products = ["starter-kit"]
servers = ["survival"]
grant = ["give {name} iron_sword 1"]
revoke = ["say {name} gave it back"]
"""
OPEN_TO_THE_OWNER = {"delivered", "unknown", "refused", "answered", "blocked", "void"}


@dataclass(frozen=True, slots=True)
class Case:
    """One command of one perk on its way to the server when the kill comes."""

    product: str
    step: str
    repeatable: bool

    def text(self, uuid: str) -> str:
        if self.repeatable:
            return f"lp user {uuid} parent {'add' if self.step == 'grant' else 'remove'} vip"
        return "give Ann iron_sword 1" if self.step == "grant" else "say Ann gave it back"


LASTING, ONCE = Case("vip-30-days", "grant", True), Case("starter-kit", "grant", False)
CASES = [LASTING, Case("vip-30-days", "revoke", True), ONCE, Case("starter-kit", "revoke", False)]
# Killed there: how often the game had executed the command by then, and whether that is in doubt for perkd.
EXECUTED = {
    Arrow.FETCHED: (0, False),
    Arrow.RECORDING: (0, False),
    Arrow.RECORDED: (0, False),
    Arrow.CLAIMED: (0, True),
    Arrow.SENT: (1, True),
    Arrow.ANSWERED: (1, True),
    Arrow.SETTLED: (1, False),
}


async def on_the_way(world: World, case: Case) -> str:
    """Does everything up to the purchase or revocation that makes the case's command; returns the command's text."""
    world.write_config(perks=VIP + KIT)
    world.add_token("Ann")
    world.server.console.join("Ann", uuid_of(world, "Ann"))
    await started(world)
    world.hands.forward(timedelta(minutes=1))  # the store cuts its times to seconds: the purchase is surely the later
    if case.step == "revoke":
        item = world.buy("Ann", case.product)
        world.poll_now()
        await world.until(lambda: len(world.server.deliveries) == 1)
        await world.stop_app()
        world.store.revoke(item, "refund")
    else:
        await world.stop_app()
        world.buy("Ann", case.product)
    return case.text(uuid_of(world, "Ann"))


async def last_row(owner: Owner, text: str) -> Row:
    """The row of the command, which must be the newest; everything else must be where an owner sees it."""
    rows = await owner.commands()
    assert [row["text"] for row in rows].count(text) == 1, "recorded twice"
    assert rows[-1]["text"] == text
    return rows[-1]


async def row_in(owner: Owner, text: str, state: str) -> Row:
    async def there() -> bool:
        return bool((await last_row(owner, text))["state"] == state)

    await owner.until(there)
    return await last_row(owner, text)


async def nothing_lost_nothing_twice(folder: Path, arrow: Arrow, case: Case) -> None:
    async with World(folder) as world:
        text = await on_the_way(world, case)
        executed, in_doubt = EXECUTED[arrow]

        await killed_at(world, arrow)
        await world.until(lambda: world.server.deliveries.count(text) >= executed)
        assert world.server.deliveries.count(text) == executed

        owner = await started(world)
        if in_doubt:
            row = await row_in(owner, text, "unknown")
            assert row["reason"] in (STOPPED, CUT_OFF)
            unknown = (await owner.problems())["command_unknown"]
            assert text in unknown["text"]
            assert str(row["id"]) in unknown["fix"]
        world.hands.forward(timedelta(hours=1))  # whatever perkd does by itself, it has done by then
        if in_doubt and not case.repeatable:
            await owner.looked()
            assert (await last_row(owner, text))["state"] == "unknown"
            assert world.server.deliveries.count(text) == executed
            await owner.say("done" if executed else "retry", row["id"])
            await row_in(owner, text, "delivered")
            assert world.server.deliveries.count(text) == 1
        else:
            await row_in(owner, text, "delivered")
            assert world.server.deliveries.count(text) == (executed + 1 if in_doubt else 1)
        assert {row["state"] for row in await owner.commands()} <= OPEN_TO_THE_OWNER
        assert "command_unknown" not in await owner.problems()


@pytest.mark.parametrize("arrow", list(EXECUTED))
async def test_nothing_is_lost_or_done_twice_when_killed_at(arrow: Arrow, tmp_path: Path) -> None:
    """All four kinds of command, each in a world of its own."""
    await side_by_side(tmp_path, *(partial(nothing_lost_nothing_twice, arrow=arrow, case=case) for case in CASES))


async def test_killed_again_and_again_before_and_after_the_send_each_command_runs_once(tmp_path: Path) -> None:
    async def story(folder: Path, case: Case) -> None:
        async with World(folder) as world:
            text = await on_the_way(world, case)
            for arrow in (Arrow.FETCHED, Arrow.RECORDING, Arrow.RECORDED, Arrow.SETTLED):
                await killed_at(world, arrow)
            owner = await started(world)
            await row_in(owner, text, "delivered")
            assert world.server.deliveries.count(text) == 1

    await side_by_side(tmp_path, *(partial(story, case=case) for case in CASES))


async def test_killed_while_it_recovers_it_recovers_at_the_next_start(tmp_path: Path) -> None:
    async def lasting(folder: Path) -> None:
        async with World(folder) as world:
            text = await on_the_way(world, LASTING)
            for arrow in (Arrow.SENT, Arrow.RECOVERING, Arrow.RECOVERED):
                await killed_at(world, arrow)
            world.hands.forward(timedelta(minutes=2))  # perkd tries again a minute after the start
            await killed_at(world, Arrow.SENT)
            owner = await started(world)
            await row_in(owner, text, "unknown")
            world.hands.forward(timedelta(minutes=2))
            row = await row_in(owner, text, "delivered")
            assert (world.server.deliveries.count(text), row["attempts"]) == (3, 3)

    async def once(folder: Path) -> None:
        async with World(folder) as world:
            text = await on_the_way(world, ONCE)
            for arrow in (Arrow.SENT, Arrow.RECOVERING, Arrow.RECOVERING, Arrow.RECOVERED):
                await killed_at(world, arrow)
            owner = await started(world)
            world.hands.forward(timedelta(days=2))
            await owner.looked()
            assert (await last_row(owner, text))["state"] == "unknown"
            assert "command_unknown" in await owner.problems()
            assert world.server.deliveries.count(text) == 1

    await side_by_side(tmp_path, lasting, once)
