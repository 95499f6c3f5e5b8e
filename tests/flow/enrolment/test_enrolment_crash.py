"""perkd is killed while it enrols all customers: none is lost, and none gets a needless second token."""

from pathlib import Path

import pytest

from tests.flow import dyingenrolment
from tests.flow.dyingenrolment import Arrow
from tests.flow.enrolling import begun, enrolled, made
from tests.flow.killing import killed
from tests.world import World

CUSTOMERS = 130  # more than a page


@pytest.mark.parametrize(
    ("arrow", "left", "twice"),
    [(Arrow.MADE, 42, 1), (Arrow.STORED, 42, 0), (Arrow.PAGE, 1, 0), (Arrow.BOOKMARK, 1, 0)],
)
async def test_after_a_kill_in_the_middle_no_customer_is_lost(
    arrow: Arrow, left: int, twice: int, tmp_path: Path
) -> None:
    """Only a token that was not recorded yet is made again, because the store does not show existing tokens."""
    async with World(tmp_path) as world:
        names = [f"n{number}" for number in range(CUSTOMERS)]
        for name in names:
            world.store.add_customer(name, None)
        world.write_config(enrol="all", offline="1h")
        ahead_s = world.hands.ahead_s
        await killed(world, dyingenrolment.run, str(world.config_path), arrow, left, ahead_s)
        assert 0 < sum(made(world).values()) < CUSTOMERS
        await begun(world)
        await enrolled(world, *names)
        assert sum(made(world).values()) == CUSTOMERS + twice
        assert min(made(world).values()) == 1
