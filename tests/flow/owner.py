"""What an owner can read from a running perkd and ask of it: HTTP, the control socket, and waiting for things.

The flow tests use it beside tests/world.py: `owner = Owner(world)`. It works on perkd in this process and in others.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Adapter
from perkd.daemon.app import App
from perkd.daemon.sandbox.games.minecraft import MinecraftServer
from tests import secretwatch
from tests.world import DEADLINE_S, World

Row = dict[str, Any]
STUCK = "stuck"  # a loop that never completes a pass


class Owner:
    """One owner of one world. It searches every answer for secrets."""

    def __init__(self, world: World) -> None:
        self.world = world

    @classmethod
    async def of(
        cls,
        world: World,
        *customers: str,
        linked: Iterable[str] = ("survival",),
        adapters: Mapping[str, Adapter] = ADAPTERS,
    ) -> "Owner":
        """The owner of a perkd that runs, is connected to the servers `linked`, knows these customers and has read
        each once. Whatever is bought now is newer than its ledger: the store may cut its times to seconds, so the clock
        makes a step."""
        for name in customers:
            world.add_token(name)
        await world.start_app(adapters)
        owner = cls(world)
        for server in linked:
            await owner.linked(server)
        await owner.later(seconds=2)
        return owner

    @property
    def app(self) -> App:
        assert self.world.app is not None, "start_app first"
        return self.world.app

    # What he reads

    async def ask(self, path: str, method: str = "GET", **more: Any) -> tuple[int, Any]:
        """Status and JSON of one request to the control socket."""
        connector = aiohttp.UnixConnector(str(self.world.socket))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, f"http://perkd{path}", **more) as answer,
        ):
            return answer.status, _read(await answer.text())

    async def http(self, path: str, method: str = "GET", **more: Any) -> tuple[int, Any]:
        """Status and JSON of one request to the HTTP interface."""
        assert self.app.address is not None
        host, port = self.app.address
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"http://{host}:{port}{path}", **more) as answer,
        ):
            return answer.status, _read(await answer.text())

    async def headers(self, path: str) -> Mapping[str, str]:
        """The headers of one answer of the HTTP interface."""
        assert self.app.address is not None
        host, port = self.app.address
        async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}{path}") as answer:
            return answer.headers.copy()

    async def commands(self, **query: Any) -> list[Row]:
        """Every command, oldest first."""
        asked = "".join(f"&{key}={value}" for key, value in query.items())
        _, found = await self.ask(f"/commands?limit=1000{asked}")
        rows: list[Row] = found["commands"]
        return rows[::-1]

    async def told(self) -> list[tuple[str, str]]:
        """Every command as (text, state), oldest first."""
        return [(row["text"], row["state"]) for row in await self.commands()]

    async def status(self) -> Row:
        _, found = await self.ask("/status")
        report: Row = found
        return report

    async def problems(self) -> dict[str, Row]:
        """The problems by their code, the last of each, without those that the config of these tests always has."""
        found = (await self.status())["problems"]
        return {problem["code"]: problem for problem in found if problem["code"] != "config_warning"}

    async def not_ready(self) -> list[str]:
        """The reasons of /readyz; empty: it said 200."""
        status, found = await self.http("/readyz")
        assert (status == 200) == found["ready"] == (not found["reasons"]), (status, found)
        reasons: list[str] = found["reasons"]
        return reasons

    async def all_delivered(self) -> bool:
        return all(state == "delivered" for _, state in await self.told())

    async def nothing_planned(self) -> bool:
        return all(state not in ("planned", "sending") for _, state in await self.told())

    def add(self, name: str, state: str = "delivered") -> tuple[str, str]:
        """The grant of tests.world.VIP to that player, as `told` shows it."""
        return f"lp user {uuid_of(self.world, name)} parent add vip", state

    def remove(self, name: str, state: str = "delivered") -> tuple[str, str]:
        return f"lp user {uuid_of(self.world, name)} parent remove vip", state

    # What he does

    async def say(self, verb: str, command_id: int) -> Row:
        """`retry`, `done` or `skip`."""
        status, found = await self.ask(f"/commands/{command_id}/{verb}", "POST")
        assert status == 200, found
        row: Row = found
        return row

    async def release_brake(self) -> int:
        _, found = await self.ask("/brake/release", "POST")
        freed: int = found["released"]
        return freed

    # Waiting

    async def until(self, what: Callable[[], Awaitable[object]], *, for_s: float = DEADLINE_S) -> Any:
        """What `what()` answers, as soon as it is true."""
        deadline = time.monotonic() + for_s
        while not (found := await what()):
            self._tick()
            assert time.monotonic() < deadline, f"not within {for_s:.0f} s: {await self.told()}"
            await asyncio.sleep(0.01)
        return found

    async def settled(self, *expected: tuple[str, str]) -> None:
        """Returns once the commands are exactly these (text, state); shows both when they never are."""
        deadline = time.monotonic() + DEADLINE_S
        while (found := await self.told()) != list(expected):
            self._tick()
            if time.monotonic() > deadline:
                assert found == list(expected)
            await asyncio.sleep(0.01)

    async def looked(self) -> None:
        """Returns when perkd has read every customer with a good token again, and recorded the results."""
        polling, since = self.app.polling, self.world.hands.now()
        await self.world.until(lambda: polling.resting)
        self.world.poll_now()
        self._tick()
        await self.world.until(
            lambda: polling.resting and all((watch.read_at or since) > since for watch in polling.roll)
        )

    async def tried(self) -> None:
        """Returns when perkd has asked for every customer again, with any result."""
        polling = self.app.polling
        await self.world.until(lambda: polling.resting)
        before = {watch.token_id: (watch.failures, watch.read_at) for watch in polling.roll}
        self.world.poll_now()
        self._tick()
        await self.world.until(
            lambda: (
                polling.resting
                and all((watch.failures, watch.read_at) != before.get(watch.token_id) for watch in polling.roll)
            )
        )

    def _tick(self) -> None:
        """The clock in this process ticks at once, not only ten times a second."""
        if self.world.app is not None and self.world.app.ready.is_set():
            self.world.app.clock.tick()

    async def linked(self, server: str = "survival") -> None:
        await self.world.until(self.app.servers[server].link.up.is_set)

    async def later(self, **by: float) -> None:
        """The clock moves on and everybody is looked at again: `later(days=30)`. No loop is late for it any more, but
        one a test registered as STUCK."""
        self.world.hands.forward(timedelta(**by))
        await self.looked()
        await self.world.until(lambda: self.app.pulse.late().keys() <= {STUCK})


@asynccontextmanager
async def lobby_beside(world: World, *perks: str, survival: str = "") -> AsyncIterator[MinecraftServer]:
    """A second emulated server, and a config that has it as `lobby`; `survival` are lines for the first."""
    async with MinecraftServer(password=world.password) as lobby:
        table = f"""
[[server]]
name = "lobby"
game = "minecraft"
address = "{lobby.address}"
password = "{world.password}"
presence = "1s"
"""
        world.write_config(table, perks="".join(perks), server=survival)
        yield lobby


def _read(text: str) -> Any:
    leaked = secretwatch.found_in(text)
    assert leaked == [], f"an answer holds: {leaked}"
    try:
        return json.loads(text)
    except ValueError:
        return text


def uuid_of(world: World, name: str) -> str:
    [uuid] = [uuid for uuid, known in world.server.console.names.items() if known == name]
    return uuid
