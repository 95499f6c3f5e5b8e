"""A large ledger of the first schema becomes one of today: nothing is lost, and the memory does not grow with it."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from perkd.daemon.core.model import State
from tests import bigledger

CUSTOMERS = 100_000
HOLDERS = 5_000  # whose commands are migrated: with those of all, which `tests.bench state` has, it takes a minute
MOST_KB = 64 * 1024  # by how much the process may grow
EVERY = 7
STORE = "'store command'"  # the perk that stood for the store's lines
OPEN = """
import asyncio, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from perkd.daemon.ledger import Ledger

async def main():
    await (await Ledger.open(Path(sys.argv[1]), datetime.now(UTC))).close()

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
asyncio.run(main())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_large_ledger_is_migrated_in_bounded_memory_and_loses_nothing(tmp_path: Path) -> None:
    """One test, so that the ledger is made once."""
    path = tmp_path / "ledger.db"
    bigledger.write(path, CUSTOMERS, holders=HOLDERS, events=False)
    done = subprocess.run([sys.executable, "-c", OPEN, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < MOST_KB
    [copy] = (tmp_path / "backups").iterdir()
    with closing(sqlite3.connect(path)) as ledger:
        ledger.execute("ATTACH ? AS was", (str(copy),))
        assert rows(ledger, "SELECT COUNT(*) FROM customers") == [(CUSTOMERS,)]
        assert {state for (state,) in rows(ledger, "SELECT DISTINCT state FROM commands")} == set(State)
        assert rows(ledger, "PRAGMA main.integrity_check") == [("ok",)]
        assert rows(ledger, "PRAGMA main.foreign_key_check") == []
        rows_are_as_before(ledger)
        lines_of_the_store_have_an_origin(ledger)
        kept_counts_are_those_from_zero(ledger)
    path.unlink()  # pytest would keep them
    copy.unlink()


def rows(ledger: sqlite3.Connection, statement: str) -> list[tuple[Any, ...]]:
    return ledger.execute(statement).fetchall()


def rows_are_as_before(ledger: sqlite3.Connection) -> None:
    """But for the lines of the store, which have no holding and no perk any more."""
    for (table,) in rows(ledger, "SELECT name FROM was.sqlite_master WHERE type = 'table'"):
        columns = ", ".join(column for _, column, *_ in rows(ledger, f"PRAGMA was.table_info({table})"))
        which = f"perk NOT IN ({STORE}, '')" if table in ("commands", "holdings") else "true"
        counted = f"SELECT COUNT(*) FROM {{}}.{table} WHERE {which}"  # noqa: S608 - the ledger's own names
        key = columns.partition(",")[0]  # one row in so many by it; a word counts as 0
        some = f"SELECT {columns} FROM {{}}.{table} WHERE {which} AND {key} % {EVERY} = 0 ORDER BY 1, 2"  # noqa: S608 - as above
        for asked in (counted, some):
            assert rows(ledger, asked.format("main")) == rows(ledger, asked.format("was")), table


def lines_of_the_store_have_an_origin(ledger: sqlite3.Connection) -> None:
    lines = rows(ledger, f"SELECT id FROM was.commands WHERE perk = {STORE} ORDER BY id")  # noqa: S608 - our word
    assert len(lines) == HOLDERS * bigledger.LINES
    assert rows(ledger, "SELECT id FROM commands WHERE origin = 'store' ORDER BY id") == lines
    assert rows(ledger, "SELECT DISTINCT origin FROM commands ORDER BY 1") == [("perk",), ("store",)]
    assert rows(ledger, f"SELECT id FROM holdings WHERE perk = {STORE}") == []  # noqa: S608 - our word
    asked = (
        "SELECT a.*, c.place, c.server, c.customer_id, c.player, c.key_item, c.text, c.state, c.hold, c.attempts,"
        " c.online_us, c.created_at, c.settled_at"
        " FROM {0}.attempts a LEFT JOIN {0}.commands c ON c.id = a.command_id ORDER BY a.attempt_id"
    )
    assert rows(ledger, asked.format("main")) == rows(ledger, asked.format("was"))


def kept_counts_are_those_from_zero(ledger: sqlite3.Connection) -> None:
    for kept, columns, counted in (
        ("command_counts", "state, server", "commands"),
        ("held_counts", "perk, server, kind", "holdings WHERE state = 'held'"),
    ):
        fresh = f"SELECT {columns}, COUNT(*) FROM {counted} GROUP BY {columns} ORDER BY {columns}"  # noqa: S608 - our words
        found = rows(ledger, f"SELECT {columns}, count FROM {kept} WHERE count > 0 ORDER BY {columns}")  # noqa: S608 - our words
        assert found == rows(ledger, fresh)
        assert len(found) > 1
