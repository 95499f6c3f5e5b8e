"""The two Source dialects on the wire, packet by packet, against a server that the test plays itself or emulates."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable

import pytest

from perkd.adapters import ADAPTERS
from perkd.adapters.base import AuthRefused, Endpoint, InDoubt, LoginClosed, NotSent, Player, Secret, Session, Transport
from perkd.adapters.source import adapter as source
from perkd.adapters.source.adapter import COMMAND_MOST
from perkd.adapters.wire import connection
from perkd.adapters.wire.dialects import SINGLE, SOURCE, Dialect
from perkd.adapters.wire.rcon import open_wire
from perkd.daemon.sandbox.games.minecraft import Fault
from perkd.daemon.sandbox.games.source import SourceServer
from perkd.daemon.sandbox.games.source_console import Style
from tests.clock import forward_loop, until
from tests.contract.adapters.test_rcon_wire import PASSWORD, Peer, played, until_gone

EXTRA = "\x00\x01\x00\x00"
BOTH = pytest.mark.parametrize("dialect", [SOURCE, SINGLE], ids=lambda dialect: dialect.name)


async def take_command(peer: Peer) -> tuple[int, int]:
    """The next command and its marker: both ids."""
    command_id, command_type, _ = await peer.take()
    marker_id, marker_type, marker = await peer.take()
    assert (command_type, marker_type, marker) == (2, 0, "")
    assert 0 < command_id < marker_id
    return command_id, marker_id


@BOTH
@pytest.mark.parametrize("empty_first", [True, False])
async def test_a_login_is_good_with_and_without_the_empty_packet_before_it(dialect: Dialect, empty_first: bool) -> None:
    async def script(peer: Peer) -> None:
        login, login_type, body = await peer.take()
        assert (login_type, body) == (3, PASSWORD)
        if empty_first:
            peer.give(login, 0, "")
            await peer.writer.drain()
        peer.give(login, 2, "")
        command, _, _ = await peer.take()
        peer.give(command, 0, "yes")
        if dialect is SOURCE:
            marker, _, _ = await peer.take()
            peer.give(marker, 0, "")
        await until_gone(peer)

    async with played(script, log_in=False) as endpoint, open_wire(endpoint, dialect) as wire:
        assert await wire.send("a") == "yes"


@BOTH
async def test_an_empty_packet_alone_logs_nobody_in(dialect: Dialect) -> None:
    async def script(peer: Peer) -> None:
        login, _, _ = await peer.take()
        peer.give(login, 0, "")
        peer.give(-1, 2, "")
        await until_gone(peer)

    async with played(script, log_in=False) as endpoint:
        with pytest.raises(AuthRefused, match="rcon_password"):
            async with open_wire(endpoint, dialect):
                pass


async def test_the_marker_leaves_in_one_write_with_the_command() -> None:
    async def script(peer: Peer) -> None:
        data = await peer.reader.read(4096)
        assert len(data) == (4 + 10 + 4) + (4 + 10)
        command, marker = struct.unpack_from("<i", data, 4)[0], struct.unpack_from("<i", data, 22)[0]
        assert 0 < command < marker
        peer.give(command, 0, "once")
        peer.give(marker, 0, "")
        await until_gone(peer)

    async with played(script) as endpoint, open_wire(endpoint, SOURCE) as wire:
        assert await wire.send("echo") == "once"


async def test_the_marker_is_known_by_its_id_and_never_by_what_it_holds() -> None:
    async def script(peer: Peer) -> None:
        command, marker = await take_command(peer)
        for text in ("", EXTRA, "one ", "", "two"):
            peer.give(command, 0, text)
        peer.give(marker, 0, "not empty, not the number either")
        await until_gone(peer)

    async with played(script) as endpoint, open_wire(endpoint, SOURCE) as wire:
        assert await wire.send("a") == f"{EXTRA}one two"


@pytest.mark.parametrize("again", [0, 1, 2])
async def test_however_often_the_marker_is_answered_the_next_command_has_its_own_reply(again: int) -> None:
    late = asyncio.Event()

    async def script(peer: Peer) -> None:
        first, marker = await take_command(peer)
        peer.give(first, 0, "one")
        peer.give(marker, 0, "")
        second, second_marker = await take_command(peer)
        for _ in range(again):
            peer.give(marker, 0, EXTRA)
        peer.give(second, 0, "two")
        await peer.writer.drain()
        await late.wait()
        peer.give(second_marker, 0, "")
        await until_gone(peer)

    async with played(script) as endpoint, open_wire(endpoint, SOURCE) as wire:
        assert await wire.send("a") == "one"
        sending = asyncio.create_task(wire.send("b"))
        done, _ = await asyncio.wait((sending,), timeout=0.05)
        assert not done, "without its own marker the second reply is not whole"
        late.set()
        assert await sending == "two"


async def test_a_marker_without_an_answer_before_it_is_an_empty_reply() -> None:
    async def script(peer: Peer) -> None:
        for _ in range(2):
            _, marker = await take_command(peer)
            peer.give(marker, 0, "")
            peer.give(marker, 0, EXTRA)
        await until_gone(peer)

    async with played(script) as endpoint, open_wire(endpoint, SOURCE) as wire:
        assert [await wire.send("a"), await wire.send("b")] == ["", ""]


async def test_an_answer_whose_end_is_never_marked_is_in_doubt_and_says_what_to_try() -> None:
    async def script(peer: Peer) -> None:
        command, _ = await take_command(peer)
        peer.give(command, 0, "hello")
        await until_gone(peer)

    async with played(script) as endpoint, open_wire(endpoint, SOURCE) as wire:
        sending = asyncio.create_task(wire.send("a"))
        await until(lambda: wire._received)
        forward_loop(endpoint.timeout_s)
        with pytest.raises(InDoubt, match='game = "cs2"'):
            await sending


async def test_a_character_cut_in_two_by_the_pieces_is_whole_again() -> None:
    async def script(peer: Peer) -> None:
        command, marker = await take_command(peer)
        for part in ("剣★".encode()[:2], "剣★".encode()[2:4], "剣★".encode()[4:]):
            peer.writer.write(struct.pack("<iii", len(part) + 10, command, 0) + part + b"\0\0")
        peer.give(marker, 0, "")
        await until_gone(peer)

    async with played(script) as endpoint, open_wire(endpoint, SOURCE) as wire:
        assert await wire.send("a") == "剣★"


async def test_counter_strike_2_is_sent_no_marker_and_answers_in_one_packet_of_any_size() -> None:
    big = "x" * 200_000

    async def script(peer: Peer) -> None:
        for text in (big, "", "after"):
            command, _, _ = await peer.take()
            peer.give(command, 0, text)
        await until_gone(peer)

    async with played(script) as endpoint, open_wire(endpoint, SINGLE) as wire:
        assert [await wire.send("a"), await wire.send("b"), await wire.send("c")] == [big, "", "after"]


@BOTH
async def test_a_packet_holds_1010_bytes_and_not_one_more(dialect: Dialect) -> None:
    async def script(peer: Peer) -> None:
        size = struct.unpack("<i", await peer.reader.readexactly(4))[0]
        assert 4 + size == 1024
        await peer.reader.readexactly(size)
        peer.writer.close()

    async with played(script) as endpoint, open_wire(endpoint, dialect) as wire:
        with pytest.raises(NotSent, match="1010"):
            await wire.send("x" * 1011)
        with pytest.raises(NotSent, match="1010"):
            await wire.send("é" * 506)
        with pytest.raises(InDoubt):
            await wire.send("x" * 1010)


# The emulated server


@contextlib.asynccontextmanager
async def emulated(
    game: str = "tf2", style: Style = Style.TF2, timeout_s: float = 60.0
) -> AsyncIterator[tuple[SourceServer, Session]]:
    async with SourceServer(password=PASSWORD, style=style) as server:
        endpoint = Endpoint(server.host, server.port, Secret(PASSWORD), timeout_s, connect_timeout_s=60.0)
        async with ADAPTERS[game].connect(endpoint) as session:
            yield server, session


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 12288, 50_000])
@pytest.mark.parametrize("marker_answers", [1, 2])
async def test_an_answer_of_any_length_is_whole(size: int, marker_answers: int) -> None:
    async with emulated() as (server, session):
        server.manners.marker_answers = marker_answers
        server.manners.empty_answers = False
        server.answered["help"] = "é" * (size // 2) + "x" * (size % 2)
        for _ in range(3):
            assert await session.send("help") == server.answered["help"]
            assert (await session.send("echo next")).strip() == "next"
        assert server.markers == 6


async def test_a_password_is_tried_once_and_never_again_by_itself() -> None:
    async with SourceServer(password=PASSWORD) as server:
        with pytest.raises(AuthRefused):
            async with ADAPTERS["tf2"].connect(Endpoint(server.host, server.port, Secret("wrong"))):
                pass
        assert (server.logins, server.failures, server.banned) == (1, 1, False)


async def test_a_banned_machine_is_told_so_and_not_that_its_password_is_wrong() -> None:
    async with SourceServer(password=PASSWORD) as server:
        wrong = Endpoint(server.host, server.port, Secret("wrong"))
        for _ in range(4):
            with pytest.raises(AuthRefused):
                async with ADAPTERS["gmod"].connect(wrong):
                    pass
        for password in ("wrong", PASSWORD):
            with pytest.raises(LoginClosed):
                async with ADAPTERS["gmod"].connect(Endpoint(server.host, server.port, Secret(password))):
                    pass
        assert (server.logins, server.banned) == (5, True)


async def test_the_longest_command_runs_whole_and_a_longer_one_never_leaves() -> None:
    """The engine copies 511 bytes of a command and skips one above 510: it would run nothing, or a part."""
    async with emulated() as (server, session):
        text = "x" * (COMMAND_MOST - len('say ""'))
        assert (await session.send(f'say "{text}"')).strip() == f"Console: {text}"
        with pytest.raises(NotSent, match="510"):
            await session.send(f'say "{text}y"')
        assert server.console.said == [text]
        assert not server.banned


async def test_a_hibernating_server_is_waited_for() -> None:
    async with emulated() as (server, session):
        server.start_gate = asyncio.Event()
        sending = asyncio.create_task(session.send("echo awake"))
        await server.waiting.wait()
        assert server.executed == []
        server.start_gate.set()
        assert (await sending).strip() == "awake"
        server.start_gate = None
        assert await session.players() == []


@pytest.mark.parametrize(("game", "style"), [("tf2", Style.TF2), ("cs2", Style.CS2)])
async def test_a_map_change_is_never_answered_and_no_reason_to_doubt(game: str, style: Style) -> None:
    async with emulated(game, style, timeout_s=60) as (server, session):
        assert await session.send("changelevel gm_construct") == ""
        assert server.console.map == "gm_construct"
        assert ADAPTERS[game].judge("changelevel gm_construct", "", {}) == "success"
        assert await asyncio.wait_for(session.wait_closed(), 60) != ""
        with pytest.raises(NotSent):
            await session.send("echo x")


async def test_a_map_change_that_is_refused_says_so() -> None:
    async with emulated(timeout_s=60) as (server, session):
        reply = await session.send("changelevel nowhere")
        assert ADAPTERS["tf2"].judge("changelevel nowhere", reply, {}) == "refused"
        assert (await session.send("echo still here")).strip() == "still here"
        assert server.console.map == "cp_badlands"


async def test_a_server_that_says_nothing_at_a_map_change_and_stays_is_waited_for_briefly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source, "SILENCE_S", 0.1)
    async with emulated(timeout_s=60) as (server, session):
        server.faults = {Fault.NEVER_ANSWER}
        server.console.maps.clear()
        assert await session.send("changelevel x") == ""
        server.faults = set()
        assert (await session.send("echo still here")).strip() == "still here"


async def test_the_wait_for_a_map_change_is_its_own_and_not_an_earlier_commands() -> None:
    async with SourceServer(password=PASSWORD) as server:
        endpoint = Endpoint(server.host, server.port, Secret(PASSWORD), timeout_s=600)
        async with open_wire(endpoint, SOURCE) as wire:
            await wire.send("echo sets the timer")
            server.faults = {Fault.NEVER_ANSWER}
            assert await asyncio.wait_for(wire.send("quit_later", silence_s=0.05), 60) == ""


async def test_a_connection_reset_at_a_map_change_is_in_doubt() -> None:
    async with emulated(timeout_s=60) as (server, session):
        server.faults = {Fault.RESET_EXECUTED}
        server.console.maps.clear()
        with pytest.raises(InDoubt):
            await session.send("changelevel x")


@pytest.mark.parametrize("ends", [True, False])
async def test_without_the_servers_acknowledgement_silence_is_in_doubt(
    ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that is gone is silent as well."""
    monkeypatch.setattr(connection, "unacknowledged", lambda _socket: 7)
    async with emulated(timeout_s=0.1) as (server, session):
        server.faults = {Fault.CLOSE_EXECUTED if ends else Fault.NEVER_ANSWER}
        server.console.maps.clear()
        with pytest.raises(InDoubt):
            await session.send("changelevel x")
        with pytest.raises(NotSent):
            await session.send("echo x")


