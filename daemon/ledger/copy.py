"""A copy of the ledger in a temporary file, for `perkd plan`. Writing to the copy does not change the ledger."""

import sqlite3
import tempfile
from collections import Counter
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Self

from ..core.model import State
from . import reports
from .base import LedgerCode, LedgerMissing
from .facet import read, write
from .ledger import Ledger
from .rows import CommandRow
from .sqlite import files
from .sqlite.engine import Engine
from .sqlite.migrate import migrate
from .sqlite.queries import SQL

PAGE = 1000


class LedgerCopy(Ledger):
    """A ledger as any other, that remembers how it was when it was copied."""

    @classmethod
    async def of(cls, path: Path, now: datetime) -> Self | None:
        """A copy of the ledger as it is now, brought to this version; None if there is no ledger yet. Raises
        LedgerError, or PermissionError if this user may not read the ledger."""
        if not _is_there(path):
            return None
        with closing(_reader(path)) as source:
            return await cls._begin(source, now)

    @classmethod
    async def empty(cls, now: datetime) -> Self:
        """A new, empty ledger, as the first start of perkd makes it."""
        return await cls._begin(None, now)

    @classmethod
    async def _begin(cls, source: sqlite3.Connection | None, now: datetime) -> Self:
        with ExitStack() as undo:
            folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="perkd-plan-"))
            path = Path(folder) / "ledger.db"
            db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            undo.callback(db.close)
            if source is not None:
                source.backup(db)
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA journal_mode = MEMORY")  # nobody needs the copy after a crash
            db.execute("PRAGMA synchronous = OFF")
            migrate(db, path, now, keep=None)
            ledger_id = str(db.execute(SQL["meta"], {"key": "ledger_id"}).fetchone()["value"])
            later = undo.pop_all()
        engine = Engine(db, "perkd-plan", writes=True)
        copy = cls(path, engine, engine, ledger_id, later)
        await copy._remember()
        return copy

    @write
    def _remember(self, db: sqlite3.Connection) -> None:
        db.execute("CREATE TEMP TABLE waited AS SELECT id, state FROM commands WHERE state IN ('planned', 'blocked')")
        db.execute(
            "CREATE TEMP TABLE newest AS SELECT (SELECT COALESCE(MAX(id), 0) FROM commands) AS command_id, "
            "(SELECT COALESCE(MAX(id), 0) FROM holdings) AS holding_id"
        )

    @read
    def new_commands(self, db: sqlite3.Connection) -> list[CommandRow]:
        """The commands recorded since, oldest first."""
        ids = [row[0] for row in db.execute("SELECT id FROM commands WHERE id > (SELECT command_id FROM newest)")]
        pages = (ids[at : at + PAGE] for at in range(0, len(ids), PAGE))
        return [row for page in pages for row in reversed(reports.of_ids(db, page))]

    @read
    def still_waiting(self, db: sqlite3.Connection) -> int:
        """How many commands waited and still wait to be sent."""
        found = db.execute("SELECT COUNT(*) FROM waited w JOIN commands c ON c.id = w.id WHERE c.state = 'planned'")
        count: int = found.fetchone()[0]
        return count

    @read
    def turned(self, db: sqlite3.Connection, state: State) -> list[CommandRow]:
        """The commands that waited in another state and have this one now, oldest first."""
        sql = "SELECT c.id FROM waited w JOIN commands c ON c.id = w.id WHERE c.state = :state AND w.state <> :state"
        ids = [row["id"] for row in db.execute(sql, {"state": state})]
        return list(reversed(reports.of_ids(db, ids)))

    @read
    def adopted(self, db: sqlite3.Connection) -> Counter[tuple[str, str]]:
        """(server, perk) → how many once items count as given since."""
        rows = db.execute(
            "SELECT server, perk, COUNT(*) AS count FROM holdings WHERE state = 'adopted' "
            "AND id > (SELECT holding_id FROM newest) GROUP BY server, perk"
        )
        return Counter({(row["server"], row["perk"]): row["count"] for row in rows})


def _is_there(path: Path) -> bool:
    marker = path.with_name("ledger.id")
    if path.exists() and path.stat().st_size:
        path.open("rb").close()
        return True
    if marker.exists():
        raise LedgerMissing(
            LedgerCode.NO_LEDGER,
            f"{path} is missing or empty, but {marker.name} in the same folder shows that there was a ledger: "
            "run `perkd run` to see what to do",
        )
    return False


def _reader(path: Path) -> sqlite3.Connection:
    """A read-only connection. If no process has the ledger open, there is no WAL file, and a normal connection would
    create one."""
    if path.with_name(f"{path.name}-wal").exists():
        return files.open_reader(path)
    return sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)
