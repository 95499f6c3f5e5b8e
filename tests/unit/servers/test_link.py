"""How the link treats servers that close the connection during login: as a ban, or as a slow start."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from perkd.adapters.base import AdapterError, AuthRefused, Endpoint, LoginClosed, NotSent, Secret, Session
from perkd.daemon.core.model import Server
from perkd.daemon.core.roster import Roster
from perkd.daemon.runtime.clock import Clock
from perkd.daemon.servers.link import Link, LinkState
from perkd.daemon.servers.problems import is_blind
from tests.builders import NOW
from tests.clock import Hands
from tests.tinygame import TinyGame

SURVIVAL = Server(name="survival", game="tiny", endpoint=Endpoint("127.0.0.1", 25575, Secret("x" * 12)))


class Ending(TinyGame):
    """A game whose every connection ends as the next of these errors says."""

    def __init__(self, errors: Iterable[AdapterError]) -> None:
        super().__init__("name")
        self.errors = list(errors)

    @asynccontextmanager
    async def _nobody_there(self, server: Endpoint) -> AsyncIterator[Session]:
        assert server.port == 25575
        raise self.errors.pop(0)
        yield  # a context manager that is never entered


CLOSED, NO_PORT = LoginClosed("closed during login"), NotSent("connection refused")


@pytest.mark.parametrize(
    ("errors", "state"),
    [
        ([CLOSED], LinkState.DOWN),
        ([CLOSED, CLOSED], LinkState.REFUSED),
        ([CLOSED, NO_PORT, CLOSED], LinkState.DOWN),
        ([CLOSED, NO_PORT, CLOSED, CLOSED], LinkState.REFUSED),
    ],
)
async def test_a_login_closed_twice_in_a_row_counts_as_refused(errors: list[AdapterError], state: LinkState) -> None:
    hands = Hands()
    game, clock = Ending(errors), Clock(hands.now, hands.monotonic)
    link = Link(SURVIVAL, game, clock)
    running = asyncio.create_task(link.run())
    while game.errors:
        hands.ahead_s += 61.0
        clock.tick()
        await asyncio.sleep(0)
    assert link.state is state
    running.cancel()


@pytest.mark.parametrize(("errors", "asked"), [([CLOSED, CLOSED, NO_PORT], 3), ([AuthRefused("no"), NO_PORT], 1)])
async def test_a_likely_ban_is_tried_again_later_but_a_refused_password_is_not(
    errors: list[AdapterError], asked: int
) -> None:
    """A tunnel before a restarting server closes logins, too: the link must come back by itself."""
    hands = Hands()
    game, clock = Ending([*errors, *[NO_PORT] * 9]), Clock(hands.now, hands.monotonic)
    running = asyncio.create_task(Link(SURVIVAL, game, clock).run())
    for wait_s in (2.0, 2.0, 2.0, 600.0):
        for _ in range(3):
            await asyncio.sleep(0)
        hands.ahead_s += wait_s
        clock.tick()
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(errors) + 9 - len(game.errors) == asked
    running.cancel()


async def test_a_server_is_blind_when_it_is_up_for_long_without_a_readable_player_list() -> None:
    hands, roster = Hands(), Roster()
    link = Link(SURVIVAL, TinyGame("name"), Clock(hands.now, hands.monotonic))
    long = NOW + timedelta(minutes=5, seconds=1)
    assert not is_blind(link, roster, long)  # never connected
    link.state, link.connected_at = LinkState.UP, NOW
    assert not is_blind(link, roster, NOW + timedelta(minutes=5))
    assert is_blind(link, roster, long)
    link.state = LinkState.DOWN
    assert not is_blind(link, roster, long)
    link.state = LinkState.UP
    roster.see([], NOW)
    assert not is_blind(link, roster, long)
    roster.lose()
    assert is_blind(link, roster, long)


async def test_a_list_that_is_read_seldom_has_three_rounds() -> None:
    hands = Hands()
    link = Link(replace(SURVIVAL, presence=timedelta(minutes=10)), TinyGame("name"), Clock(hands.now, hands.monotonic))
    link.state, link.connected_at = LinkState.UP, NOW
    assert not is_blind(link, Roster(), NOW + timedelta(minutes=30))
    assert is_blind(link, Roster(), NOW + timedelta(minutes=31))
