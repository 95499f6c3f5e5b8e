"""What only the transport over the library mcrcon has to prove: its thread, its descriptors, and no signal."""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import struct
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perkd.adapters.base import AuthRefused, Endpoint, InDoubt, NotSent, Secret
from perkd.adapters.wire import mcrcon
from perkd.adapters.wire.dialects import MINECRAFT
from perkd.adapters.wire.mcrcon import McrconWire, open_mcrcon
from perkd.adapters.wire.mcrcon_gate import Broken, Gate
from perkd.daemon.sandbox.games.minecraft import Fault, MinecraftServer

PASSWORD = "mcrcon-test-password"


@pytest.fixture
async def server() -> AsyncIterator[MinecraftServer]:
    async with MinecraftServer(password=PASSWORD) as running:
        yield running


def at(
    server: MinecraftServer, *, host: str = "127.0.0.1", password: str = PASSWORD, timeout_s: float = 60
) -> Endpoint:
    return Endpoint(host, server.port, Secret(password), timeout_s, timeout_s)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("mcrcon ")]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_connection_is_one_daemon_thread_and_leaves_nothing_behind(server: MinecraftServer) -> None:
    handler, before = signal.getsignal(signal.SIGALRM), descriptors()
    async with contextlib.AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(open_mcrcon(at(server), MINECRAFT)) for _ in range(3)]
        replies = await asyncio.gather(*(wire.send("kick Zoe") for wire in wires for _ in range(5)))
        assert replies == ["No player was found"] * 15
        assert len(threads()) == 3
        assert all(thread.daemon for thread in threads())
    assert threads() == []
    assert signal.getsignal(signal.SIGALRM) is handler
    await server.stop()
    assert descriptors() <= before


async def test_it_works_off_the_main_thread(server: MinecraftServer) -> None:
    """The library itself does not: its constructor sets a signal handler."""

    async def ask() -> str:
        async with open_mcrcon(at(server), MINECRAFT) as wire:
            return await wire.send("kick Zoe")

    assert await asyncio.to_thread(lambda: asyncio.run(ask())) == "No player was found"


async def test_a_failed_login_leaves_no_thread_and_no_socket(server: MinecraftServer) -> None:
    before = descriptors()
    for fault in (Fault.REFUSE_PASSWORD, Fault.CLOSE_LOGIN, Fault.SILENT_LOGIN):
        server.faults = {fault}
        with pytest.raises((AuthRefused, NotSent)):
            async with open_mcrcon(at(server, timeout_s=0.1), MINECRAFT):
                pass
        assert threads() == []
    await server.stop()
    with pytest.raises(NotSent, match="running"):
        async with open_mcrcon(at(server), MINECRAFT):
            pass
    assert threads() == []
    assert descriptors() <= before


async def test_descriptors_above_1023_are_no_limit(server: MinecraftServer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1400:
        pytest.skip(f"this machine allows only {hard} descriptors")
    with contextlib.ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1400), hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        while (number := os.dup(0)) < 1100:
            stack.callback(os.close, number)
        stack.callback(os.close, number)
        server.answered["help"] = "x" * 10_000
        async with open_mcrcon(at(server), MINECRAFT) as wire:
            assert await wire.send("help") == "x" * 10_000
            assert await wire.send("kick Zoe") == "No player was found"
            gate = wire._client._gate
            assert gate is not None
            assert gate._connection.fileno() > 1023


async def test_an_idle_thread_uses_no_processor(server: MinecraftServer) -> None:
    async with open_mcrcon(at(server), MINECRAFT) as wire:
        await wire.send("kick Zoe")
        [thread] = threads()
        used = Path(f"/proc/self/task/{thread.native_id}/stat")

        def ticks() -> int:
            user, system = used.read_text().rpartition(")")[2].split()[11:13]
            return int(user) + int(system)

        before = ticks()
        await asyncio.sleep(0.3)  # the only way to see idleness; a spinning thread uses thirty ticks here
        assert ticks() - before <= 2


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
async def test_an_ipv6_address_is_connected_to() -> None:
    try:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6 on loopback")
    async with server:
        endpoint = Endpoint("::1", server.sockets[0].getsockname()[1], Secret(PASSWORD))
        with pytest.raises(NotSent, match="during the login") as raised:
            async with open_mcrcon(endpoint, MINECRAFT):
                pass
        assert endpoint.address in str(raised.value)


async def test_a_name_that_is_looked_up_for_ever_holds_up_nobody(
    server: MinecraftServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcrcon, "JOIN_S", 0.05)
    answer = threading.Event()
    real = socket.getaddrinfo

    def look_up(host: str, *rest: int) -> object:
        if host == "slow.example.invalid":
            answer.wait(30)
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return real(host, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(NotSent, match="name server"):
        async with open_mcrcon(at(server, host="slow.example.invalid", timeout_s=0.05), MINECRAFT):
            pass
    async with open_mcrcon(at(server), MINECRAFT) as wire:
        assert await wire.send("kick Zoe") == "No player was found"
    answer.set()
    for thread in threads():
        thread.join(60)
    assert threads() == []


async def test_a_name_nobody_knows_is_not_sent(server: MinecraftServer) -> None:
    with pytest.raises(NotSent, match=r"nobody\.invalid"):
        async with open_mcrcon(at(server, host="nobody.invalid"), MINECRAFT):
            pass


async def test_without_a_free_thread_nothing_is_sent(server: MinecraftServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(NotSent, match="can't start new thread"):
        async with open_mcrcon(at(server), MINECRAFT):
            pass


def test_a_request_that_cannot_leave_any_more_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gate = Gate(socket.create_connection(listener.getsockname()), MINECRAFT, timeout_s=60)
        with contextlib.closing(gate):
            gate.shut()
            with pytest.raises(Broken, match="broken pipe"):
                gate.send(struct.pack("<iii", 10, 0, 2) + b"\0\0")
        gate.shut()  # after closing too


async def test_closing_ends_a_command_in_flight_as_in_doubt(server: MinecraftServer) -> None:
    server.faults = {Fault.NEVER_ANSWER}
    async with open_mcrcon(at(server, timeout_s=60), MINECRAFT) as wire:
        sending = asyncio.create_task(wire.send("say hello"))
        await server.waiting.wait()
    with pytest.raises(InDoubt, match="perkd"):
        await sending
    assert threads() == []


async def test_a_loop_that_ends_without_closing_does_not_disturb_the_thread(server: MinecraftServer) -> None:
    def forget() -> McrconWire:
        async def connect() -> McrconWire:
            wire = McrconWire(at(server), MINECRAFT)
            await wire.open()
            return wire

        return asyncio.run(connect())

    wire = await asyncio.to_thread(forget)
    await server.down()
    wire._thread.join(60)
    assert threads() == []
