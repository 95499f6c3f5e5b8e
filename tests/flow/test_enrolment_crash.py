"""perkd is killed in the middle of enrolling everybody: nobody is lost and nobody gets a second token for nothing."""

import multiprocessing
import signal
from pathlib import Path

import pytest

from tests.flow import dyingenrolment
from tests.flow.dyingenrolment import Arrow
from tests.flow.enrolling import begun, enrolled, made
from tests.world import World

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", "tests.flow.dyingenrolment"])
CUSTOMERS = 130  # more than a page


@pytest.mark.parametrize(
    ("arrow", "left", "twice"),
    [(Arrow.MADE, 42, 1), (Arrow.STORED, 42, 0), (Arrow.PAGE, 1, 0), (Arrow.BOOKMARK, 1, 0)],
)
async def test_killed_in_the_middle_nobody_is_lost(arrow: Arrow, left: int, twice: int, tmp_path: Path) -> None:
    """Only a token whose making was not written down yet is made again: the store cannot be asked for it."""
    async with World(tmp_path) as world:
        names = [f"n{number}" for number in range(CUSTOMERS)]
        for name in names:
            world.store.add_customer(name, None)
        world.write_config(enrol="all", offline="1h")
        process = FORKS.Process(
            target=dyingenrolment.run, args=(str(world.config_path), arrow, left, world.hands.ahead.total_seconds())
        )
        process.start()
        try:
            await world.until(lambda: process.exitcode is not None)
            assert process.exitcode == -signal.SIGKILL, "it ended before it came to the arrow: see its stderr"
        finally:
            process.kill()
            process.join()
            process.close()
        assert 0 < sum(made(world).values()) < CUSTOMERS
        await begun(world)
        await enrolled(world, *names)
        assert sum(made(world).values()) == CUSTOMERS + twice
        assert min(made(world).values()) == 1