async def test_other_commands_may_not_be_silent() -> None:
    async with emulated(timeout_s=0.1) as (server, session):
        server.faults = {Fault.NEVER_ANSWER}
        with pytest.raises(InDoubt):
            await session.send("sm_map x")


async def test_the_roster_holds_who_is_in_the_game() -> None:
    for game, style in (("tf2", Style.TF2), ("gmod", Style.GMOD), ("l4d2", Style.L4D2)):
        async with emulated(game, style) as (server, session):
            ann, bob = server.console.join("Ann", 22202), server.console.join("Bob", 4691)
            server.console.connecting.append(bob)
            server.console.bots.append("Moe")
            assert await session.players() == [Player(ann, "Ann")]
            server.console.connecting.clear()
            assert await session.players() == [Player(ann, "Ann"), Player(bob, "Bob")]


@pytest.mark.parametrize("shown", [True, False])
async def test_counter_strike_2_has_a_roster_only_where_the_build_shows_steam_ids(shown: bool) -> None:
    async with emulated("cs2", Style.CS2) as (server, session):
        server.console.ids_in_status = shown
        ann = server.console.join("Ann", 22202)
        assert await session.players() == ([Player(ann, "Ann")] if shown else [])


async def test_what_the_console_would_take_for_two_commands_runs_as_two() -> None:
    """The emulated server sees an injection: an owner's own separator is one, a quoted value's is not."""
    async with emulated() as (server, session):
        await session.send('say "thanks Ann"; sm_give x // ; quit')
        await session.send('say "thanks ; quit // Ann"')
    assert server.executed == ['say "thanks Ann"', "sm_give x // ; quit", 'say "thanks ; quit // Ann"']


async def test_another_transport_is_refused_before_anything_leaves(secret: Callable[[str], str]) -> None:
    endpoint = Endpoint("127.0.0.1", 9, Secret(secret("an RCON password")), transport=Transport.MCRCON)
    with pytest.raises(NotSent, match="mcrcon"):
        async with ADAPTERS["tf2"].connect(endpoint):
            pass


@pytest.mark.volume
async def test_five_thousand_commands_in_a_row_stay_in_step() -> None:
    async with emulated() as (server, session):
        server.manners.marker_answers = 2
        for number in range(5000):
            assert await session.send(f"echo {number}") == f"{number}\n"
