"""A game server that is down, hangs, refuses or bans: its commands wait or are reported, everything else continues."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Adapter, AuthRefused, Endpoint, InDoubt, Player, Session
from perkd.adapters.minecraft.adapter import Minecraft
from perkd.daemon.sandbox.games.minecraft import Fault, MinecraftServer
from tests.flow.owner import Owner, Row, lobby_beside
from tests.world import VIP, World

EVERYWHERE = VIP.replace('["survival"]', '["*"]')


async def test_a_dead_server_stops_neither_polling_nor_the_other_servers(tmp_path: Path) -> None:
    async with World(tmp_path) as world, lobby_beside(world, EVERYWHERE) as lobby:
        await world.server.down()
        owner = await Owner.of(world, "Ann", linked=["lobby"])
        world.buy("Ann")
        await owner.looked()
        await owner.until(lambda: _some(owner, server="lobby", state="delivered"))
        assert await _some(owner, server="survival", state="planned")
        servers = await owner.until(lambda: _servers(owner, survival="down"))  # in between it tries to connect
        assert servers["survival"]["queue"] == 1
        assert servers["survival"]["oldest_s"] >= 0
        assert "connect" in servers["survival"]["last_error"]
        assert servers["lobby"]["state"] == "up"
        assert (await owner.problems())["server_down"]["subject"] == "survival"
        assert await owner.not_ready() == [], "what waits is not lost: this daemon does its work"
        await owner.later(hours=3)
        await world.server.up()
        world.hands.forward(timedelta(minutes=2))
        await owner.settled(owner.add("Ann"), owner.add("Ann"))
        assert world.server.deliveries == lobby.deliveries


async def test_a_hanging_server_delays_no_other_one_and_its_command_is_in_doubt(tmp_path: Path) -> None:
    async with World(tmp_path) as world, lobby_beside(world, EVERYWHERE, survival='timeout = "2s"') as lobby:
        owner = await Owner.of(world, "Ann", "Bob", linked=["survival", "lobby"])
        world.server.faults.add(Fault.NEVER_ANSWER)
        world.buy("Ann")
        await owner.looked()
        await world.until(lambda: world.server.deliveries)
        world.buy("Bob")
        await owner.looked()
        await world.until(lambda: len(lobby.deliveries) == 2)
        await owner.until(lambda: _some(owner, server="survival", state="unknown"))
        unknown = (await owner.problems())["command_unknown"]
        [cut] = [row for row in await owner.commands() if row["state"] == "unknown"]
        assert cut["reason"] in unknown["text"]
        world.server.faults.clear()
        world.hands.forward(timedelta(minutes=3))
        await owner.until(owner.all_delivered)
        assert world.server.deliveries.count(owner.add("Ann")[0]) == 2, "repeatable: sent again after the doubt"


@pytest.mark.parametrize("fault", [Fault.CLOSE_EXECUTED, Fault.RESET_EXECUTED, Fault.CUT_ANSWER, Fault.FOREIGN_ID])
async def test_a_kit_in_doubt_is_never_given_again_by_itself(fault: Fault, tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        world.server.console.join("Ann")
        world.server.faults.add(fault)
        world.buy("Ann", "starter-kit", activate=False)
        await owner.looked()
        given = "give Ann iron_sword 1"
        await owner.settled((given, "unknown"))
        world.server.faults.clear()
        for _ in range(3):
            await owner.later(hours=2)
        assert await owner.told() == [(given, "unknown")]
        assert world.server.deliveries == [given]
        [row] = await owner.commands()
        await owner.say("done", row["id"])
        await owner.settled((given, "delivered"))
        await owner.later(hours=2)
        assert world.server.deliveries == [given]


async def test_a_refused_password_is_tried_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.server.faults.add(Fault.REFUSE_PASSWORD)
        owner = await Owner.of(world, "Ann", linked=[])
        world.buy("Ann")
        await owner.looked()
        await owner.until(lambda: _state_is(owner, "refused"))
        for _ in range(3):
            await owner.later(hours=1)
        assert world.server.logins == 1
        [reason] = await owner.not_ready()
        assert reason.startswith("survival: ")
        assert (await owner.problems())["server_refused"]["severity"] == "error"
        assert await owner.told() == [owner.add("Ann", "planned")]


async def test_a_login_closed_twice_counts_as_refused(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        await world.server.down()
        await owner.until(lambda: _state_is(owner, "down"))
        world.server.faults.add(Fault.CLOSE_LOGIN)
        await world.server.up()
        before = world.server.logins
        world.hands.forward(timedelta(minutes=2))
        await world.until(lambda: world.server.logins == before + 1)
        await owner.until(lambda: _state_is(owner, "down"))
        world.hands.forward(timedelta(minutes=2))
        await owner.until(lambda: _state_is(owner, "refused"))
        for _ in range(3):
            await owner.later(minutes=2)
        assert world.server.logins == before + 2
        assert len(await owner.not_ready()) == 1
        world.server.faults.clear()
        world.hands.forward(timedelta(minutes=10))  # it only looked like a ban
        await owner.linked("survival")


class Spoilt(Minecraft):
    """Minecraft whose sessions fail at the first command in a way Minecraft's do not: refused late, or a fault."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error
        self.sent = 0

    @asynccontextmanager
    async def connect(self, server: Endpoint) -> AsyncIterator[Session]:
        async with super().connect(server) as session:
            yield SpoiltSession(session, self)


