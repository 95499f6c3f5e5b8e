"""One thread with one SQLite connection. All work that waits is written in one transaction (group commit).

`sqlite.py` sends it units of work. A caller gets its result only after the COMMIT is on disk.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from ..base import LedgerCode, LedgerFailed

log = logging.getLogger("perkd.ledger")
T = TypeVar("T")
Unit = Callable[[sqlite3.Connection], T]

AT_ONCE = 256  # most units in one transaction: a burst needs one disk sync, and no caller waits for thousands

WROTE = "a unit of work that should only read has written; its changes were undone"

# The error codes that mean the disk or the file failed, not the statement: https://www.sqlite.org/rescode.html
BROKEN = frozenset(
    {
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)


@dataclass(slots=True)
class _Job:
    unit: Unit[Any]
    future: asyncio.Future[Any]
    reads: bool
    result: Any = None
    error: BaseException | None = None


class _Broken(Exception):
    """The transaction is lost, or the disk or the file failed."""


class Engine:
    """Runs units of work in the order in which they came. Units that share a transaction each run in their own
    SAVEPOINT, so that a failing unit undoes only itself. If a COMMIT or the disk fails, every waiting caller gets
    `LedgerFailed`; an engine that writes then also refuses every later caller."""

    def __init__(self, connection: sqlite3.Connection, name: str, *, writes: bool) -> None:
        self._connection = connection
        self._writes = writes
        self._begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._failed: str | None = None
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    async def run(self, unit: Unit[T]) -> T:
        """The unit's result, once it is on disk. Raises what the unit raised, or LedgerFailed."""
        return await self._do(unit, reads=False)

    async def read(self, unit: Unit[T]) -> T:
        """The result of a unit that only reads; this is faster, because it waits for no disk. If the unit writes, its
        changes are undone and a RuntimeError is raised. Raises what the unit raised, or LedgerFailed."""
        return await self._do(unit, reads=True)

    async def _do(self, unit: Unit[T], *, reads: bool) -> T:
        if self._closed:
            raise LedgerFailed(LedgerCode.CLOSED, "the ledger is closed, because perkd is stopping")
        if self._failed is not None:
            raise LedgerFailed(LedgerCode.BROKEN, self._failed)
        job = _Job(unit, self._loop.create_future(), reads)
        self._jobs.put(job)
        result: T = await job.future
        return result

    async def close(self) -> None:
        """Runs the units that still wait, then closes the connection."""
        if not self._closed:
            self._closed = True  # a later caller would wait for ever behind the end mark
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    # --- in the thread --------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        last = False
        while not last:
            first = self._jobs.get()
            batch: list[_Job] = []
            last = first is None
            if first is not None:
                batch.append(first)
                last = self._drain(batch)
            if batch:
                self._run_batch(batch)
                self._loop.call_soon_threadsafe(_deliver, batch)
        self._connection.close()

    def _drain(self, batch: list[_Job]) -> bool:
        """Adds the other waiting units, up to AT_ONCE. True if the end mark was among them."""
        while len(batch) < AT_ONCE:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return False
            if job is None:
                return True
            batch.append(job)
        return False

    def _run_batch(self, batch: list[_Job]) -> None:
        try:
            if self._failed is not None:
                raise sqlite3.OperationalError(self._failed)
            if all(job.reads for job in batch):
                self._read_all(batch)
            elif len(batch) == 1:
                self._run_alone(batch[0])
            else:
                self._run_together(batch)
        except (sqlite3.Error, _Broken) as error:
            self._fail(batch, error)

    def _read_all(self, batch: list[_Job]) -> None:
        """One snapshot for all units. It blocks nobody, and its COMMIT needs no disk sync."""
        self._connection.execute("BEGIN")
        for job in batch:
            changes = self._connection.total_changes
            self._try(job)
            if self._connection.total_changes != changes:
                self._connection.execute("ROLLBACK")
                self._connection.execute("BEGIN")
                job.error = RuntimeError(WROTE)
        self._connection.execute("COMMIT")

    def _run_alone(self, job: _Job) -> None:
        """The unit has the transaction for itself: a rollback undoes exactly this unit."""
        self._connection.execute(self._begin)
        self._connection.execute("COMMIT" if self._try(job) else "ROLLBACK")

    def _run_together(self, batch: list[_Job]) -> None:
        self._connection.execute(self._begin)
        for job in batch:
            self._run_one(job)
        self._connection.execute("COMMIT")

    def _run_one(self, job: _Job) -> None:
        changes = self._connection.total_changes
        self._connection.execute("SAVEPOINT unit")
        kept = self._try(job)
        if kept and job.reads and self._connection.total_changes != changes:
            job.error, kept = RuntimeError(WROTE), False
        if not kept:
            self._connection.execute("ROLLBACK TO unit")
        self._connection.execute("RELEASE unit")

    def _try(self, job: _Job) -> bool:
        """Whether the unit succeeded. Raises _Broken if the whole batch is lost."""
        try:
            job.result = job.unit(self._connection)
        except Exception as error:  # the caller gets it: an error in a unit must not end this thread
            if _broken(error) or not self._connection.in_transaction:
                raise _Broken(str(error)) from error
            job.error = error
        return job.error is None

    def _fail(self, batch: list[_Job], error: Exception) -> None:
        words = f"perkd could not read the ledger ({error}): check the disk"
        if self._writes:
            words = self._failed or (
                f"perkd could not write to the ledger ({error}): it sends no more commands until you restart it. "
                "Check the disk and its free space, then run `systemctl restart perkd`"
            )
            if self._failed is None:
                log.critical("%s", words, extra={"action": "ledger_failed"})
            self._failed = words
        with suppress(sqlite3.Error):  # the failure is reported already
            self._connection.rollback()
        for job in batch:
            job.error = LedgerFailed(LedgerCode.BROKEN, words)

    @property
    def failed(self) -> str | None:
        """Why the ledger cannot be written any more; None while it can."""
        return self._failed


def _broken(error: Exception) -> bool:
    """An extended error code has the primary code in its last byte."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in BROKEN


def _deliver(batch: list[_Job]) -> None:
    for job in batch:
        if job.future.cancelled():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
