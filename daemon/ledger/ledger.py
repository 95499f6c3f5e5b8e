"""The ledger: what was seen, given and taken back, in one SQLite file. One thread writes, another reads for reports.

Its facets are the ways to use it: `commands`, `observations`, `roll`, `queue`, `reports`. Every write is atomic, and on
disk when it returns.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Self

from ..config import TokenEntry
from ..core.model import Perk, Server
from . import config, roll
from .base import LedgerCode, LedgerCorrupt
from .commands import CommandsFacet
from .convert import micros, moment
from .facet import Facet, read, write
from .observations import ObservationsFacet
from .queue import QueueFacet
from .reports import ReportsFacet
from .roll import RollFacet
from .rows import Configured
from .sqlite import backups, files
from .sqlite.engine import Engine
from .sqlite.queries import SQL

PURGED_AT_ONCE = 5000  # rows in one transaction: a command never waits for a whole purge


class Ledger(Facet):
    """`id` tells this ledger from every other one, for as long as it lives."""

    def __init__(self, path: Path, writer: Engine, reader: Engine, ledger_id: str, undo: ExitStack) -> None:
        super().__init__(writer, reader)
        self.path, self.id, self._undo = path, ledger_id, undo
        self._check: tuple[sqlite3.Connection, asyncio.Future[None]] | None = None
        self.commands = CommandsFacet(writer, reader)
        self.observations = ObservationsFacet(writer, reader)
        self.roll = RollFacet(writer, reader)
        self.queue = QueueFacet(writer, reader)
        self.reports = ReportsFacet(writer, reader)

    @classmethod
    async def open(cls, path: Path, now: datetime) -> Self:
        """Locks, checks and migrates the ledger. A large one is checked afterwards, beside the work: await `checked`.
        Raises the LedgerErrors of `files.py`."""
        micros(now)  # raises for a naive time before any file is touched
        with ExitStack() as undo:
            lock = files.Lock(path)
            undo.callback(lock.release)
            connection, checked = files.open_database(path, now)
            undo.callback(connection.close)
            reading = files.open_reader(path)
            undo.callback(reading.close)
            ledger_id = _id(reading)
            undo.pop_all()
        writer = Engine(connection, "perkd-ledger", writes=True)
        reader = Engine(reading, "perkd-reports", writes=False)
        closing = ExitStack()
        closing.callback(lock.release)
        ledger = cls(path, writer, reader, ledger_id, closing)
        if not checked:
            apart = files.open_reader(path)
            ledger._check = apart, asyncio.ensure_future(asyncio.to_thread(files.check, apart, path))
        return ledger

    async def checked(self) -> None:
        """Returns when the whole file is known to be undamaged. Raises LedgerCorrupt."""
        if self._check is not None:
            await asyncio.shield(self._check[1])

    @property
    def failed(self) -> str | None:
        """Why the ledger cannot be written any more; None while it can."""
        return self._writer.failed

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()
        if self._check is not None:
            connection, checking = self._check
            connection.interrupt()
            await asyncio.gather(checking, return_exceptions=True)
            connection.close()
        self._undo.close()

    @write
    def configure(
        self,
        db: sqlite3.Connection,
        servers: Sequence[Server],
        perks: Sequence[Perk],
        now: datetime,
        *,
        adopt: bool,
        tokens: Sequence[TokenEntry] | None = None,
    ) -> Configured:
        """Makes the config known, all of it or nothing: the tokens of source `file` are exactly `tokens` (None: as they
        are); cut-offs of new (perk, server) pairs, renames by `was`; blocks what is planned for a server that left and
        plans it again when it came back; blocks the store's lines on a server that does not run them."""
        at = micros(now)
        added, removed = (0, 0) if tokens is None else roll.sync_tokens(db, tokens, at)
        return Configured(config.configure(db, servers, perks, at, adopt=adopt), added, removed)

    @read
    def bookmark(self, db: sqlite3.Connection, name: str) -> str | None:
        """How far a reading of the store has come: the value that was stored last."""
        row = db.execute(SQL["meta"], {"key": name}).fetchone()
        return None if row is None else str(row["value"])

    @write
    def put_bookmark(self, db: sqlite3.Connection, name: str, value: str) -> None:
        db.execute(SQL["put_meta"], {"key": name, "value": value})

    async def backup(self, keep: int, now: datetime) -> str:
        """Writes a copy beside the ledger and keeps the newest `keep`. Returns its path. Raises LedgerCorrupt if the
        ledger is damaged, so that no damaged copy replaces an older, good one."""
        target = self.path.parent / "backups" / f"ledger-{moment(micros(now)):%Y%m%dT%H%M%S}.db"

        def copy(db: sqlite3.Connection) -> None:
            if damage := files.damage(db):
                raise LedgerCorrupt(
                    LedgerCode.DAMAGED,
                    f"{self.path} is damaged ({damage}): perkd made no backup today and kept the older ones in "
                    f"{target.parent}",
                )
            db.execute("COMMIT")  # the copy needs no open transaction
            try:
                backups.copy(db, target)
            finally:
                db.execute("BEGIN")
                db.execute("SAVEPOINT unit")

        await self._reader.run(copy)
        backups.keep_newest(target.parent, "ledger-*.db", keep)
        return str(target)

    async def purge(self, before: datetime) -> int:
        """Removes finished commands, acknowledged attempts and events older than that; never the key of a once-item or
        of a store's command. Returns how many rows."""
        gone = 0
        for name in ("purge_events", "purge_attempts", "purge_commands"):
            while some := await self._purge_some(name, before):
                gone += some
        return gone

    @write
    def _purge_some(self, db: sqlite3.Connection, name: str, before: datetime) -> int:
        return db.execute(SQL[name], {"before": micros(before), "most": PURGED_AT_ONCE}).rowcount


def _id(db: sqlite3.Connection) -> str:
    return str(db.execute(SQL["meta"], {"key": "ledger_id"}).fetchone()["value"])