class SpoiltSession:
    def __init__(self, inner: Session, game: Spoilt) -> None:
        self._inner, self._game = inner, game

    async def send(self, command: str) -> str:
        self._game.sent += 1
        if self._game.error is not None:
            raise self._game.error
        return await self._inner.send(command)

    async def players(self) -> list[Player]:
        return await self._inner.players()

    async def wait_closed(self) -> str:
        return await self._inner.wait_closed()


@asynccontextmanager
async def spoilt(tmp_path: Path, error: Exception) -> AsyncIterator[tuple[Owner, Spoilt, MinecraftServer]]:
    """Survival has a broken adapter; lobby has a good one."""
    game = Spoilt(error)
    games: dict[str, Adapter] = {**ADAPTERS, "minecraft": game}
    async with World(tmp_path) as world, lobby_beside(world, EVERYWHERE) as lobby:
        owner = await Owner.of(world, "Ann", linked=["survival", "lobby"], adapters=games)
        world.buy("Ann")
        await owner.looked()
        yield owner, game, lobby


async def test_a_password_refused_at_the_first_command_is_not_tried_again(tmp_path: Path) -> None:
    """Some transports log in when they send."""
    async with spoilt(tmp_path, AuthRefused("refused late")) as (owner, game, _):
        await owner.until(lambda: _state_is(owner, "refused"))
        await owner.until(lambda: _state_is(owner, "refused", "lobby"))
        for _ in range(3):
            await owner.later(hours=1)
        assert game.sent == 2, "once for each server"
        assert {state for _, state in await owner.told()} == {"planned"}
        assert len(await owner.not_ready()) == 2


async def test_a_fault_in_an_adapter_is_a_command_in_doubt_and_stops_nothing(tmp_path: Path) -> None:
    async with spoilt(tmp_path, RuntimeError("a fault in the adapter")) as (owner, game, _):
        await owner.settled(owner.add("Ann", "unknown"), owner.add("Ann", "unknown"))
        game.error = None
        owner.world.hands.forward(timedelta(minutes=3))
        await owner.until(owner.all_delivered)


async def test_a_command_that_is_always_in_doubt_is_tried_again_five_times(tmp_path: Path) -> None:
    async with spoilt(tmp_path, InDoubt("no answer")) as (owner, game, _):
        doubts = [owner.add("Ann", "unknown"), owner.add("Ann", "unknown")]
        for tries in range(1, 7):
            await owner.until(partial(_sent, game, 2 * tries))
            await owner.settled(*doubts)
            owner.world.hands.forward(timedelta(hours=1, minutes=5))
        await owner.later(days=2)
        await owner.later(days=2)
        assert (await owner.told(), game.sent) == (doubts, 12)
        assert "command_unknown" in await owner.problems()


async def test_pacing_keeps_its_gap_between_two_commands(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(server='min_gap = "1m"', offline="15m")
        owner = await Owner.of(world, "Ann", "Bob")
        world.buy("Ann")
        world.buy("Bob")
        await owner.looked()
        await owner.until(lambda: _some(owner, state="delivered"))  # only then the gap is running
        await owner.looked()
        await owner.looked()
        assert len(world.server.deliveries) == 1
        world.hands.forward(timedelta(seconds=61))
        await owner.until(owner.all_delivered)
        assert len(world.server.deliveries) == 2


async def _sent(game: Spoilt, count: int) -> bool:
    return game.sent == count


async def _some(owner: Owner, **wanted: str) -> bool:
    return any(all(row[key] == value for key, value in wanted.items()) for row in await owner.commands())


async def _servers(owner: Owner, **states: str) -> dict[str, Row]:
    """The servers by their names, once these are in these states."""
    found = {server["name"]: server for server in (await owner.status())["servers"]}
    return found if all(found[name]["state"] == state for name, state in states.items()) else {}


async def _state_is(owner: Owner, state: str, name: str = "survival") -> bool:
    return any(one["state"] == state for one in (await owner.status())["servers"] if one["name"] == name)
