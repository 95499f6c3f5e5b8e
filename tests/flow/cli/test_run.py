"""`perkd run` as its own process: its first log lines, how it stops, and every reason not to start."""

import asyncio
import os
import re
import resource
import signal
import socket
import sqlite3
import stat
from asyncio.subprocess import DEVNULL
from contextlib import closing
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from perkd.adapters import ADAPTERS
from perkd.daemon.cli import run
from perkd.daemon.cli.errors import Misconfigured
from perkd.daemon.cli.run import introduction
from perkd.daemon.config import SecretSources, load
from perkd.daemon.ledger.sqlite import files
from tests import secretwatch
from tests.world import DEADLINE_S, World

PAGE = 4096  # bytes of a page of the ledger


async def test_run_logs_what_it_does_and_stops_cleanly(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.buy("Ann")
        daemon = await world.start_daemon()
        await world.until(lambda: world.server.deliveries)
        assert (await world.perkd("status")).code == 0
        for file in (*world.ledger_path.parent.iterdir(), world.socket):
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 in (0, 0o060), file
        daemon.send_signal(signal.SIGTERM)
        out, err = await asyncio.wait_for(daemon.communicate(), DEADLINE_S)
    text = err.decode()
    assert daemon.returncode == 0
    assert out == b""
    assert secretwatch.found_in(text) == []
    lines = text.splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING) perkd", line) for line in lines), text
    heads = [line.split(" ", 2)[2] for line in lines[:5]]
    assert heads[0].endswith(str(world.config_path))
    assert world.store.url in heads[1]
    assert all(word in heads[2] for word in ("survival", "minecraft", world.server.address))
    assert all(word in heads[3] for word in ("vip (lasting", "starter-kit (once"))
    assert str(world.tokens_path) in heads[4]
    assert re.search(r" http://127\.0\.0\.1:\d+/\n", text)
    assert not world.socket.exists()


@pytest.mark.parametrize("enrol", ["all", "online", "off"])
async def test_run_says_which_customers_it_reads(enrol: str, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    async with World(tmp_path) as world:
        found = load(world.write_config(enrol=enrol), ADAPTERS, SecretSources.of(os.environ), need_secrets=True)
        assert introduction(found)[3].replace(str(tmp_path), "/etc/perkd") == snapshot


async def test_under_systemd_log_lines_have_priorities_instead_of_times(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    status = os.fstat(writer)
    async with World(tmp_path) as world:
        world.write_config(perks='[[perk]]\nname = "vip"')
        journal = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        daemon = await world.start("run", "-c", str(world.config_path), env=journal, stdout=DEVNULL, stderr=writer)
        os.close(writer)
        assert await asyncio.wait_for(daemon.wait(), DEADLINE_S) == 78
    with os.fdopen(reader) as file:
        lines = file.read().splitlines()
    assert re.fullmatch(rf"<3>perkd: {tmp_path}/config\.toml: \d mistakes", lines[0])
    assert all(line.startswith("<3>") for line in lines)


async def test_two_daemons_never_share_a_ledger(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        first = await world.start_daemon()
        second = await world.perkd("run")
    assert second.code == 1
    assert all(word in second.err for word in (f"process {first.pid}", "ledger.url"))


async def test_a_ledger_that_is_gone_or_broken_exits_with_78(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await world.start_app()
        await world.stop_app()
        world.ledger_path.write_bytes(b"no database at all, and long enough to be looked at " * 10)
        broken, damaged = await asyncio.gather(world.perkd("run"), world.perkd("plan", "--json"))
        world.ledger_path.unlink()
        missing, plan = await asyncio.gather(world.perkd("run"), world.perkd("plan", "--json"))
    assert (broken.code, missing.code, plan.code) == (78, 78, 78)
    assert (damaged.code, damaged.error["code"]) == (78, "ledger_damaged")
    assert plan.error["code"] == "ledger_unusable"
    for said in (broken, damaged):
        assert str(world.ledger_path) in said.err
    for said in (missing, plan):
        assert "ledger.id" in said.err
    assert "Traceback" not in broken.err + missing.err + plan.err


def test_damage_that_is_found_beside_the_work_ends_the_daemon_with_78(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHECKED_AT_ONCE", 0)

    async def begun() -> World:
        async with World(tmp_path) as world:
            await world.start_app()
            await world.stop_app()
            return world

    world = asyncio.run(begun())
    with closing(sqlite3.connect(world.ledger_path)) as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [page] = ledger.execute("SELECT rootpage FROM sqlite_master WHERE name = 'items_missing'").fetchone()
    with world.ledger_path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xa5" * PAGE)
    settings = load(world.config_path, ADAPTERS, SecretSources.of(os.environ), need_secrets=True)
    world.socket.parent.mkdir()  # it went with the world
    with pytest.raises(Misconfigured) as caught:
        run._finish(settings, lambda: settings, world.config_path)
    world.socket.parent.rmdir()
    assert (caught.value.exit_code, str(world.ledger_path) in str(caught.value)) == (78, True)


async def test_an_address_in_use_exits_with_1_and_names_the_key(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        async with World(tmp_path) as world:
            text = world.config_path.read_text().replace("127.0.0.1:0", taken)
            world.config_path.write_text(text)
            said = await world.perkd("run")
    assert said.code == 1
    assert f"[http] listen: {taken} " in said.err
    assert "Traceback" not in said.err


async def test_a_ledger_that_becomes_unwritable_stops_the_daemon_with_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # it writes a file too, and says that it cannot
    async with World(tmp_path) as world:
        world.add_token("Ann")
        daemon = await world.start_daemon()
        size = world.ledger_path.with_name("ledger.db-wal").stat().st_size
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (size, size))  # it has the effect of a full disk
        world.buy("Ann")
        _, err = await asyncio.wait_for(daemon.communicate(), DEADLINE_S)
    text = err.decode()
    assert daemon.returncode == 1
    [line] = [line for line in text.splitlines() if "CRITICAL perkd:" in line]
    assert "ledger" in line
    assert "Traceback" not in text


async def test_with_v_it_logs_details_and_no_secret(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.buy("Ann")
        daemon = await world.start_daemon("-v")
        await world.until(lambda: world.server.deliveries)
        daemon.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(daemon.communicate(), DEADLINE_S)
    assert daemon.returncode == 0
    assert secretwatch.found_in(err.decode()) == []
