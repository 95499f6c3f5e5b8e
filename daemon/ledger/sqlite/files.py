"""The ledger's files: the marker that shows a ledger exists, the lock, opening, migrating after a backup, copies.

`sqlite.py` opens the ledger with this module. It does not know what the tables mean. It keeps law 16.
"""

import fcntl
import os
import sqlite3
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path

from ..base import LedgerCode, LedgerCorrupt, LedgerForeign, LedgerLocked, LedgerMissing, LedgerUnwritable
from .backups import sync
from .migrate import is_old, migrate


class Lock:
    """Held while a daemon uses a state directory. The kernel frees it when the process ends, also after a crash."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name("ledger.lock")
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerUnwritable(
                LedgerCode.NOT_WRITABLE,
                f"perkd cannot write to {self.path.parent} ({error.strerror}): create this directory if it is missing, "
                "and make the user that perkd runs as its owner",
            ) from error
        self._held = True
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise LedgerLocked(
                LedgerCode.IN_USE,
                f"another perkd{f' (process {holder})' if holder else ''} already uses {self.path.parent}: two daemons "
                "with one ledger would deliver everything twice. Stop the other one, or set another ledger.url for "
                "this one",
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        if self._held:
            self._held = False
            os.close(self._fd)


CHECKED_AT_ONCE = 64 * 1024 * 1024  # bytes that are checked in well under a second


def open_database(path: Path, now: datetime) -> tuple[sqlite3.Connection, bool]:
    """Opens the ledger, checks it and migrates it. Creates a new ledger only if there was none before. False: the
    ledger is large and was not checked yet: that takes seconds, in which deliveries need not wait, because SQLite
    refuses a damaged page that it meets.

    Raises LedgerMissing, LedgerForeign, LedgerCorrupt or LedgerUnwritable; each message says what to do.
    """
    marker = path.with_name("ledger.id")
    marked = _read_marker(marker)
    if marked is not None and (not path.exists() or path.stat().st_size == 0):
        raise _missing(path, marker)
    connection = _connect(path)
    try:
        checked = path.stat().st_size <= CHECKED_AT_ONCE or _is_old(connection)
        if checked:
            check(connection, path)
        _compare(_identity(connection, path), marked, path, marker)
        _prepare(connection)
        migrate(connection, path, now, keep=path.parent / "backups")
        if marked is None:
            _write_marker(marker, _identity(connection, path) or "")
    except sqlite3.Error as error:
        connection.close()
        raise LedgerUnwritable(
            LedgerCode.NOT_WRITABLE,
            f"perkd cannot write to {path} ({error}): check that the file and its directory belong to the user that "
            "perkd runs as, that the disk has free space, and that no other program has the file open for writing",
        ) from error
    except BaseException:
        connection.close()
        raise
    return connection, checked


def open_reader(path: Path) -> sqlite3.Connection:
    """A second, read-only connection: for reports, and for `perkd plan` while the daemon runs."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with ExitStack() as undo:
            connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
            undo.callback(connection.close)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA query_only = ON")
            connection.execute("SELECT 1 FROM meta").fetchone()
            undo.pop_all()
    except sqlite3.Error as error:
        raise LedgerMissing(
            LedgerCode.NO_LEDGER,
            f"{path} is not a readable ledger ({error}): start perkd once to create it, or correct ledger.url",
        ) from error
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    try:
        fd = os.open(
            path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )  # it contains tokens: no other user may read it
        os.close(fd)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        connection.row_factory = sqlite3.Row
    except (OSError, sqlite3.Error) as error:
        raise LedgerUnwritable(
            LedgerCode.NOT_WRITABLE,
            f"perkd cannot open {path} ({error}): check that the file and its directory belong to the user that perkd "
            "runs as",
        ) from error
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Called only after the check that this is a ledger, so that perkd never changes another program's file."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cell_size_check = ON")  # a damaged page is found when it is first read
    connection.execute("PRAGMA foreign_keys = ON")


def _is_old(connection: sqlite3.Connection) -> bool:
    """Whether it must be migrated; so it is checked before that. A file that cannot be read at all is, too."""
    try:
        return is_old(connection)
    except sqlite3.DatabaseError:
        return True


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Reads the whole file. Raises LedgerCorrupt."""
    found = damage(connection)
    if found:
        raise LedgerCorrupt(
            LedgerCode.DAMAGED,
            f"{path} is damaged ({found}). perkd does not run with it, because it cannot know what it gave already. "
            f"Restore the newest undamaged copy from {path.parent / 'backups'}: stop perkd, copy it over {path.name}, "
            f"delete {path.name}-wal and {path.name}-shm, start perkd",
        )


def damage(connection: sqlite3.Connection) -> str:
    """What SQLite's own check says is wrong with the file; empty if nothing is wrong."""
    try:
        answer = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return str(error)
        raise
    return "" if answer == ["ok"] else "; ".join(answer)


def _identity(connection: sqlite3.Connection, path: Path) -> str | None:
    """The ledger's id, or None for an empty database. Raises LedgerForeign for another program's database."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables and not connection.execute("PRAGMA user_version").fetchone()[0]:
        return None
    row = None
    if "meta" in tables:
        with suppress(sqlite3.OperationalError):  # a table of that name with other columns
            row = connection.execute("SELECT value FROM meta WHERE key = 'ledger_id'").fetchone()
    if row is None:
        raise LedgerForeign(
            LedgerCode.OTHER_PROGRAM,
            f"{path} is the database of another program; perkd has not changed it. Correct ledger.url, or move that "
            "file away",
        )
    return str(row[0])


def _compare(found: str | None, marked: str | None, path: Path, marker: Path) -> None:
    if marked is not None and found is None:
        raise _missing(path, marker)
    if marked is not None and found != marked:
        raise LedgerForeign(
            LedgerCode.OTHER_LEDGER,
            f"{path} is not the ledger that was here before: its id is {found}, but {marker.name} says "
            f"{marked or 'nothing readable'}. Restore the right file, or delete {marker} if you want to use this one",
        )


def _missing(path: Path, marker: Path) -> LedgerMissing:
    return LedgerMissing(
        LedgerCode.GONE,
        f"{path} is missing or empty, but {marker.name} in the same folder shows that there was a ledger. With an "
        f"empty ledger perkd would deliver every purchase again. Restore the newest copy from {path.parent / 'backups'}"
        f", and delete {path.name}-wal and {path.name}-shm if they exist. Delete {marker} only if you really want to "
        "start with an empty ledger",
    )


def _read_marker(marker: Path) -> str | None:
    try:
        return marker.read_text("ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerUnwritable(
            LedgerCode.NOT_WRITABLE,
            f"perkd cannot read {marker} ({error.strerror}): make the user that perkd runs as its owner",
        ) from error


def _write_marker(marker: Path, ledger_id: str) -> None:
    """The file gets its name only when it is complete: with half a marker perkd would refuse the right ledger."""
    partial = marker.with_name(marker.name + ".part")
    try:
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(ledger_id + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(marker)
        sync(marker.parent)
    except OSError as error:
        raise LedgerUnwritable(
            LedgerCode.NOT_WRITABLE,
            f"perkd cannot write {marker} ({error.strerror}): check that its directory belongs to the user that perkd "
            "runs as, and that the disk has free space",
        ) from error
