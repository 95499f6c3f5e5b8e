"""The ledger's copies, its second connection and its migrations on SQLite."""

# ruff: noqa: ASYNC240 - files are what is tested here, and nobody else waits for the loop

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from perkd.daemon.core.model import State
from perkd.daemon.ledger.base import LedgerCorrupt, LedgerMissing, LedgerUnwritable
from perkd.daemon.ledger.ledger import Ledger
from perkd.daemon.ledger.rows import TokenSource
from perkd.daemon.ledger.sqlite import files, migrate
from tests.coded import raises
from tests.ledgers import NOW, claimed, ends, later, opens, picture, profile, record, rows, run, token


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def names(where: Path) -> list[str]:
    return sorted(file.name for file in where.iterdir())


async def begin(path: Path, commands: int = 200) -> Ledger:
    ledger = await Ledger.open(path, NOW)
    await ledger.roll.add(token(), TokenSource.OPERATOR, profile(), NOW)
    await record(ledger, opens(*(f"give {number}" for number in range(commands))))
    return ledger


async def test_a_copy_is_a_whole_ledger(path: Path, tmp_path: Path) -> None:
    original = await Ledger.open(path, NOW)
    await original.roll.add(token(), TokenSource.OPERATOR, profile(), NOW)
    await record(original, opens("give", "greet"))
    await run(original, State.DELIVERED)
    copy = await original.backup(7, NOW)
    before = await picture(original)
    await record(original, ends("take"))
    await original.close()
    restored = await Ledger.open(moved(copy, tmp_path / "restored"), NOW)
    assert await picture(restored) == before
    assert (await claimed(restored)).text == "greet"
    await restored.close()


def moved(copy: str, where: Path) -> Path:
    where.mkdir()
    return Path(shutil.copy(copy, where / "ledger.db"))


async def test_only_the_newest_copies_are_kept_and_each_is_named_by_its_time_in_utc(path: Path) -> None:
    ledger = await begin(path, 1)
    nepal = timezone(timedelta(hours=5, minutes=45))
    for day in range(4):
        await ledger.backup(2, later(days=day).astimezone(nepal))
    await ledger.close()
    assert names(path.parent / "backups") == ["ledger-20260303T120000.db", "ledger-20260304T120000.db"]


async def test_a_damaged_ledger_never_replaces_a_whole_copy(path: Path) -> None:
    ledger = await begin(path)
    await ledger.backup(1, NOW)
    await ledger.close()
    ledger = await Ledger.open(path, NOW)
    with closing(sqlite3.connect(path)) as other:
        [root] = other.execute("SELECT rootpage FROM sqlite_master WHERE name = 'commands'").fetchone()
    with path.open("r+b") as file:
        file.seek(4096 * (root - 1))
        file.write(b"\xa5" * 4096)
    with raises(LedgerCorrupt, "damaged"):
        await ledger.backup(1, later(days=1))
    await ledger.close()
    assert names(path.parent / "backups") == ["ledger-20260301T120000.db"]


async def test_a_copy_that_cannot_be_written_says_so_and_the_ledger_goes_on(path: Path) -> None:
    ledger = await begin(path, 3)
    (path.parent / "backups").write_text("a file where the folder should be")
    with raises(LedgerUnwritable, "not_copied"):
        await ledger.backup(1, NOW)
    assert (len(await rows(ledger)), ledger.failed) == (3, None)
    assert (await ledger.reports.summary()).commands[State.PLANNED] == 3
    await ledger.close()


async def test_reports_can_be_read_beside_a_running_daemon_and_without_one_but_never_written(tmp_path: Path) -> None:
    where = tmp_path / "odd #1 100% ?mode=rwc"
    where.mkdir()
    ledger = await begin(where / "ledger.db", 3)
    for _ in range(2):
        with closing(files.open_reader(where / "ledger.db")) as reader:
            assert reader.execute("SELECT COUNT(*) FROM commands").fetchone()[0] == 3
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                reader.execute("DELETE FROM commands")
        await ledger.close()


def test_reading_a_ledger_that_is_not_there_creates_none(path: Path) -> None:
    with raises(LedgerMissing, "no_ledger"):
        files.open_reader(path)
    path.write_bytes(b"")
    with raises(LedgerMissing, "no_ledger"):
        files.open_reader(path)
    assert names(path.parent) == ["ledger.db"]


# --- migrations -------------------------------------------------------------------------------------------------------


@pytest.fixture
def next_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The next migration of a future perkd, to be written by the test."""
    schema = tmp_path / "schema"
    shutil.copytree(str(migrate.SCHEMA), schema)
    monkeypatch.setattr(migrate, "SCHEMA", schema)
    return schema / "0003_next.sql"


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


async def test_a_migration_runs_once_after_a_copy_of_what_was(path: Path, next_schema: Path) -> None:
    await (await begin(path, 3)).close()
    next_schema.write_text("ALTER TABLE commands ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm';")
    for _ in range(2):
        ledger = await Ledger.open(path, later(days=1))
        assert [row.text for row in await rows(ledger)] == ["give 0", "give 1", "give 2"]
        await ledger.close()
    assert version(path) == 3
    assert names(path.parent / "backups") == ["before-0003-20260302T120000.db"]
    assert version(path.parent / "backups" / "before-0003-20260302T120000.db") == 2


async def test_a_migration_that_fails_changes_nothing(path: Path, next_schema: Path) -> None:
    await (await begin(path, 3)).close()
    next_schema.write_text("DROP TABLE events;\nDELETE FROM commands;\nALTER TABLE nothing ADD COLUMN x;")
    with raises(LedgerUnwritable, "not_migrated") as raised:
        await Ledger.open(path, NOW)
    assert "0003_next.sql" in str(raised.value)
    next_schema.unlink()
    ledger = await Ledger.open(path, NOW)
    assert len(await rows(ledger)) == 3
    await ledger.close()
    assert version(path) == 2


async def test_a_new_ledger_is_begun_with_every_migration_and_needs_no_copy(path: Path, next_schema: Path) -> None:
    next_schema.write_text("CREATE TABLE more (x INTEGER);")
    await (await Ledger.open(path, NOW)).close()
    assert (version(path), (path.parent / "backups").exists()) == (3, False)
