"""Lets a perkd run until it kills itself at an arrow (tests/flow/crashing.py, dyingenrolment.py), beside a world that
survives it.

The flow tests of crashes use it.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.flow import crashing
from tests.flow.crashing import Arrow
from tests.flow.owner import Owner
from tests.forks import FORKS
from tests.world import World


async def killed(world: World, life: Callable[..., None], *arguments: object) -> None:
    """A process runs `life` with these arguments until it kills itself."""
    process = FORKS.Process(target=life, args=arguments)
    process.start()
    try:
        await world.until(lambda: process.exitcode is not None)
        assert process.exitcode == -signal.SIGKILL, "it ended before it came to the arrow: see its stderr"
    finally:
        process.kill()
        process.join()
        process.close()


async def killed_at(world: World, arrow: Arrow) -> None:
    """perkd runs until it dies at that arrow, on the world's clock."""
    await killed(world, crashing.run, str(world.config_path), arrow, world.hands.ahead_s)


async def started(world: World) -> Owner:
    """An unwrapped perkd on the same ledger, after it has read every customer once."""
    await world.start_app()
    owner = Owner(world)
    await owner.looked()
    return owner


async def side_by_side(folder: Path, *stories: Callable[[Path], Awaitable[None]]) -> None:
    """Several worlds at once: a story mostly waits for a process to start."""
    async with asyncio.TaskGroup() as worlds:
        for number, story in enumerate(stories):
            own = folder / str(number)
            own.mkdir()
            worlds.create_task(_told_in(story, own))


async def _told_in(story: Callable[[Path], Awaitable[None]], folder: Path) -> None:
    await story(folder)
