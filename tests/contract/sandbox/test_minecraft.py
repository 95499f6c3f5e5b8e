"""The emulated Minecraft server is as strict as vanilla; tested with raw sockets, without perkd's codec."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from typing import Self

import pytest

from perkd.daemon.sandbox.games.minecraft import Fault, MinecraftServer

PASSWORD = "sandbox-test-password"


@pytest.fixture
async def server() -> AsyncIterator[MinecraftServer]:
    async with MinecraftServer(password=PASSWORD) as running:
        running.console.join("Ann")
        yield running


def packet(packet_id: int, packet_type: int, body: bytes) -> bytes:
    return struct.pack("<iii", len(body) + 10, packet_id, packet_type) + body + b"\0\0"


class Raw:
    """A raw connection. Each `write` is one TCP segment; before the next, wait for an answer or the end."""

    def __init__(self, server: MinecraftServer) -> None:
        self._server = server
        self._socket = socket.socket()
        self._socket.settimeout(0)
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> Self:
        try:
            await self._loop.sock_connect(self._socket, (self._server.host, self._server.port))
        except OSError:
            self._socket.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()

    async def write(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._socket, data)

    async def read(self) -> tuple[int, int, bytes] | None:
        """The next packet, or None at the end of the connection."""
        head = await self._exactly(4)
        if not head:
            return None
        data = await self._exactly(struct.unpack("<i", head)[0])
        packet_id, packet_type = struct.unpack_from("<ii", data)
        assert data[-2:] == b"\0\0"
        return packet_id, packet_type, data[8:-2]

    async def log_in(self) -> None:
        await self.write(packet(0, 3, PASSWORD.encode()))
        assert await self.read() == (0, 2, b"")

    async def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                more = await asyncio.wait_for(self._loop.sock_recv(self._socket, count - len(data)), 60)
            except ConnectionResetError:
                return b""
            if not more:
                return b""
            data += more
        return data


async def test_two_packets_in_one_read_close_the_connection_and_run_nothing(server: MinecraftServer) -> None:
    async with Raw(server) as raw:
        await raw.log_in()
        await raw.write(packet(1, 2, b"op Ann") + packet(2, 2, b"deop Ann"))
        assert await raw.read() is None
    assert server.executed == []


@pytest.mark.parametrize(("size", "runs"), [(1446, True), (1447, False)])
async def test_a_command_has_at_most_1446_bytes(server: MinecraftServer, size: int, runs: bool) -> None:
    async with Raw(server) as raw:
        await raw.log_in()
        await raw.write(packet(1, 2, b"say " + b"x" * (size - 4)))
        assert (await raw.read() is not None) == runs
    assert len(server.executed) == int(runs)


async def test_a_wrong_password_gets_minus_one_and_another_try(server: MinecraftServer) -> None:
    async with Raw(server) as raw:
        await raw.write(packet(5, 3, b"wrong"))
        assert await raw.read() == (-1, 2, b"")
        await raw.log_in()


async def test_a_command_before_the_login_is_not_run(server: MinecraftServer) -> None:
    async with Raw(server) as raw:
        await raw.write(packet(5, 2, b"op Ann"))
        assert await raw.read() == (-1, 2, b"")
    assert server.executed == []


async def test_a_server_may_ignore_a_command_before_the_login(server: MinecraftServer) -> None:
    server.faults = {Fault.IGNORE_EARLY}
    async with Raw(server) as raw:
        await raw.write(packet(5, 2, b"op Ann"))
        await server.waiting.wait()
        await raw.log_in()  # the next packet is the login's answer
    assert server.executed == []


async def test_a_server_may_silently_drop_two_packets_in_one_read(server: MinecraftServer) -> None:
    server.faults = {Fault.DROP_MISFIT}
    async with Raw(server) as raw:
        await raw.log_in()
        await raw.write(packet(1, 2, b"op Ann") + packet(2, 2, b"deop Ann"))
        await server.waiting.wait()
        await raw.write(packet(3, 2, b"op Ann"))
        assert await raw.read() == (3, 0, b"Made Ann a server operator")
    assert server.executed == ["op Ann"]


async def test_a_server_may_close_at_a_type_it_does_not_know_or_answer_in_one_packet(server: MinecraftServer) -> None:
    server.faults = {Fault.CLOSE_UNKNOWN_TYPE, Fault.ONE_PACKET}
    server.answered["help"] = "x" * 9000
    async with Raw(server) as raw:
        await raw.log_in()
        await raw.write(packet(1, 2, b"help"))
        assert await raw.read() == (1, 0, b"x" * 9000)
        await raw.write(packet(9, 100, b""))
        assert await raw.read() is None


async def test_an_unknown_type_is_named_in_hex(server: MinecraftServer) -> None:
    async with Raw(server) as raw:
        await raw.log_in()
        await raw.write(packet(9, 100, b""))
        assert await raw.read() == (9, 0, b"Unknown request 64")


async def test_the_same_port_comes_back_after_a_restart(server: MinecraftServer) -> None:
    port = server.port
    async with Raw(server) as raw:
        await raw.log_in()
        await server.down()
        assert await raw.read() is None
    with pytest.raises(ConnectionRefusedError):
        async with Raw(server):
            pass
    await server.up()
    assert server.port == port
    async with Raw(server) as raw:
        await raw.log_in()


async def test_commands_change_what_the_console_knows(server: MinecraftServer) -> None:
    console = server.console
    ann = console.account("Ann", console.online[0])
    assert console.run("give Ann minecraft:diamond 3") == "Gave 3 [Diamond] to Ann"
    assert [(given.uuid, given.item, given.count) for given in console.items] == [(ann, "diamond", 3)]
    assert (
        console.run(f"lp user {ann} parent add vip") == "[LP] Ann now inherits permissions from vip in context global."
    )
    assert console.groups == {ann: {"vip"}}
    assert console.run("lp user ann parent remove vip").endswith(
        "no longer inherits permissions from vip in context global."
    )
    assert console.groups == {ann: set()}
    console.luckperms = False
    assert console.run("lp user Ann parent add vip").startswith("Unknown or incomplete command")
    assert console.run("ban Ann Chargeback") == "Banned Ann: Chargeback"
    assert console.online == []
    assert console.run("give Ann dirt") == "No player was found"
    assert console.run("pardon Ann") == "Unbanned Ann"
    assert console.run("whitelist add Nobody") == "That player does not exist"
    assert console.run("list") == "There are 0 of a max of 20 players online: "


async def test_shapes_replaces_players_in_the_commands_that_ran(server: MinecraftServer) -> None:
    ann = server.console.online[0]
    server.executed = ["list uuids", "minecraft:list uuids", f"give {ann} dirt", "give Ann dirt", "say Annual"]
    assert server.deliveries == [f"give {ann} dirt", "give Ann dirt", "say Annual"]
    assert server.shapes == ["give PLAYER dirt", "give PLAYER dirt", "say Annual"]
