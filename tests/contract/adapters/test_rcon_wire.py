"""The Minecraft dialect on both wires, packet by packet, against a server that the test plays itself or emulates."""

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from perkd.adapters.base import AuthRefused, Endpoint, InDoubt, NotSent, Secret
from perkd.adapters.wire import connection, mcrcon_gate
from perkd.adapters.wire.connection import ID_MOST
from perkd.adapters.wire.dialects import MINECRAFT, Dialect
from perkd.adapters.wire.mcrcon import McrconWire, open_mcrcon
from perkd.adapters.wire.rcon import Wire, open_wire
from perkd.daemon.sandbox.games.minecraft import MinecraftServer

PASSWORD = "wire-test-password"

Opened = Callable[[Endpoint, Dialect], contextlib.AbstractAsyncContextManager[Wire | McrconWire]]


@pytest.fixture(params=[open_wire, open_mcrcon], ids=["native", "mcrcon"])
def opened(request: pytest.FixtureRequest) -> Opened:
    """How a connection is opened: every test here holds for both transports."""
    chosen: Opened = request.param
    return chosen


class Peer:
    """The server's side of one connection, played by the test: whole packets in, packets out."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def take(self) -> tuple[int, int, str]:
        """The client's next packet: id, type, body."""
        (size,) = struct.unpack("<i", await self.reader.readexactly(4))
        data = await self.reader.readexactly(size)
        packet_id, packet_type = struct.unpack_from("<ii", data)
        return packet_id, packet_type, data[8:-2].decode()

    def give(self, packet_id: int, packet_type: int, body: str) -> None:
        data = body.encode()
        self.writer.write(struct.pack("<iii", len(data) + 10, packet_id, packet_type) + data + b"\0\0")


@contextlib.asynccontextmanager
async def played(script: Callable[[Peer], Awaitable[None]], *, log_in: bool = True) -> AsyncIterator[Endpoint]:
    """An endpoint whose first connection follows the script, after a good login."""
    faults: list[BaseException] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        try:
            if log_in:
                packet_id, packet_type, body = await peer.take()
                assert (packet_type, body) == (3, PASSWORD)
                peer.give(packet_id, 2, "")
            await script(peer)
        except (AssertionError, asyncio.IncompleteReadError) as error:
            faults.append(error)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield Endpoint(host, port, Secret(PASSWORD), timeout_s=60.0, connect_timeout_s=60.0)
    finally:
        server.close()
        await server.wait_closed()
    if faults:
        raise faults[0]


async def until_gone(peer: Peer) -> None:
    assert await peer.reader.read() == b"", "nothing more may come"


async def test_ids_are_positive_fresh_and_each_request_is_one_packet(opened: Opened) -> None:
    seen: list[int] = []

    async def script(peer: Peer) -> None:
        for _ in range(5):
            packet_id, packet_type, body = await peer.take()
            assert packet_type == 2
            seen.append(packet_id)
            peer.give(packet_id, 0, body.upper())
        await until_gone(peer)

    async with played(script) as endpoint, opened(endpoint, MINECRAFT) as wire:
        assert [await wire.send(text) for text in "abcde"] == list("ABCDE")
    assert len(set(seen)) == 5
    assert min(seen) > 0


async def test_late_packets_of_an_earlier_command_are_dropped(opened: Opened) -> None:
    async def script(peer: Peer) -> None:
        first, _, _ = await peer.take()
        peer.give(first, 0, "one")
        second, _, _ = await peer.take()
        peer.give(first, 0, "")
        peer.give(first, 0, "late")
        peer.give(second, 0, "two")
        await until_gone(peer)

    async with played(script) as endpoint, opened(endpoint, MINECRAFT) as wire:
        assert await wire.send("a") == "one"
        assert await wire.send("b") == "two"


async def test_a_packet_nobody_asked_for_ends_an_idle_connection(opened: Opened) -> None:
    async def script(peer: Peer) -> None:
        peer.give(77, 0, "hello")
        await until_gone(peer)

    async with played(script) as endpoint, opened(endpoint, MINECRAFT) as wire:
        assert "77" in await asyncio.wait_for(wire.wait_closed(), 60)
        with pytest.raises(NotSent, match="77"):
            await wire.send("list")


async def test_the_id_that_refuses_a_login_is_no_answer_to_a_command(opened: Opened) -> None:
    async def script(peer: Peer) -> None:
        await peer.take()
        peer.give(-1, 2, "")
        await until_gone(peer)

    async with played(script) as endpoint, opened(endpoint, MINECRAFT) as wire:
        with pytest.raises(InDoubt, match="-1"):
            await wire.send("list")


async def test_an_empty_packet_before_the_login_answer_is_no_trouble(opened: Opened) -> None:
    async def script(peer: Peer) -> None:
        login, _, _ = await peer.take()
        peer.give(login, 0, "")
        peer.give(login, 2, "")
        packet_id, _, _ = await peer.take()
        peer.give(packet_id, 0, "yes")
        await until_gone(peer)

    async with played(script, log_in=False) as endpoint, opened(endpoint, MINECRAFT) as wire:
        assert await wire.send("a") == "yes"


async def test_only_an_answer_to_the_login_logs_in(opened: Opened) -> None:
    async def script(peer: Peer) -> None:
        login, _, _ = await peer.take()
        peer.give(login, 4, "log line")
        peer.give(-1, 2, "")
        await until_gone(peer)

    async with played(script, log_in=False) as endpoint:
        with pytest.raises(AuthRefused):
            async with opened(endpoint, MINECRAFT):
                pass


