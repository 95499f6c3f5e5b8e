"""Copies of the ledger: before a migration, every night, and the newest few of them."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from ..base import LedgerCode, LedgerUnwritable


def copy(source: sqlite3.Connection, target: Path) -> None:
    """Writes a consistent copy. The file gets its name only when it is complete. Raises LedgerUnwritable."""
    partial = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(mode=0o700, exist_ok=True)
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)  # before the first byte is written: the copy contains tokens
        with closing(sqlite3.connect(partial)) as copied:
            source.backup(copied)
            copied.execute("PRAGMA journal_mode = DELETE")
        partial.replace(target)
        sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise LedgerUnwritable(
            LedgerCode.NOT_COPIED,
            f"perkd could not back up the ledger to {target} ({error}): check that {target.parent} belongs to the user "
            "that perkd runs as, and that the disk has free space",
        ) from error


def keep_newest(folder: Path, pattern: str, count: int) -> None:
    for old in sorted(folder.glob(pattern))[:-count]:
        old.unlink()


def sync(folder: Path) -> None:
    """Makes sure that the file names in a folder are on disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
