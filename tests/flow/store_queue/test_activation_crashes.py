"""perkd is killed at every arrow between the store's queue, the ledger, the game and the acknowledgement: a line is
carried out once, the store hears of it, and what is in doubt waits for its owner.

The killed daemon is a process (tests/flow/crashing.py). The emulated store and server live here and survive it.
"""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.flow.crashing import Arrow
from tests.flow.killing import killed_at, side_by_side, started
from tests.flow.owner import Owner, uuid_of
from tests.flow.storequeue import queue_of, sell, state_of
from tests.world import World

# Killed there: how often the game had executed the line by then, and whether that is in doubt for perkd.
EXECUTED = {
    Arrow.HANDING: (0, False),
    Arrow.HANDED: (0, False),
    Arrow.CLAIMED: (0, True),
    Arrow.SENT: (1, True),
    Arrow.ANSWERED: (1, True),
    Arrow.SETTLED: (1, False),
    Arrow.ACKNOWLEDGED: (1, False),
    Arrow.TOLD: (1, False),
}
TEXT = "say thanks Ann"


async def bought(world: World, content: str, *, run: bool) -> str:
    """A purchase whose line waits in the store's queue while no perkd runs; returns the item."""
    queue_of(world, run=run)
    sell(world, content)
    world.add_token("Ann")
    await started(world)
    await world.stop_app()
    world.hands.forward(timedelta(minutes=1))
    return world.buy("Ann", "gold", activate=False)


async def line_of(owner: Owner) -> dict[str, object]:
    [row] = [row for row in await owner.commands() if row["text"] == TEXT]
    return row


async def one_line_once(folder: Path, *arrows: Arrow) -> None:
    """Killed at these arrows, one life after the other; only the last may leave a doubt."""
    async with World(folder) as world:
        item = await bought(world, "say thanks {customer.name}", run=True)
        executed, in_doubt = EXECUTED[arrows[-1]]
        for arrow in arrows:
            await killed_at(world, arrow)
        await world.until(lambda: world.server.deliveries.count(TEXT) >= executed)

        owner = await started(world)
        if in_doubt:
            world.hands.forward(timedelta(days=1))  # whatever perkd does by itself, it has done by then
            await owner.looked()
            row = await line_of(owner)
            assert (row["state"], world.server.deliveries.count(TEXT)) == ("unknown", executed)
            assert state_of(world, item) == "usable"
            await owner.say("done" if executed else "retry", int(str(row["id"])))
        await world.until(lambda: state_of(world, item) == "active")
        await owner.later(seconds=31)
        await owner.until(owner.all_delivered)
        assert (await line_of(owner))["state"] == "delivered"
        assert world.server.deliveries.count(TEXT) == 1
        await owner.until(lambda: _nothing_owed(owner))


async def _nothing_owed(owner: Owner) -> bool:
    return await owner.app.ledger.queue.owed("survival") == []


async def activated_once(folder: Path, arrow: Arrow) -> None:
    async with World(folder) as world:
        item = await bought(world, "perkd", run=False)
        await killed_at(world, arrow)
        owner = await started(world)
        await world.until(lambda: state_of(world, item) == "active")
        await owner.later(seconds=31)
        await owner.settled((f"lp user {uuid_of(world, 'Ann')} parent add gold", "delivered"))
        await owner.until(lambda: _nothing_owed(owner))


@pytest.mark.parametrize("arrow", list(EXECUTED))
async def test_a_line_of_the_store_is_carried_out_once_when_killed_at(arrow: Arrow, tmp_path: Path) -> None:
    await one_line_once(tmp_path, arrow)


async def test_killed_again_and_again_around_the_send_and_the_acknowledgement_a_line_runs_once(tmp_path: Path) -> None:
    await one_line_once(
        tmp_path, Arrow.HANDING, Arrow.HANDED, Arrow.SETTLED, Arrow.ACKNOWLEDGED, Arrow.ACKNOWLEDGED, Arrow.TOLD
    )


async def test_a_line_for_perkd_activates_its_item_whenever_perkd_is_killed(tmp_path: Path) -> None:
    arrows = (Arrow.HANDING, Arrow.HANDED, Arrow.ACKNOWLEDGED, Arrow.TOLD)
    await side_by_side(tmp_path, *(partial(activated_once, arrow=arrow) for arrow in arrows))
