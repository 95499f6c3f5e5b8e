"""Starting and stopping as systemd does it: real processes, real signals, real time."""

import asyncio
import errno
import os
import signal
import socket
import sqlite3
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Self

import pytest

from perkd.daemon.reports import problems
from perkd.daemon.sandbox.games.minecraft import Fault
from perkd.daemon.servers import fleet
from tests import secretwatch
from tests.flow.owner import STUCK, Owner
from tests.world import DEADLINE_S, World


class Manager:
    """systemd's end of $NOTIFY_SOCKET: every line it got, in order."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "notify")
        self.lines: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    async def hears(self, words: str, times: int = 1) -> None:
        """Returns once it got so many lines that contain these words."""
        async with asyncio.timeout(DEADLINE_S):
            while sum(words in line for line in self.lines) < times:
                data = await asyncio.get_running_loop().sock_recv(self._socket, 4096)
                self.lines += data.decode().splitlines()


# How the text of a loop that is late begins, whatever the words are.
LATE = next(iter(problems._late({STUCK: 300.0}))).text.partition("300")[0]

# perkd whose command in flight gets another time than the seven seconds of daemon/fleet.py.
PATIENT = "from perkd.daemon.servers import fleet; fleet.IN_FLIGHT *= {times}; from perkd.__main__ import main; main()"


@asynccontextmanager
async def command_in_flight(world: World, manager: Manager, times: float = 1000) -> AsyncIterator[Process]:
    """perkd as a process that has sent a command whose answer does not come, and that waits `times` as long for it as
    it does for an owner: so that nothing depends on how fast this machine is."""
    world.program = ("-c", PATIENT.format(times=times))
    config = world.config_path.read_text("utf-8").replace('presence = "1s"', 'presence = "1h"')
    world.config_path.write_text(config, "utf-8")
    world.add_token("Ann")
    daemon = await world.start_daemon(env={"NOTIFY_SOCKET": manager.path})
    await world.until(lambda: "list uuids" in world.server.executed)  # no list is under way after it
    world.server.answer_gate = asyncio.Event()
    world.buy("Ann")
    await world.until(lambda: world.server.deliveries)
    yield daemon


async def ended(daemon: Process) -> float:
    """Seconds until it ended with 0; its log holds no secret."""
    began = time.monotonic()
    async with asyncio.timeout(DEADLINE_S):
        _, err = await daemon.communicate()
    assert daemon.returncode == 0, err.decode()
    assert secretwatch.found_in(err.decode()) == []
    assert "Traceback" not in err.decode()
    return time.monotonic() - began


def states(world: World) -> list[str]:
    """The states of the commands in the ledger file, while no perkd runs."""
    ledger = sqlite3.connect(world.ledger_path)
    try:
        return [row[0] for row in ledger.execute("SELECT state FROM commands ORDER BY id")]
    finally:
        ledger.close()


async def test_a_command_in_flight_is_finished_before_the_end(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        with Manager(tmp_path) as manager:
            async with command_in_flight(world, manager) as daemon:
                daemon.send_signal(signal.SIGTERM)
                await manager.hears("STOPPING=1")
                assert world.server.answer_gate is not None
                world.server.answer_gate.set()
                await ended(daemon)
        assert states(world) == ["delivered"]
        assert not world.socket.exists()
        await world.start_app()
        owner = Owner(world)
        await owner.looked()
        assert await owner.told() == [owner.add("Ann")]
        assert len(world.server.deliveries) == 1


async def test_a_hung_command_is_unknown_and_perkd_is_gone_when_its_time_is_over(tmp_path: Path) -> None:
    assert timedelta(seconds=5) < fleet.IN_FLIGHT < timedelta(seconds=8), "and in all it is gone within ten"
    async with World(tmp_path) as world:
        with Manager(tmp_path) as manager:
            async with command_in_flight(world, manager, times=0.1) as daemon:
                daemon.send_signal(signal.SIGTERM)
                assert await ended(daemon) > 0.1 * fleet.IN_FLIGHT.total_seconds(), "it had its time"
        assert states(world) == ["unknown"]


async def test_a_second_signal_cuts_the_wait_short(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        with Manager(tmp_path) as manager:
            async with command_in_flight(world, manager) as daemon:
                daemon.send_signal(signal.SIGTERM)
                await manager.hears("STOPPING=1")
                daemon.send_signal(signal.SIGTERM)
                await ended(daemon)
        assert states(world) == ["unknown"]


async def test_a_running_reload_does_not_delay_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for the command of a server it replaces; the new one must not be started any more."""
    monkeypatch.setattr(fleet, "IN_FLIGHT", timedelta(seconds=0.5))
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        world.server.faults.add(Fault.NEVER_ANSWER)
        world.buy("Ann")
        await owner.looked()
        await world.until(lambda: world.server.deliveries)
        world.config_path.write_text(
            world.config_path.read_text("utf-8").replace('presence = "1s"', 'presence = "2s"'), "utf-8"
        )
        app, old = owner.app, owner.app.servers["survival"]
        reloading = asyncio.create_task(owner.ask("/reload", "POST"))
        await world.until(old.ending.is_set)
        await world.stop_app()
        assert all(task.done() for task in old.tasks)
        assert app.servers in ({}, {"survival": old})
        await asyncio.gather(reloading, return_exceptions=True)
        assert states(world) == ["unknown"]


