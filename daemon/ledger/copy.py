"""A copy of the ledger in memory, for `perkd plan`. Writing to the copy does not change the ledger."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from ..config import TokenEntry
from ..core.changes import Catalogue, Known, Observation
from ..core.model import Perk, Profile, Server, State
from . import files, observe, operate, report
from .base import LedgerCode, LedgerMissing, Recorded
from .convert import micros
from .rows import Brakes, CommandRow, Polled

PAGE = 1000


class LedgerCopy:
    """The ledger's operations, run at once and on the copy."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    def of(cls, path: Path) -> "LedgerCopy | None":
        """A copy of the ledger as it is now; None if there is no ledger yet. Raises LedgerError, or PermissionError if
        this user may not read the ledger."""
        marker = path.with_name("ledger.id")
        if not path.exists() or not path.stat().st_size:
            if marker.exists():
                raise LedgerMissing(
                    LedgerCode.NO_LEDGER,
                    f"{path} is missing or empty, but {marker.name} in the same folder shows that there was a ledger: "
                    "run `perkd run` to see what to do",
                )
            return None
        path.open("rb").close()
        source = _reader(path)
        try:
            return cls(_memory(source))
        finally:
            source.close()

    @classmethod
    def empty(cls, now: datetime) -> "LedgerCopy":
        """A new, empty ledger, as the first start of perkd makes it."""
        with tempfile.TemporaryDirectory(prefix="perkd-plan-") as folder:
            source = files.open_database(Path(folder) / "ledger.db", now)
            try:
                return cls(_memory(source))
            finally:
                source.close()

    def close(self) -> None:
        self._db.close()

    def sync_tokens(self, entries: Sequence[TokenEntry], now: datetime) -> None:
        operate.sync_tokens(self._db, entries, micros(now))

    def configure(self, servers: Iterable[Server], perks: Iterable[Perk], now: datetime, *, adopt: bool) -> Catalogue:
        return operate.configure(self._db, tuple(servers), tuple(perks), micros(now), adopt=adopt)

    def identify(self, token_id: int, profile: Profile, now: datetime) -> None:
        operate.identify(self._db, token_id, profile, micros(now))

    def known(self, customer_id: str, players: Callable[[Profile], Iterable[str]]) -> Known:
        return observe.known(self._db, customer_id, players)

    def record(self, seen: Observation) -> Recorded:
        return observe.record(self._db, seen)

    def polled(self) -> list[Polled]:
        """Every customer the daemon would poll."""
        return report.polled(self._db)

    def window(self, since: datetime) -> Iterable[tuple[str, datetime, int, int]]:
        return report.window(self._db, since)

    def brake(self, now: datetime) -> Brakes:
        return report.summary(self._db, now).brake

    def command(self, command_id: int) -> CommandRow | None:
        return report.command(self._db, command_id)

    def newest(self) -> int:
        """The id of the newest command; 0 if there is none."""
        return next((row.id for row in report.commands(self._db, limit=1)), 0)

    def in_state(self, state: State) -> list[CommandRow]:
        """Every command in this state, newest first."""
        return report.commands(self._db, state=state, limit=2**62)

    def newer_than(self, command_id: int) -> Iterator[CommandRow]:
        """The commands recorded after this one, newest first."""
        before = None
        while page := report.commands(self._db, limit=PAGE, before=before):
            for row in page:
                if row.id <= command_id:
                    return
                yield row
            before = page[-1].id


def _reader(path: Path) -> sqlite3.Connection:
    """A read-only connection. If no process has the ledger open, there is no WAL file, and a normal connection would
    create one."""
    if path.with_name(f"{path.name}-wal").exists():
        return files.open_reader(path)
    return sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)


def _memory(source: sqlite3.Connection) -> sqlite3.Connection:
    memory = sqlite3.connect(":memory:", isolation_level=None)
    source.backup(memory)
    memory.row_factory = sqlite3.Row
    memory.execute("PRAGMA foreign_keys = ON")
    return memory
