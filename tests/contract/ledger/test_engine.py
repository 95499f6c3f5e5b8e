"""The writing thread of the ledger on SQLite: one transaction for all who wait, and no answer before it is on disk."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from perkd.daemon.ledger.base import LedgerFailed
from perkd.daemon.ledger.sqlite.engine import AT_ONCE, Engine, Unit
from tests.coded import raises

PUT = "INSERT INTO t (n) VALUES (?)"


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


@asynccontextmanager
async def running(path: Path, log: list[str] | None = None, *, writes: bool = True) -> AsyncIterator[Engine]:
    """An engine on a database with the tables `t`, `parent` and `child`. `log` gets every statement it runs."""
    connection = connect(path)
    connection.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER UNIQUE, blob BLOB)")
    connection.execute("CREATE TABLE IF NOT EXISTS parent (id INTEGER PRIMARY KEY)")
    connection.execute("CREATE TABLE IF NOT EXISTS child (parent INTEGER REFERENCES parent)")
    if log is not None:
        connection.set_trace_callback(log.append)
    engine = Engine(connection, "test-ledger", writes=writes)
    try:
        yield engine
    finally:
        await engine.close()


def put(number: int) -> Unit[int]:
    def unit(db: sqlite3.Connection) -> int:
        db.execute(PUT, (number,))
        return number

    return unit


def unsound(db: sqlite3.Connection) -> str:
    """Every statement of it succeeds; only COMMIT finds out."""
    db.execute("PRAGMA defer_foreign_keys = ON")
    db.execute("INSERT INTO child (parent) VALUES (404)")
    return "written, as far as this unit can tell"


class Gate:
    """A unit of work that holds the thread until the test lets it go on."""

    def __init__(self) -> None:
        self.reached, self._open = threading.Event(), threading.Event()

    def __call__(self, _db: sqlite3.Connection) -> None:
        self.reached.set()
        assert self._open.wait(20)

    def open(self) -> None:
        self._open.set()


def on_disk(path: Path) -> list[int]:
    """What another connection sees."""
    with closing(sqlite3.connect(path)) as other:
        return [row[0] for row in other.execute("SELECT n FROM t ORDER BY rowid")]


async def queued(
    engine: Engine, *units: Unit[object], reading: Collection[Unit[object]] = ()
) -> tuple[Gate, list[asyncio.Task[object]]]:
    """The units as tasks that all wait behind a gate, so that they are drained together when it opens. `reading`: which
    of them say that they only read."""
    gate = Gate()
    held = asyncio.ensure_future(engine.run(gate))
    assert await asyncio.to_thread(gate.reached.wait, 20)
    tasks = [asyncio.ensure_future((engine.read if unit in reading else engine.run)(unit)) for unit in units]
    await asyncio.sleep(0)
    return gate, [held, *tasks]


async def test_everything_that_waits_is_one_transaction(tmp_path: Path) -> None:
    log: list[str] = []
    async with running(tmp_path / "l.db", log) as engine:
        gate, tasks = await queued(engine, *(put(number) for number in range(50)))
        gate.open()
        assert (await asyncio.gather(*tasks))[1:] == list(range(50))
    assert [statement for statement in log if statement in ("BEGIN IMMEDIATE", "COMMIT")] == [
        "BEGIN IMMEDIATE",
        "COMMIT",
    ] * 2
    assert on_disk(tmp_path / "l.db") == list(range(50))


async def test_a_burst_is_cut_so_that_nobody_waits_for_thousands(tmp_path: Path) -> None:
    log: list[str] = []
    async with running(tmp_path / "l.db", log) as engine:
        gate, tasks = await queued(engine, *(put(number) for number in range(AT_ONCE + 1)))
        gate.open()
        await asyncio.gather(*tasks)
    assert log.count("COMMIT") == 3


async def test_a_failing_unit_undoes_only_itself(tmp_path: Path) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute(PUT, (100,))
        raise ValueError("in the middle")

    async with running(tmp_path / "l.db") as engine:
        gate, tasks = await queued(engine, put(1), half, put(1), put(2))
        gate.open()
        _, one, failed, twice, two = await asyncio.gather(*tasks, return_exceptions=True)
        assert (one, two) == (1, 2)
        assert isinstance(failed, ValueError)
        assert isinstance(twice, sqlite3.IntegrityError)
        assert await engine.run(put(3)) == 3
        assert engine.failed is None
    assert on_disk(tmp_path / "l.db") == [1, 2, 3]


async def test_a_unit_that_fails_alone_undoes_itself(tmp_path: Path) -> None:
    log: list[str] = []

    def half(db: sqlite3.Connection) -> None:
        db.execute(PUT, (100,))
        raise ValueError("in the middle")

    async with running(tmp_path / "l.db", log) as engine:
        assert await engine.run(put(1)) == 1
        with pytest.raises(ValueError, match="in the middle"):
            await engine.run(half)
        with pytest.raises(sqlite3.IntegrityError):
            await engine.run(put(1))
        assert (await engine.run(put(2)), engine.failed) == (2, None)
    assert on_disk(tmp_path / "l.db") == [1, 2]
    assert [one for one in log if "SAVEPOINT" in one] == []


def count(db: sqlite3.Connection) -> int:
    found: int = db.execute("SELECT COUNT(*) FROM t").fetchone()[0]
    return found


async def test_reading_waits_for_nobody_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    async with running(path) as engine:
        await engine.run(put(1))
        with closing(connect(path)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert await engine.read(count) == 1


async def test_reading_among_writers_sees_what_came_before_it(tmp_path: Path) -> None:
    async with running(tmp_path / "l.db") as engine:
        gate, tasks = await queued(engine, put(1), count, put(2), reading=[count])
        gate.open()
        assert (await asyncio.gather(*tasks))[1:] == [1, 1, 2]
        assert await engine.read(count) == 2


@pytest.mark.parametrize("alone", [True, False])
async def test_a_reading_that_fails_harms_nobody(tmp_path: Path, alone: bool) -> None:
    def wrong(db: sqlite3.Connection) -> None:
        db.execute("SELECT n FROM nowhere")

    others = (count, count) if alone else (count, put(1))
    async with running(tmp_path / "l.db") as engine:
        gate, tasks = await queued(engine, others[0], wrong, others[1], reading=[count, wrong])
        gate.open()
        _, before, failed, after = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(failed, sqlite3.OperationalError)
        assert (before, after, engine.failed) == (0, 0 if alone else 1, None)
        assert await engine.run(put(2)) == 2


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("fails", [True, False])
async def test_what_should_only_read_and_writes_is_told_so_and_nothing_of_it_stays(
    tmp_path: Path, alone: bool, fails: bool
) -> None:
    def writes(db: sqlite3.Connection) -> None:
        db.execute(PUT, (404,))
        if fails:
            raise ValueError("after it wrote")

    last = count if alone else put(1)
    async with running(tmp_path / "l.db") as engine:
        gate, tasks = await queued(engine, count, writes, last, reading=[count, writes])
        gate.open()
        _, before, wrong, after = await asyncio.gather(*tasks, return_exceptions=True)
        assert (before, after, engine.failed) == (0, 0 if alone else 1, None)
        assert isinstance(wrong, RuntimeError | ValueError)
        assert fails or "should only read" in str(wrong)
    assert on_disk(tmp_path / "l.db") == ([] if alone else [1])


async def test_nobody_hears_of_what_is_not_on_disk_yet(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    async with running(path) as engine:
        within = Gate()
        before, (_, written, held) = await queued(engine, put(1), within)
        before.open()
        await asyncio.to_thread(within.reached.wait, 20)
        assert (written.done(), held.done(), on_disk(path)) == (False, False, [])
        within.open()
        assert await written == 1
        assert on_disk(path) == [1]


async def test_a_failed_commit_fails_all_who_waited_and_everybody_after(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    async with running(path) as engine:
        await engine.run(put(1))
        gate, tasks = await queued(engine, put(2), unsound, put(3))
        gate.open()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in answers[1:]] == [LedgerFailed] * 3
        assert "systemctl restart perkd" in (engine.failed or "")
        with raises(LedgerFailed, "broken"):
            await engine.run(put(4))
    assert on_disk(path) == [1]


async def test_what_was_queued_behind_a_failed_commit_fails_too(tmp_path: Path) -> None:
    async with running(tmp_path / "l.db") as engine:
        gate, tasks = await queued(engine, unsound, *(put(number) for number in range(AT_ONCE + 10)))
        gate.open()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(answer) for answer in answers[1:]} == {LedgerFailed}
    assert on_disk(tmp_path / "l.db") == []


async def test_a_full_disk_fails_everybody_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    async with running(path) as engine:
        await engine.run(put(1))
        pages = await engine.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
        await engine.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchall())

        def large(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO t (n, blob) VALUES (2, zeroblob(1000000))")

        gate, tasks = await queued(engine, put(3), large, put(4))
        gate.open()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(answer) for answer in answers[1:]} == {LedgerFailed}
        with raises(LedgerFailed, "broken") as raised:
            await engine.run(put(5))
        assert "database or disk is full" in str(raised.value)  # in SQLite's words
    assert on_disk(path) == [1]


async def test_a_ledger_that_became_read_only_fails_everybody_at_the_first_write(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    async with running(path) as engine:
        await engine.run(put(1))
        gate, tasks = await queued(engine, put(2), lambda db: db.execute("PRAGMA query_only = ON").fetchall(), put(3))
        gate.open()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in answers[1:]] == [LedgerFailed] * 3
        assert "readonly database" in (engine.failed or "")
    assert on_disk(path) == [1]


async def test_a_ledger_somebody_else_keeps_locked_fails_instead_of_guessing(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    async with running(path) as engine:
        with closing(connect(path)) as other:
            other.execute("BEGIN IMMEDIATE")
            with raises(LedgerFailed, "broken") as raised:
                await engine.run(put(1))
            assert "locked" in str(raised.value)


def spoil(path: Path) -> None:
    """Overwrites the middle of the file, as a failing disk would."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 8192)


