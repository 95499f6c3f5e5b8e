"""The ledger as files: the marker that says one was here, the lock, opening, migrating after a backup, copies.

`sqlite.py` opens through here; nothing here knows what the tables mean. Law 16 lives in this file.
"""

import fcntl
import os
import sqlite3
import uuid
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Self

from .base import LedgerCorrupt, LedgerForeign, LedgerLocked, LedgerMissing, LedgerUnwritable

SCHEMA = files(__package__) / "schema"


class Lock:
    """Held while a daemon uses a state directory; the kernel frees it when the process ends, however it ends."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name("ledger.lock")
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerUnwritable(
                f"{self.path.parent} cannot be written ({error.strerror}): the ledger's directory must exist and "
                "belong to the user perkd runs as"
            ) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise LedgerLocked(
                f"another perkd{f' (process {holder})' if holder else ''} uses {self.path.parent}: two daemons on one "
                "ledger would deliver twice; stop the other one, or give this one its own ledger.url"
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def open_database(path: Path, now: datetime) -> sqlite3.Connection:
    """The ledger's connection, checked, migrated and ready to write. Starts a new ledger only where none was before.

    Raises LedgerMissing, LedgerForeign, LedgerCorrupt or LedgerUnwritable, each saying what to do.
    """
    marker = path.with_name("ledger.id")
    marked = marker.read_text("ascii").strip() if marker.exists() else None
    if marked and (not path.exists() or path.stat().st_size == 0):
        raise LedgerMissing(
            f"{path} is gone, but {marker.name} beside it says there was a ledger. Starting empty would give out every "
            f"purchase again. Restore the ledger from {path.parent / 'backups'}; only if a new start is really meant, "
            f"delete {marker}"
        )
    connection = _connect(path)
    try:
        _check(connection, path)
        _migrate(connection, path, now)
        _match_marker(connection, path, marker, marked)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A second connection that cannot write, for reports and for `perkd plan` beside a running daemon."""
    try:
        connection = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, timeout=10
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT 1 FROM meta").fetchone()
    except sqlite3.Error as error:
        raise LedgerMissing(
            f"{path} cannot be read as a ledger ({error}): start perkd once, or correct ledger.url"
        ) from error
    return connection


def copy(source: sqlite3.Connection, target: Path) -> None:
    """A complete, consistent copy under a name that appears only when it is whole."""
    target.parent.mkdir(mode=0o700, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    partial.unlink(missing_ok=True)
    copied = sqlite3.connect(partial)
    try:
        source.backup(copied)
        copied.execute("PRAGMA journal_mode = DELETE")
    finally:
        copied.close()
    partial.chmod(0o600)
    partial.replace(target)


def keep_newest(folder: Path, pattern: str, count: int) -> None:
    for old in sorted(folder.glob(pattern))[:-count]:
        old.unlink()


def _connect(path: Path) -> sqlite3.Connection:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)  # tokens stand in it: nobody else reads it
        os.close(fd)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.DatabaseError as error:
        if "file is not a database" in str(error) or "malformed" in str(error):
            raise _corrupt(path, str(error)) from error
        raise LedgerUnwritable(
            f"{path} cannot be written ({error}): it and its directory must belong to the user perkd runs as, and the "
            "disk must have room"
        ) from error
    except OSError as error:
        raise LedgerUnwritable(
            f"{path} cannot be opened ({error.strerror}): it and its directory must belong to the user perkd runs as"
        ) from error
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    try:
        answer = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.DatabaseError as error:
        raise _corrupt(path, str(error)) from error
    if answer != ["ok"]:
        raise _corrupt(path, "; ".join(answer))


def _corrupt(path: Path, what: str) -> LedgerCorrupt:
    return LedgerCorrupt(
        f"{path} is damaged ({what}). perkd will not guess what it gave: restore the newest whole copy from "
        f"{path.parent / 'backups'} (stop perkd, copy it over {path.name}, remove {path.name}-wal and -shm, start)"
    )


def _migrate(connection: sqlite3.Connection, path: Path, now: datetime) -> None:
    """Applies the numbered files that are not applied yet, each in a transaction of its own, after a copy."""
    done = connection.execute("PRAGMA user_version").fetchone()[0]
    scripts = sorted((int(f.name[:4]), f) for f in SCHEMA.iterdir() if f.name.endswith(".sql"))
    if done > scripts[-1][0]:
        raise LedgerForeign(
            f"{path} was written by a newer perkd (schema {done}, this one knows {scripts[-1][0]}): "
            "install that version again, or restore the copy made before its first start"
        )
    # executescript takes no parameters; both values are made right here.
    values = f"('ledger_id', '{uuid.uuid4()}'), ('created_at', '{int(now.timestamp() * 1_000_000)}')"
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
                f"{path}: {script.name} could not be applied ({error}); nothing was changed"
            ) from error


def _match_marker(connection: sqlite3.Connection, path: Path, marker: Path, marked: str | None) -> None:
    found = connection.execute("SELECT value FROM meta WHERE key = 'ledger_id'").fetchone()[0]
    if marked is None:
        fd = os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(found + "\n")
            file.flush()
            os.fsync(file.fileno())
    elif marked != found:
        raise LedgerForeign(
            f"{path} is another ledger ({found}) than the one that was here ({marked}, by {marker.name}). Restore the "
            f"right file; if this one is meant to take over, delete {marker}"
        )