async def test_systemd_hears_when_perkd_is_ready_lives_and_stops(tmp_path: Path) -> None:
    """A game server that is down does not hold up the start."""
    async with World(tmp_path) as world:
        world.add_token("Ann")
        await world.server.down()
        with Manager(tmp_path) as manager:
            daemon = await world.start_daemon(env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "300000"})
            await manager.hears("READY=1")
            await manager.hears("WATCHDOG=1", times=3)
            await manager.hears("STATUS=0 of 1 ")
            daemon.send_signal(signal.SIGINT)
            await ended(daemon)
            await manager.hears("STOPPING=1", times=2)
            heard = [line for line in manager.lines if not line.startswith("STATUS")]
            assert heard[0] == "READY=1"
            assert "STOPPING=1" in heard
            assert "WATCHDOG=1" not in heard[heard.index("STOPPING=1") :]


async def test_the_watchdog_is_not_fed_while_a_loop_is_stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with World(tmp_path) as world:
        with Manager(tmp_path) as manager:
            monkeypatch.setenv("NOTIFY_SOCKET", manager.path)
            owner = await Owner.of(world, "Ann")
            await manager.hears("WATCHDOG=1")
            owner.app.pulse.register(STUCK, 1.0)
            await owner.later(minutes=5)
            await manager.hears(LATE)
            manager.lines.clear()  # and with them whatever it was fed before
            world.hands.forward(timedelta(seconds=31))
            await manager.hears(LATE)
            assert "WATCHDOG=1" not in manager.lines


async def test_two_perkds_never_share_a_ledger(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        first = await world.start_daemon()
        second = await world.perkd("run")
        assert second.code == 1
        assert all(fact in second.err for fact in (str(world.ledger_path.parent), f" {first.pid}"))
        assert await world.ask("/status") is not None, "the first goes on"


async def test_two_perkds_never_share_a_control_socket(tmp_path: Path) -> None:
    """The second would take it over, and the operator's verbs would reach the wrong one."""
    async with World(tmp_path) as world:
        await world.start_daemon()
        other = tmp_path / "other"
        other.mkdir()
        config = world.config_path.read_text("utf-8").replace(str(world.ledger_path), str(other / "ledger.db"))
        world.config_path.write_text(config, "utf-8")
        second = await world.perkd("run")
        assert second.code == 1
        assert str(world.socket) in second.err
        assert await world.ask("/status") is not None, "the first goes on"


async def test_a_ledger_that_is_gone_is_no_new_start(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await world.start_app()
        await world.stop_app()
        for file in world.ledger_path.parent.glob("ledger.db*"):
            file.unlink()
        refused = await world.perkd("run")
        assert refused.code == 78
        assert str(world.ledger_path) in refused.err
        assert not world.ledger_path.exists()


@pytest.mark.parametrize("what", ["http", "control"])
async def test_an_address_that_is_taken_or_invalid_is_reported_in_a_sentence(what: str, tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        config = world.config_path.read_text("utf-8")
        if what == "http":
            config = config.replace("127.0.0.1:0", world.server.address)
            expected = ("[http] listen", world.server.address, os.strerror(errno.EADDRINUSE).lower())
        else:
            missing = world.socket.parent / "nowhere" / "control.sock"
            config = config.replace(str(world.socket), str(missing))
            expected = ("[control] socket", str(missing), os.strerror(errno.ENOENT).lower())
        world.config_path.write_text(config, "utf-8")
        refused = await world.perkd("run")
        assert refused.code == 1
        assert all(fact in refused.err for fact in expected)
        assert "Traceback" not in refused.err
