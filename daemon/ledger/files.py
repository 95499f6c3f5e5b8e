"""The ledger as files: the marker that says one was here, the lock, opening, migrating after a backup, copies.

`sqlite.py` opens through here; nothing here knows what the tables mean. Law 16 lives in this file.
"""

import fcntl
import os
import sqlite3
import uuid
from contextlib import ExitStack, closing, suppress
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from .base import LedgerCode, LedgerCorrupt, LedgerForeign, LedgerLocked, LedgerMissing, LedgerUnwritable
from .convert import micros

SCHEMA = files(__package__) / "schema"


class Lock:
    """Held while a daemon uses a state directory; the kernel frees it when the process ends, however it ends."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name("ledger.lock")
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerUnwritable(
                LedgerCode.NOT_WRITABLE,
                f"{self.path.parent} cannot be written ({error.strerror}): the ledger's directory must exist and "
                "belong to the user perkd runs as",
            ) from error
        self._held = True
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise LedgerLocked(
                LedgerCode.IN_USE,
                f"another perkd{f' (process {holder})' if holder else ''} uses {self.path.parent}: two daemons on one "
                "ledger would deliver twice; stop the other one, or give this one its own ledger.url",
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        if self._held:
            self._held = False
            os.close(self._fd)


def open_database(path: Path, now: datetime) -> sqlite3.Connection:
    """The ledger's connection, checked, migrated and ready to write. Starts a new ledger only where none was before.

    Raises LedgerMissing, LedgerForeign, LedgerCorrupt or LedgerUnwritable, each saying what to do.
    """
    marker = path.with_name("ledger.id")
    marked = _read_marker(marker)
    if marked is not None and (not path.exists() or path.stat().st_size == 0):
        raise _missing(path, marker)
    connection = _connect(path)
    try:
        _check(connection, path)
        _compare(_identity(connection, path), marked, path, marker)
        _prepare(connection)
        _migrate(connection, path, now)
        if marked is None:
            _write_marker(marker, _identity(connection, path) or "")
    except sqlite3.Error as error:
        connection.close()
        raise LedgerUnwritable(
            LedgerCode.NOT_WRITABLE,
            f"{path} cannot be written ({error}): it and its directory must belong to the user perkd runs as, the disk "
            "must have room, and no other program may hold it open for writing",
        ) from error
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A second connection that cannot write, for reports and for `perkd plan` beside a running daemon."""
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
            f"{path} cannot be read as a ledger ({error}): start perkd once, or correct ledger.url",
        ) from error
    return connection


def copy(source: sqlite3.Connection, target: Path) -> None:
    """A complete, consistent copy under a name that appears only when it is whole. Raises LedgerUnwritable."""
    partial = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(mode=0o700, exist_ok=True)
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)  # before the first byte: tokens stand in it
        with closing(sqlite3.connect(partial)) as copied:
            source.backup(copied)
            copied.execute("PRAGMA journal_mode = DELETE")
        partial.replace(target)
        _sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise LedgerUnwritable(
            LedgerCode.NOT_COPIED,
            f"no copy of the ledger could be written to {target} ({error}): {target.parent} must belong to the user "
            "perkd runs as, and the disk must have room",
        ) from error


def keep_newest(folder: Path, pattern: str, count: int) -> None:
    for old in sorted(folder.glob(pattern))[:-count]:
        old.unlink()


def _connect(path: Path) -> sqlite3.Connection:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)  # tokens stand in it: nobody else reads it
        os.close(fd)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        connection.row_factory = sqlite3.Row
    except (OSError, sqlite3.Error) as error:
        raise LedgerUnwritable(
            LedgerCode.NOT_WRITABLE,
            f"{path} cannot be opened ({error}): it and its directory must belong to the user perkd runs as",
        ) from error
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Only once it is known to be a ledger: nobody else's file is changed."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _check(connection: sqlite3.Connection, path: Path) -> None:
    found = damage(connection)
    if found:
        raise LedgerCorrupt(
            LedgerCode.DAMAGED,
            f"{path} is damaged ({found}). perkd will not guess what it gave: restore the newest whole copy from "
            f"{path.parent / 'backups'} (stop perkd, copy it over {path.name}, remove {path.name}-wal and -shm, start)",
        )


