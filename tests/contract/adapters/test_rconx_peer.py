"""PyPI's rconx has a server that keeps SRCDS's rules and was written by others: what perkd understands of it is RCON.

Its pieces have 4086 bytes, it answers a marker twice, and it closes at an id that is not positive.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable

import pytest
from rconx import AsyncRconServer, ConnectionInfo, RconContent

from perkd.adapters import ADAPTERS
from perkd.adapters.base import AuthRefused, Endpoint, InDoubt, NotSent, Secret
from perkd.daemon.sandbox.games.source_console import SourceConsole, Style

GAMES = ["source", "tf2", "gmod", "l4d2"]  # Counter-Strike 2 is no SRCDS: it answers no marker


class Peer:
    """The console behind rconx's server, and what it was asked."""

    def __init__(self) -> None:
        self.console = SourceConsole(style=Style.GMOD)
        self.asked: list[str] = []

    async def run(self, command: RconContent, _info: ConnectionInfo) -> str:
        self.asked.append(command.text)
        if command.text.startswith("long "):
            return "é" * int(command.text.split()[1])
        if command.text == "break":
            raise ValueError("rconx closes the connection then")
        return self.console.run(command.text)


@contextlib.asynccontextmanager
async def served(password: str, caplog: pytest.LogCaptureFixture) -> AsyncIterator[tuple[Endpoint, Peer]]:
    peer, started = Peer(), asyncio.Event()
    server = AsyncRconServer("127.0.0.1", 0, authentication=password, command_handler=peer.run)
    serving = asyncio.create_task(server.serve(on_started=started.set))
    await asyncio.wait_for(started.wait(), 60)
    [ready] = [record for record in caplog.records if "listener ready" in record.msg]
    match = re.search(r"'127\.0\.0\.1', (\d+)", ready.getMessage())  # rconx names its port nowhere but here
    assert match is not None
    try:
        yield Endpoint("127.0.0.1", int(match[1]), Secret(password), timeout_s=60.0, connect_timeout_s=60.0), peer
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]  # rconx leaves this one untyped
        await serving


@pytest.mark.parametrize("game", GAMES)
async def test_every_answer_is_whole_and_the_right_one(
    game: str, secret: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        served(secret("an RCON password"), caplog) as (endpoint, peer),
        ADAPTERS[game].connect(endpoint) as session,
    ):
        for count in (1, 2042, 2043, 2044, 5000, 100_000):
            assert await session.send(f"long {count}") == "é" * count
            assert await session.send("echo next") == "next\n"
        assert await session.send("long 0") == ""
        replies = await asyncio.gather(*(session.send(f"echo {number}") for number in range(50)))
    assert replies == [f"{number}\n" for number in range(50)]
    assert len(peer.asked) == 13 + 50


@pytest.mark.parametrize("game", GAMES)
async def test_a_perk_is_given_and_taken_and_the_players_are_listed(
    game: str, secret: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    adapter = ADAPTERS[game]
    async with served(secret("an RCON password"), caplog) as (endpoint, peer):
        ann = peer.console.join('Ann "; quit //', 22202)
        async with adapter.connect(endpoint) as session:
            assert [player.id for player in await session.players()] == [ann]
            for command in ("ulx adduserid STEAM_0:0:11101 vip", "ulx removeuserid STEAM_0:0:11101"):
                assert adapter.judge(command, await session.send(command), {}) == "success"
    assert peer.console.groups == {}


async def test_a_wrong_password_is_refused(secret: Callable[[str], str], caplog: pytest.LogCaptureFixture) -> None:
    async with served(secret("an RCON password"), caplog) as (endpoint, peer):
        wrong = Endpoint(endpoint.host, endpoint.port, Secret(secret("a wrong RCON password")))
        with pytest.raises(AuthRefused):
            async with ADAPTERS["tf2"].connect(wrong):
                pass
    assert peer.asked == []


async def test_a_connection_that_rconx_closes_over_a_command_is_in_doubt(
    secret: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        served(secret("an RCON password"), caplog) as (endpoint, peer),
        ADAPTERS["tf2"].connect(endpoint) as session,
    ):
        with pytest.raises(InDoubt):
            await session.send("break")
        with pytest.raises(NotSent):
            await session.send("echo x")
    assert peer.asked == ["break"]
