"""The ledger's files on SQLite: the marker and law 16, the lock, permissions, copies and migrations."""

# ruff: noqa: ASYNC240 - files are what is tested here, and nobody else waits for the loop

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from perkd.daemon.ledger.base import (
    LedgerCorrupt,
    LedgerError,
    LedgerForeign,
    LedgerLocked,
    LedgerMissing,
    LedgerUnwritable,
)
from perkd.daemon.ledger.ledger import Ledger
from perkd.daemon.ledger.rows import TokenSource
from perkd.daemon.ledger.sqlite import files
from tests.coded import raises
from tests.ledgers import NOW, opens, profile, record, token

ROOT = Path(__file__).resolve().parents[3]


async def begin(path: Path) -> None:
    """A ledger with a customer and 200 commands, closed."""
    ledger = await Ledger.open(path, NOW)
    await ledger.roll.add(token(), TokenSource.OPERATOR, profile(), NOW)
    await record(ledger, opens(*(f"give {number}" for number in range(200))))
    await ledger.close()


async def refused(path: Path, error: type[LedgerError], code: str, *facts: str) -> str:
    """The message of the refusal, which names the file and every one of the facts; nothing stays open or changed."""
    before = content(path)
    with raises(error, code) as caught:
        await Ledger.open(path, NOW)
    said = str(caught.value)
    assert [fact for fact in (str(path.parent), *facts) if fact not in said] == []
    assert content(path) == before
    return said


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def marker_of(path: Path) -> Path:
    return path.with_name("ledger.id")


def file_mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


# --- law 16 -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


async def test_a_missing_ledger_is_not_replaced_by_an_empty_one(path: Path) -> None:
    await begin(path)
    path.unlink()
    await refused(path, LedgerMissing, "gone", str(marker_of(path)), str(path.parent / "backups"))
    assert not path.exists()
    marker_of(path).unlink()  # what the message says when a new start is really meant
    await begin(path)


async def test_an_empty_file_where_a_ledger_was_is_a_missing_ledger(path: Path) -> None:
    await begin(path)
    path.write_bytes(b"")
    await refused(path, LedgerMissing, "gone", str(marker_of(path)), str(path.parent / "backups"))


async def test_an_empty_database_where_a_ledger_was_is_a_missing_ledger(path: Path) -> None:
    await begin(path)
    path.unlink()
    with closing(sqlite3.connect(path)) as empty:
        empty.execute("VACUUM")
    assert path.stat().st_size > 0
    await refused(path, LedgerMissing, "gone", str(marker_of(path)), str(path.parent / "backups"))


async def test_another_ledger_than_the_one_that_was_there_is_refused(path: Path, tmp_path: Path) -> None:
    other = folder(tmp_path / "other") / "ledger.db"
    await begin(path)
    await begin(other)
    shutil.copy(other, path)
    await refused(path, LedgerForeign, "other_ledger", str(marker_of(path)))
    marker_of(path).unlink()
    ledger = await Ledger.open(path, NOW)
    await ledger.close()
    assert marker_of(path).read_text() == marker_of(other).read_text()


async def test_a_marker_cut_short_refuses_and_says_how_to_go_on(path: Path) -> None:
    await begin(path)
    marker_of(path).write_text("")
    await refused(path, LedgerForeign, "other_ledger", str(marker_of(path)))