async def test_a_commands_time_is_its_own_and_not_what_is_left_of_the_logins(opened: Opened) -> None:
    async def script(peer: Peer) -> None:
        await peer.take()
        await until_gone(peer)

    async with played(script) as endpoint:
        hasty = Endpoint(endpoint.host, endpoint.port, Secret(PASSWORD), timeout_s=0.1, connect_timeout_s=600)
        async with opened(hasty, MINECRAFT) as wire:
            with pytest.raises(InDoubt, match=r"0\.1 s"):
                await asyncio.wait_for(wire.send("list"), 60)


async def test_each_command_gets_its_whole_time() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        packet_id, _, _ = await peer.take()
        asked.set()
        await answer.wait()
        peer.give(packet_id, 0, "in time")
        await until_gone(peer)

    async with played(script) as endpoint, open_wire(endpoint, MINECRAFT) as wire:
        sending = asyncio.create_task(wire.send("list"))
        await asked.wait()
        wire._tick()  # the timer an earlier command had set
        answer.set()
        assert await sending == "in time"


async def test_an_answer_without_end_is_not_collected_for_ever(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_MOST", 100_000)
    monkeypatch.setattr(mcrcon_gate, "ANSWER_MOST", 100_000)

    async def script(peer: Peer) -> None:
        packet_id, _, _ = await peer.take()
        with contextlib.suppress(ConnectionError):
            while True:
                peer.give(packet_id, 0, "x" * 4096)
                await peer.writer.drain()

    async with played(script) as endpoint, opened(endpoint, MINECRAFT) as wire:
        with pytest.raises(InDoubt, match="100000"):
            await wire.send("help")


async def test_something_else_on_the_port_is_not_logged_in_to(opened: Opened) -> None:
    async def script(peer: Peer) -> None:
        peer.writer.write(b"220 mail.example ESMTP\r\n")
        await peer.reader.read()

    async with played(script, log_in=False) as endpoint:
        with pytest.raises(NotSent, match="RCON port"):
            async with opened(endpoint, MINECRAFT):
                pass


async def test_a_password_that_cannot_be_sent_is_not_shown(opened: Opened) -> None:
    async def script(peer: Peer) -> None:
        await until_gone(peer)

    long_password = "unshowable" * 200
    async with played(script, log_in=False) as endpoint:
        refused = Endpoint(endpoint.host, endpoint.port, Secret(long_password))
        with pytest.raises(NotSent, match="2000 bytes") as raised:
            async with opened(refused, MINECRAFT):
                pass
    assert "unshowable" not in str(raised.value)


async def test_used_up_ids_close_the_connection_before_one_comes_twice(opened: Opened) -> None:
    async def script(peer: Peer) -> None:
        await until_gone(peer)

    async with played(script) as endpoint, opened(endpoint, MINECRAFT) as wire:
        numbering = wire._client._gate if isinstance(wire, McrconWire) else wire
        assert numbering is not None
        numbering._last_id = ID_MOST - 1
        with pytest.raises(NotSent, match="ids"):
            await wire.send("list")


@contextlib.asynccontextmanager
async def emulated(opened: Opened, **answers: str) -> AsyncIterator[tuple[MinecraftServer, Wire | McrconWire]]:
    async with MinecraftServer(password=PASSWORD) as server:
        server.answered.update(answers)
        endpoint = Endpoint(server.host, server.port, Secret(PASSWORD), timeout_s=60.0, connect_timeout_s=60.0)
        async with opened(endpoint, MINECRAFT) as wire:
            yield server, wire


@pytest.mark.parametrize(
    ("answer", "probes"),
    [
        ("", 0),
        ("x" * 4095, 0),
        ("x" * 4096, 1),
        ("x" * 4097, 1),
        ("é" * 4095, 0),  # more than 4096 bytes and still no full piece
        ("漢" * 4096, 1),
        ("😀" * 2047 + "x", 0),  # 4095 Java chars
        ("😀" * 2048, 1),
        ("x" * 40960, 1),
    ],
    ids=str,
)
async def test_only_a_full_piece_is_probed_and_only_once(opened: Opened, answer: str, probes: int) -> None:
    async with emulated(opened, help=answer) as (server, wire):
        for round_number in range(1, 4):
            assert await wire.send("help") == answer
            assert server.probes == probes * round_number
            assert await wire.send("kick Zoe") == "No player was found"


async def test_a_character_cut_in_two_by_the_server_does_not_lose_the_rest(opened: Opened) -> None:
    async with emulated(opened, help="x" + "😀" * 3000) as (_, wire):
        assert await wire.send("help") == "x" + "😀" * 2047 + "??" + "😀" * 952


async def test_the_pieces_of_a_long_answer_do_not_wait_for_a_delayed_acknowledgement(opened: Opened) -> None:
    async with emulated(opened, help="x" * 10_000) as (_, wire):
        for _ in range(200):  # a busy machine may be slow many times; one quick answer shows that nothing waits
            began = time.perf_counter()
            await wire.send("help")
            if time.perf_counter() - began < 0.025:
                break
        else:
            pytest.fail("Linux holds an acknowledgement back for 40 ms, each time")


@pytest.mark.volume
async def test_five_thousand_commands_in_a_row_stay_in_step(opened: Opened) -> None:
    async with emulated(opened) as (server, wire):
        for number in range(5000):
            command = f"give Nobody{number % 7} dirt"
            server.answered[command] = f"answer {number}"
            assert await wire.send(command) == f"answer {number}"


async def test_a_refused_password_leaves_no_session_even_when_the_server_stays_open(opened: Opened) -> None:
    async with MinecraftServer(password=PASSWORD) as server:
        endpoint = Endpoint(server.host, server.port, Secret("not-the-password"))
        with pytest.raises(AuthRefused, match=r"rcon\.password"):
            async with opened(endpoint, MINECRAFT):
                pass
        assert server.logins == 1
