"""The RCON clients side by side: each asks one kept connection for one answer after the other.

`tests/bench/rcon.py` measures them. They all do the same: send a command, wait for its whole answer.
"""

import asyncio
import importlib.util
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Final

from mcrcon import MCRcon

from perkd.adapters.base import Endpoint, Secret, Transport
from perkd.adapters.minecraft.adapter import Minecraft
from perkd.adapters.wire.codec import AUTH, EXECUTE
from tests.bench.echo import packet

HOST: Final = "127.0.0.1"

Ask = Callable[[str], Awaitable[str]]  # one command, its answer
Client = Callable[[int, str, float], AbstractAsyncContextManager[Ask]]  # port, password, seconds for one answer


class Raw(asyncio.Protocol):
    """The least an asyncio client can do: write bytes, wait for bytes. It checks nothing and has no timeout."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None
        self._waiter: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._waiter is not None:
            self._waiter.set_result(data)

    def ask(self, request: bytes) -> Awaitable[bytes]:
        assert self._transport is not None
        self._waiter = self._loop.create_future()
        self._transport.write(request)
        return self._waiter

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


@asynccontextmanager
async def raw_protocol(port: int, password: str, _timeout_s: float) -> AsyncIterator[Ask]:
    _, wire = await asyncio.get_running_loop().create_connection(Raw, HOST, port)
    await wire.ask(packet(1, AUTH, password.encode()))

    async def ask(command: str) -> str:
        return (await wire.ask(packet(2, EXECUTE, command.encode())))[12:-2].decode()

    try:
        yield ask
    finally:
        wire.close()


@contextmanager
def blocking(port: int, password: str, timeout_s: float) -> Iterator[Callable[[str], str]]:
    """The least a client without a loop can do."""
    with socket.create_connection((HOST, port), timeout_s) as connection:
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(packet(1, AUTH, password.encode()))
        connection.recv(4096)

        def ask(command: str) -> str:
            connection.sendall(packet(2, EXECUTE, command.encode()))
            return connection.recv(4096)[12:-2].decode()

        yield ask


@asynccontextmanager
async def raw_socket(port: int, password: str, timeout_s: float) -> AsyncIterator[Ask]:
    """While it waits, the loop stands still."""
    with blocking(port, password, timeout_s) as ask_and_wait:

        async def ask(command: str) -> str:
            return ask_and_wait(command)

        yield ask


@asynccontextmanager
async def pooled_socket(port: int, password: str, timeout_s: float) -> AsyncIterator[Ask]:
    """What is mostly done with a blocking client: each command goes to a thread of the pool that all share."""
    with blocking(port, password, timeout_s) as ask_and_wait:

        async def ask(command: str) -> str:
            return await asyncio.to_thread(ask_and_wait, command)

        yield ask


def perkd(transport: Transport) -> Client:
    """perkd as its delivery loop uses it: the Minecraft adapter's session over one of its transports."""

    @asynccontextmanager
    async def client(port: int, password: str, timeout_s: float) -> AsyncIterator[Ask]:
        server = Endpoint(HOST, port, Secret(password), timeout_s=timeout_s, transport=transport)
        async with Minecraft().connect(server) as session:
            yield session.send

    return client


@asynccontextmanager
async def mcrcon_as_shipped(port: int, password: str, timeout_s: float) -> AsyncIterator[Ask]:
    """On the main thread, the only one it runs on: while it waits, the loop stands still."""
    rcon = MCRcon(HOST, password, port, timeout=max(1, round(timeout_s)))
    rcon.connect()

    async def ask(command: str) -> str:
        return rcon.command(command)

    try:
        yield ask
    finally:
        rcon.disconnect()


@asynccontextmanager
async def aio_mc_rcon(port: int, password: str, timeout_s: float) -> AsyncIterator[Ask]:
    from aiomcrcon import Client as AioMcRcon

    async with AioMcRcon(HOST, port, password) as rcon:

        async def ask(command: str) -> str:
            answer, _ = await rcon.send_cmd(command, timeout_s)
            return answer

        yield ask


SOCKET: Final = "raw blocking socket"
POOL: Final = "blocking sockets, asyncio.to_thread"
RAW: Final = "raw asyncio.Protocol"
NATIVE: Final = "perkd, native"
MCRCON: Final = "perkd, mcrcon"
SHIPPED: Final = "mcrcon as shipped"
AIO: Final = "aio-mc-rcon"

CLIENTS: Final[dict[str, Client]] = {
    SOCKET: raw_socket,
    POOL: pooled_socket,
    RAW: raw_protocol,
    NATIVE: perkd(Transport.NATIVE),
    MCRCON: perkd(Transport.MCRCON),
    SHIPPED: mcrcon_as_shipped,
    AIO: aio_mc_rcon,
}


def missing() -> list[str]:
    """The clients that are not installed: those of the extra `bench`."""
    return [] if importlib.util.find_spec("aiomcrcon") else [AIO]