def damage(connection: sqlite3.Connection) -> str:
    """What SQLite's own check finds wrong with the file, in its words; empty: nothing."""
    try:
        answer = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return str(error)
        raise
    return "" if answer == ["ok"] else "; ".join(answer)


def _identity(connection: sqlite3.Connection, path: Path) -> str | None:
    """The ledger's id; None: an empty database. Raises LedgerForeign when it is somebody else's."""
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
            f"{path} is a database of another program: perkd leaves it alone. Correct ledger.url, or move it away",
        )
    return str(row[0])


def _compare(found: str | None, marked: str | None, path: Path, marker: Path) -> None:
    if marked is not None and found is None:
        raise _missing(path, marker)
    if marked is not None and found != marked:
        raise LedgerForeign(
            LedgerCode.OTHER_LEDGER,
            f"{path} is another ledger ({found}) than the one that was here ({marked or 'unreadable'}, by "
            f"{marker.name}). Restore the right file; if this one is meant to take over, delete {marker}",
        )


def _missing(path: Path, marker: Path) -> LedgerMissing:
    return LedgerMissing(
        LedgerCode.GONE,
        f"{path} is gone or empty, but {marker.name} beside it says there was a ledger. Starting empty would give out "
        f"every purchase again. Restore the newest copy from {path.parent / 'backups'} (remove {path.name}-wal and "
        f"{path.name}-shm if they are still there); only if a new start is really meant, delete {marker}",
    )


def _migrate(connection: sqlite3.Connection, path: Path, now: datetime) -> None:
    """Applies the numbered files that are not applied yet, each in a transaction of its own, after a copy."""
    done = connection.execute("PRAGMA user_version").fetchone()[0]
    scripts = sorted((int(f.name[:4]), f) for f in SCHEMA.iterdir() if f.name.endswith(".sql"))
    if done > scripts[-1][0]:
        raise LedgerForeign(
            LedgerCode.NEWER_SCHEMA,
            f"{path} was written by a newer perkd (schema {done}, this one knows {scripts[-1][0]}): "
            "install that version again, or restore the copy made before its first start",
        )
    # executescript takes no parameters; both values are made right here.
    values = f"('ledger_id', '{uuid.uuid4()}'), ('created_at', '{micros(now)}')"
    birth = "INSERT INTO meta (key, value) VALUES " + values + ";"  # noqa: S608 - see above
    for number, script in scripts:
        if number <= done:
            continue
        statements = script.read_text("utf-8") + (birth if number == 1 else "")
        if done:
            copy(connection, path.parent / "backups" / f"before-{number:04}-{now:%Y%m%dT%H%M%S}.db")
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{statements}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.rollback()
            raise LedgerUnwritable(
                LedgerCode.NOT_MIGRATED, f"{path}: {script.name} could not be applied ({error}); nothing was changed"
            ) from error


def _read_marker(marker: Path) -> str | None:
    try:
        return marker.read_text("ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerUnwritable(
            LedgerCode.NOT_WRITABLE,
            f"{marker} cannot be read ({error.strerror}): it must belong to the user perkd runs as",
        ) from error


def _write_marker(marker: Path, ledger_id: str) -> None:
    """Under its name only when it is whole: a marker cut short would refuse the right ledger."""
    partial = marker.with_name(marker.name + ".part")
    try:
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(ledger_id + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(marker)
        _sync(marker.parent)
    except OSError as error:
        raise LedgerUnwritable(
            LedgerCode.NOT_WRITABLE,
            f"{marker} cannot be written ({error.strerror}): its directory must belong to the user perkd runs as, and "
            "the disk must have room",
        ) from error


def _sync(folder: Path) -> None:
    """Makes the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
