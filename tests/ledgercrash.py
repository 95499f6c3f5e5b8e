"""Kills a ledger before each SQL statement in turn and prints, as JSON, how many steps it had acknowledged.

`python -m tests.ledgercrash FOLDER` leaves one ledger for each statement in FOLDER; tests/contract/ledger/test_crash.py
runs it and opens them all.
"""

import asyncio
import itertools
import json
import os
import signal
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


async def _play(path: Path, told: int) -> None:
    ledger = await Ledger.open(path, NOW)
    for step in STEPS:
        await step(ledger)
        os.write(told, b".")
    await ledger.close()


def _kill_at(statement: int) -> None:
    """From now on counts the SQL statements of this process and kills it before the one with this number."""
    number = itertools.count(1)
    connect = sqlite3.connect

    def count(_sql: str) -> None:
        if next(number) == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    def traced(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_trace_callback(count)
        return connection

    sqlite3.connect = traced  # type: ignore[assignment]  # in a child process that will be killed


def _one(path: Path, statement: int) -> tuple[int, bool]:
    """How many steps were acknowledged before this statement, and whether the run reached it."""
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        _kill_at(statement)
        asyncio.run(_play(path, told))
        os._exit(0)
    os.close(told)
    _, status = os.waitpid(child, 0)
    acknowledged = len(os.read(heard, 1000))
    os.close(heard)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError(f"the child before statement {statement} failed by itself")
    return acknowledged, os.WIFSIGNALED(status)


def main() -> None:
    folder = Path(sys.argv[1])
    found = {}
    statement, acknowledged, killed = 1, 0, True
    while killed:
        where = folder / str(statement)
        where.mkdir()
        acknowledged, killed = _one(where / "ledger.db", statement)
        if killed:
            found[statement] = acknowledged
            statement += 1 if acknowledged else 5  # creating a ledger takes many statements, all in one transaction
    print(json.dumps(found))


if __name__ == "__main__":
    main()
