"""One thread that owns one SQLite connection: everything waiting is written in one transaction (group commit).

`sqlite.py` sends it units of work; a caller gets what was written only after the COMMIT that holds it is on disk.
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

from .base import LedgerCode, LedgerFailed

log = logging.getLogger("perkd.ledger")
T = TypeVar("T")
Unit = Callable[[sqlite3.Connection], T]

AT_ONCE = 256  # units in one transaction: a burst costs one sync, a caller never waits for thousands

WROTE = "a unit of work that should only read has written: nothing of it was kept"

# What a statement says when the disk or the file fails, not the statement: https://www.sqlite.org/rescode.html
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
    """The transaction is lost, or the disk or file failed under it."""


class Engine:
    """Runs units of work in the order they were given. Each that shares its transaction with others runs in its own
    SAVEPOINT, so that a failing one undoes only itself; a failed COMMIT, or a disk that fails under a statement, fails
    every waiter, and where the engine writes, from then on every caller (`LedgerFailed`)."""

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
        """The unit's result, once it is durable. Raises what the unit raised, or LedgerFailed."""
        return await self._do(unit, reads=False)

    async def read(self, unit: Unit[T]) -> T:
        """The result of a unit that only reads, which costs less: it waits for no disk. Of one that writes nothing is
        kept, and its caller gets a RuntimeError. Raises what the unit raised, or LedgerFailed."""
        return await self._do(unit, reads=True)

    async def _do(self, unit: Unit[T], *, reads: bool) -> T:
        if self._closed:
            raise LedgerFailed(LedgerCode.CLOSED, "the ledger is closed: perkd is stopping")
        if self._failed is not None:
            raise LedgerFailed(LedgerCode.BROKEN, self._failed)
        job = _Job(unit, self._loop.create_future(), reads)
        self._jobs.put(job)
        result: T = await job.future
        return result

    async def close(self) -> None:
        """Finishes what waits, then closes the connection."""
        if not self._closed:
            self._closed = True  # whoever comes now would wait for ever behind the end mark
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
        """Everything else that waits, up to AT_ONCE; True when the end mark was among it."""
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
        """One snapshot for all. It holds no lock anybody could wait for, and its end needs no disk."""
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
        """The transaction is its own: what undoes it undoes all of it."""
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
        """Whether the unit came through. Raises _Broken when nothing of this batch can be kept."""
        try:
            job.result = job.unit(self._connection)
        except Exception as error:  # whatever a unit raises belongs to its caller, not to this thread
            if _broken(error) or not self._connection.in_transaction:
                raise _Broken(str(error)) from error
            job.error = error
        return job.error is None

    def _fail(self, batch: list[_Job], error: Exception) -> None:
        words = f"the ledger could not be read ({error}): check the disk"
        if self._writes:
            words = self._failed or (
                f"the ledger could not be written ({error}): nothing is recorded or sent until perkd is restarted; "
                "check free space and the disk, then `systemctl restart perkd`"
            )
            if self._failed is None:
                log.critical("%s", words, extra={"action": "ledger_failed"})
            self._failed = words
        with suppress(sqlite3.Error):  # what is broken is said already
            self._connection.rollback()
        for job in batch:
            job.error = LedgerFailed(LedgerCode.BROKEN, words)

    @property
    def failed(self) -> str | None:
        """Why nothing is written any more; None while all is well."""
        return self._failed


def _broken(error: Exception) -> bool:
    """Extended codes carry the primary one in their last byte."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in BROKEN


def _deliver(batch: list[_Job]) -> None:
    for job in batch:
        if job.future.cancelled():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
