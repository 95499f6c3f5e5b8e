"""Leaves a ledger as a kill before each SQL statement would, and prints, as JSON, how many steps it had acknowledged.

`python -m tests.ledgercrash FOLDER` leaves one ledger for each statement in FOLDER; tests/contract/ledger/test_crash.py
runs it and opens them all.
"""

import asyncio
import itertools
import json
import shutil
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from perkd.adapters.base import Secret
from perkd.daemon.config.tokens_file import TokenEntry
from perkd.daemon.core.changes import Outcome
from perkd.daemon.core.model import State
from perkd.daemon.ledger.ledger import Ledger
from tests.ledgers import (
    NOW,
    claimed,
    ends,
    known_item,
    later,
    opens,
    perk,
    profile,
    record,
    server,
    support,
)

ENTRY = TokenEntry(Secret("a made-up token"), name="Ann's")


def _settles(state: State) -> Callable[[Ledger], Awaitable[None]]:
    async def settle(ledger: Ledger) -> None:
        [row] = await ledger.reports.commands(state=State.SENDING)
        await ledger.commands.settle(row.id, Outcome(state=state, reply="words"), NOW)

    return settle


async def _done(ledger: Ledger) -> None:
    [row] = await ledger.reports.commands(state=State.REFUSED)
    await ledger.commands.close(row.id, State.DELIVERED, NOW)


# The usual writes of perkd, one for each step: every acknowledged step must survive.
STEPS: tuple[Callable[[Ledger], Awaitable[Any]], ...] = (
    lambda ledger: ledger.configure([server()], [perk()], NOW, adopt=True, tokens=[ENTRY]),
    lambda ledger: ledger.roll.identify(1, profile(), NOW),
    lambda ledger: record(ledger, opens("one", "two", supports=[support()]), items=(known_item(),), digest=b"d"),
    claimed,
    _settles(State.DELIVERED),
    claimed,
    _settles(State.REFUSED),
    _done,
    lambda ledger: record(ledger, ends("take", supports=[support(live=False)]), braked="many", at=later(minutes=1)),
    lambda ledger: ledger.commands.release_brake(later(minutes=2)),
    lambda ledger: claimed(ledger, later(minutes=2)),
    lambda ledger: ledger.commands.recover(later(minutes=3)),
)


class _Copies:
    """Before each SQL statement, copies the ledger's files as they are: a kill at that moment leaves just these."""

    def __init__(self, folder: Path) -> None:
        self.acknowledged: dict[int, int] = {}  # before that statement → how many steps
        self.steps = 0
        self._folder = folder
        self._statements = itertools.count(1)

    def take(self, _sql: str) -> None:
        statement = next(self._statements)
        if self.steps or statement % 5 == 1:  # creating a ledger takes many statements, all in one transaction
            shutil.copytree(self._folder / "played", self._folder / str(statement))
            self.acknowledged[statement] = self.steps


async def main() -> None:
    folder = Path(sys.argv[1])
    copies, connect = _Copies(folder), sqlite3.connect

    def traced(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_trace_callback(copies.take)
        return connection

    sqlite3.connect = traced  # type: ignore[assignment]  # in a process of its own
    (folder / "played").mkdir()
    ledger = await Ledger.open(folder / "played" / "ledger.db", NOW)
    for step in STEPS:
        await step(ledger)
        copies.steps += 1
    print(json.dumps(copies.acknowledged))
    await ledger.close()


if __name__ == "__main__":
    asyncio.run(main())
