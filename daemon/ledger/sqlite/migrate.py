"""Brings a ledger's tables to this version of perkd: the numbered files of `sqlite/schema`, each once."""

import sqlite3
import uuid
from datetime import datetime
from importlib.resources.abc import Traversable
from pathlib import Path

from ..base import LedgerCode, LedgerForeign, LedgerUnwritable
from ..convert import micros
from .backups import copy
from .queries import FOLDER

SCHEMA = FOLDER / "schema"


def is_old(connection: sqlite3.Connection) -> bool:
    """Whether a numbered file is not applied yet."""
    done: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return done < _scripts()[-1][0]


def _scripts() -> list[tuple[int, Traversable]]:
    return sorted(((int(f.name[:4]), f) for f in SCHEMA.iterdir() if f.name.endswith(".sql")), key=lambda one: one[0])


def migrate(connection: sqlite3.Connection, path: Path, now: datetime, *, keep: Path | None) -> None:
    """Applies each numbered file that is not applied yet, each in its own transaction; before that, it makes a copy in
    the folder `keep`. A file may replace a table that others refer to, so nothing is enforced meanwhile.

    Raises LedgerForeign for a ledger of a newer version, LedgerUnwritable.
    """
    done = connection.execute("PRAGMA user_version").fetchone()[0]
    scripts = _scripts()
    if done > scripts[-1][0]:
        raise LedgerForeign(
            LedgerCode.NEWER_SCHEMA,
            f"{path} was written by a newer version of perkd (it has schema {done}, this version knows schema "
            f"{scripts[-1][0]}): install the newer version again, or restore the copy from before the upgrade in "
            f"{path.parent / 'backups'}",
        )
    # executescript takes no parameters; both values are made right here.
    values = f"('ledger_id', '{uuid.uuid4()}'), ('created_at', '{micros(now)}')"
    birth = "INSERT INTO meta (key, value) VALUES " + values + ";"  # noqa: S608 - see above
    connection.execute("PRAGMA foreign_keys = OFF")
    todo = [one for one in scripts if one[0] > done]
    for part in [[one] for one in todo] if done else [todo]:  # a new ledger is made in one transaction
        number, script = part[-1]
        statements = "\n".join(file.read_text("utf-8") for _, file in part) + ("" if done else birth)
        if done and keep is not None:
            copy(connection, keep / f"before-{number:04}-{now:%Y%m%dT%H%M%S}.db")
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{statements}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.rollback()
            raise LedgerUnwritable(
                LedgerCode.NOT_MIGRATED,
                f"perkd could not update {path} to its new version ({script.name}: {error}); the file is unchanged. "
                "Check that the disk has free space, then start perkd again",
            ) from error
    connection.execute("PRAGMA foreign_keys = ON")
    if todo and done:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # a migration's log is as large as the tables it wrote