async def test_a_reader_that_met_a_damaged_page_says_so_and_goes_on_reading(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    async with running(path) as engine:
        await engine.run(lambda db: db.executemany("INSERT INTO t (blob) VALUES (zeroblob(?))", [(500,)] * 200))
    spoil(path)
    async with running(path, writes=False) as engine:
        with raises(LedgerFailed, "broken") as raised:
            await engine.run(lambda db: db.execute("SELECT SUM(LENGTH(blob)) FROM t").fetchone())
        assert "database disk image is malformed" in str(raised.value)
        assert (await engine.run(lambda db: db.execute("SELECT 7").fetchone()[0]), engine.failed) == (7, None)


async def test_closing_finishes_what_waits_and_refuses_what_comes_after(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    async with running(path) as engine:
        gate, tasks = await queued(engine, *(put(number) for number in range(AT_ONCE + 10)))
        closing_it = asyncio.ensure_future(engine.close())
        await asyncio.sleep(0)
        with raises(LedgerFailed, "closed"):
            await engine.run(put(-1))
        gate.open()
        await closing_it
        await engine.close()
        await asyncio.gather(*tasks)
    assert on_disk(path) == list(range(AT_ONCE + 10))


async def test_a_caller_who_gave_up_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    async with running(path) as engine:
        gate, tasks = await queued(engine, put(1), put(2), put(3))
        tasks[2].cancel()
        gate.open()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        assert tasks[2].cancelled()
        assert await engine.run(put(4)) == 4
    assert on_disk(path) in ([1, 2, 3, 4], [1, 3, 4])