@pytest.mark.parametrize(
    "sql", ["CREATE TABLE players (name)", "CREATE TABLE meta (k, v)", "PRAGMA user_version = 1; CREATE TABLE t (x)"]
)
async def test_a_database_of_another_program_is_left_alone(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.executescript(sql)
    await refused(path, LedgerForeign, "other_program", "ledger.url")


async def test_a_ledger_of_a_newer_perkd_is_refused(path: Path) -> None:
    await begin(path)
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    await refused(path, LedgerForeign, "newer_schema", "99")


def overwrite(path: Path, start: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xa5" * length)


@pytest.mark.parametrize("start", [0, 100, 4096 * 3, 4096 * 20])
async def test_a_damaged_ledger_is_refused_and_says_how_to_restore_it(path: Path, start: int) -> None:
    await begin(path)
    overwrite(path, start, 4096)
    await refused(path, LedgerCorrupt, "damaged", str(path.parent / "backups"), f"{path.name}-wal")


async def test_a_truncated_ledger_is_refused(path: Path) -> None:
    await begin(path)
    os.truncate(path, path.stat().st_size // 2)
    await refused(path, LedgerCorrupt, "damaged")


@pytest.mark.parametrize("start", [4096 * 3, 4096 * 20])
async def test_a_large_ledger_is_read_whole_beside_the_start_and_refused_before_anything_is_sent(
    path: Path, monkeypatch: pytest.MonkeyPatch, start: int
) -> None:
    monkeypatch.setattr(files, "CHECKED_AT_ONCE", 0)
    await begin(path)
    whole = await Ledger.open(path, NOW)
    await whole.checked()
    await whole.close()
    overwrite(path, start, 4096)
    ledger = await Ledger.open(path, NOW)
    with raises(LedgerCorrupt, "damaged"):
        await ledger.checked()
    await ledger.close()
    await (await Ledger.open(path, NOW)).close()  # the lock was released


async def test_a_large_ledger_can_be_closed_while_it_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHECKED_AT_ONCE", 0)
    await begin(path)
    for _ in range(5):
        await (await Ledger.open(path, NOW)).close()


async def test_what_is_no_database_is_refused_at_once_however_large(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHECKED_AT_ONCE", 0)
    path.write_text("this is not a database " * 100)
    await refused(path, LedgerCorrupt, "damaged", "not a database")


async def test_text_is_no_ledger(path: Path) -> None:
    path.write_text("this is not a database " * 100)
    await refused(path, LedgerCorrupt, "damaged", "not a database")


async def test_a_folder_that_is_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    await refused(tmp_path / "file" / "ledger.db", LedgerUnwritable, "not_writable", str(tmp_path / "file"))


async def test_a_folder_that_is_not_there_cannot_be_written(tmp_path: Path) -> None:
    await refused(tmp_path / "nowhere" / "ledger.db", LedgerUnwritable, "not_writable", str(tmp_path / "nowhere"))


async def test_a_folder_in_the_ledgers_place_cannot_be_opened(path: Path) -> None:
    folder(path)
    await refused(path, LedgerUnwritable, "not_writable", str(path))


async def test_a_ledger_another_program_is_writing_to_is_refused_but_not_called_damaged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **{**k, "timeout": 0.01}))
    with closing(connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        await refused(path, LedgerUnwritable, "not_writable", "locked")


async def test_a_refusal_leaves_the_directory_free_for_the_next_try(path: Path) -> None:
    await begin(path)
    kept = path.read_bytes()
    path.unlink()
    await refused(path, LedgerMissing, "gone")
    path.write_bytes(kept)
    ledger = await Ledger.open(path, NOW)
    assert len(await ledger.reports.commands(limit=500)) == 200
    await ledger.close()


async def test_a_ledger_is_not_begun_at_a_naive_time(path: Path) -> None:
    with pytest.raises(TypeError):
        await Ledger.open(path, datetime(2026, 3, 1, 12))  # noqa: DTZ001 - what is to be refused
    assert sorted(path.parent.glob("*")) == []


# --- the lock ---------------------------------------------------------------------------------------------------------

HOLD = """
import asyncio, sys
from pathlib import Path
from perkd.daemon.ledger.ledger import Ledger
from perkd.daemon.ledger.sqlite import files
from tests.ledgers import NOW

async def main():
    ledger = await Ledger.open(Path(sys.argv[1]), NOW)
    print("open", flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the ledger open."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as p:
        assert p.stdout is not None
        assert p.stdout.readline() == "open\n"
        try:
            yield p
        finally:
            p.kill()


async def test_a_second_daemon_is_refused_by_name_until_the_first_is_gone_however_it_went(path: Path) -> None:
    with holder(path) as first:
        await refused(path, LedgerLocked, "in_use", f" {first.pid}")
        first.send_signal(signal.SIGKILL)
        first.wait(20)
        ledger = await Ledger.open(path, NOW)
        await ledger.close()


async def test_one_process_does_not_open_a_ledger_twice_and_closing_twice_harms_nobody(path: Path) -> None:
    first = await Ledger.open(path, NOW)
    await refused(path, LedgerLocked, "in_use", f" {os.getpid()}")
    await first.close()
    second = await Ledger.open(path, NOW)
    await first.close()
    with pytest.raises(LedgerLocked):
        await Ledger.open(path, NOW)
    await second.close()


# --- permissions ----------------------------------------------------------------------------------------------------


def modes(where: Path) -> dict[str, int]:
    return {file.name: file_mode(file) for file in sorted(where.rglob("*"))}


async def test_nobody_else_can_read_the_ledger_or_its_copies(path: Path) -> None:
    umask = os.umask(0o000)
    try:
        ledger = await Ledger.open(path, NOW)
        await ledger.roll.add(token(), TokenSource.OPERATOR, profile(), NOW)
        await ledger.backup(1, NOW)
        found = modes(path.parent)
        await ledger.close()
    finally:
        os.umask(umask)
    assert found.pop("backups") == 0o700
    assert set(found) >= {"ledger.db", "ledger.db-wal", "ledger.id", "ledger.lock", "ledger-20260301T120000.db"}
    assert {name: oct(mode) for name, mode in found.items() if mode != 0o600} == {}
