"""The emulated store and game servers keep their port while they are down, so no other program gets it."""

import asyncio
import socket
from typing import Protocol

import pytest

from perkd.daemon.sandbox.games.minecraft import MinecraftServer
from perkd.daemon.sandbox.games.source import SourceServer
from perkd.daemon.sandbox.ports import Port
from perkd.daemon.sandbox.store.server import Store


class UpAndDown(Protocol):
    """The store or a game server, which the control interface stops and starts."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def down(self) -> None: ...
    async def up(self) -> None: ...


def port_of(server: UpAndDown) -> int:
    return int(server.url.rpartition(":")[2]) if isinstance(server, Store) else server.port  # type: ignore[attr-defined]


async def can_connect(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


@pytest.mark.parametrize("make", [Store, lambda: MinecraftServer(password="p" * 8), lambda: SourceServer(password="x")])
async def test_a_stopped_server_refuses_connections_and_starts_again_on_its_port(make: type[UpAndDown]) -> None:
    server = make()
    await server.start()
    port = port_of(server)
    for _ in range(3):
        assert await can_connect(port)
        await server.down()
        assert not await can_connect(port)
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        await server.up()
    assert port_of(server) == port
    await server.stop()
    assert not await can_connect(port)


def test_another_program_can_use_a_port_that_was_given_up() -> None:
    port = Port()
    listener = port.open()
    port.keep()
    listener.close()
    port.let_go()
    with socket.create_server(("127.0.0.1", port.number)):
        with pytest.raises(OSError, match="in use"):
            port.open()
        port.let_go()
    port.open().close()
    port.let_go()
