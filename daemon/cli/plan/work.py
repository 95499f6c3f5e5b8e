"""Makes the plan: runs the daemon's own steps on a copy of the ledger, and collects the results.

`verb.py` calls it; `text.py` prints a Plan as text, `as_json` makes its JSON.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ...config import Settings
from ...core.model import State, Step
from ...ledger import Brakes, CommandRow, LedgerCopy, LedgerError
from ...polling import Sighting
from ...reports import command_json, stamp
from ..errors import Code, Misconfigured, NotWell, OutOfReach
from . import rehearsal
from .rehearsal import Rehearsal

HYPOTHETICAL = ("id", "reply", "attempts", "created_at", "due_at", "sent_at", "settled_at")

DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


@dataclass(slots=True)
class Plan:
    """What would happen. `commands` would be new; from `waiting` on it is about commands that wait already."""

    fresh: bool
    first_start: bool
    compared: int = 0
    oldest_read_at: datetime | None = None
    unread: list[str] = field(default_factory=list)  # customers whom perkd has not read yet
    failed: list[tuple[str, str]] = field(default_factory=list)  # (customer, what the store said)
    commands: list[CommandRow] = field(default_factory=list)
    adopted: Counter[tuple[str, str]] = field(default_factory=Counter)
    waiting: int = 0
    voided: list[CommandRow] = field(default_factory=list)
    stopped: list[CommandRow] = field(default_factory=list)
    freed: list[CommandRow] = field(default_factory=list)
    brake: Brakes = field(default_factory=Brakes)
    brake_trips: bool = False

    def counts(self) -> dict[tuple[str, str], dict[str, int]]:
        """For each (server, perk): holdings to grant and to revoke, once items counted as given, blocked commands."""
        found: dict[tuple[str, str], dict[str, int]] = {}
        holdings = {(row.server, row.perk, row.step, row.holding_id) for row in self.commands}
        numbers = Counter((server, perk, step) for server, perk, step, _ in holdings)
        blocked = Counter((row.server, row.perk) for row in self.commands if row.state == State.BLOCKED)
        for server, perk in sorted({*((s, p) for s, p, _ in numbers), *self.adopted}):
            found[server, perk] = {
                "grant": numbers[server, perk, Step.GRANT.value],
                "revoke": numbers[server, perk, Step.REVOKE.value],
                "adopt": self.adopted[server, perk],
                "blocked": blocked[server, perk],
            }
        return found


def make(found: Settings, *, fresh: bool) -> Plan:
    """The plan for these settings. Raises Misconfigured, NotWell or OutOfReach."""
    now = datetime.now(UTC)
    try:
        return asyncio.run(_make(found, now, fresh=fresh))
    except LedgerError as error:
        raise Misconfigured(Code.LEDGER_UNUSABLE, str(error)) from error
    except sqlite3.DatabaseError as error:
        if _primary(error) in DAMAGED:
            text = f"{found.ledger.path} is damaged ({error}): `perkd run` says what to do"
            raise Misconfigured(Code.LEDGER_DAMAGED, text) from error
        raise NotWell(
            Code.LEDGER_OF_ANOTHER_VERSION,
            f"this perkd cannot read {found.ledger.path} ({error}): is the daemon of the same version as this command?",
        ) from error


def _primary(error: sqlite3.DatabaseError) -> int:
    """SQLite's primary result code of the error (https://sqlite.org/rescode.html)."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


async def _make(found: Settings, now: datetime, *, fresh: bool) -> Plan:
    known = await rehearsal.copy_of(found.ledger.path, now)
    made = Plan(fresh=fresh, first_start=known is None)
    if known is None and not fresh:
        return made
    async with closing(known or await LedgerCopy.empty(now)) as copy:
        played = await Rehearsal.start(copy, found, lambda: datetime.now(UTC))
        if fresh:
            from .fresh import read_all  # noqa: PLC0415 - it imports the HTTP client, which only --fresh needs

            reading = await read_all(played, found)
            if reading.failed and not reading.read:
                label, why = reading.failed[0]
                raise OutOfReach(reading.code, f"no customer could be read from the store. {label}: {why}")
            made.compared, made.failed = reading.read, reading.failed
        else:
            await _look_again(played, made)
        made.commands, made.adopted = await copy.new_commands(), await copy.adopted()
        made.waiting, made.voided = await copy.still_waiting(), await copy.turned(State.VOID)
        made.stopped, made.freed = await copy.turned(State.BLOCKED), await copy.turned(State.PLANNED)
        made.brake = await copy.observations.brake()
        made.brake_trips = made.brake.on_at is not None and played.brake_before.on_at is None
    return made


@asynccontextmanager
async def closing(copy: LedgerCopy) -> AsyncIterator[LedgerCopy]:
    try:
        yield copy
    finally:
        await copy.close()


async def _look_again(played: Rehearsal, made: Plan) -> None:
    """Looks at every customer as last read, as if the store gave the same answer now."""
    for row in await played.everybody():
        if row.customer_id is None or (row.read_at is None and row.token is not None):
            made.unread.append(row.label)
            continue
        sighting = None if row.token is None else Sighting(read_at=played.now(), inventory=None)
        await played.look(row.customer_id, sighting)
        made.compared += 1
        made.oldest_read_at = min(filter(None, (made.oldest_read_at, row.read_at)), default=None)


def as_json(made: Plan, found: Settings) -> dict[str, Any]:
    """The plan as `perkd plan --json` prints it."""
    return {
        "ledger": str(found.ledger.path),
        "first_start": made.first_start,
        "fresh": made.fresh,
        "compared": made.compared,
        "oldest_read_at": stamp(made.oldest_read_at),
        "unread": made.unread,
        "failed": [{"customer": label, "error": why} for label, why in made.failed],
        "changes": [{"server": server, "perk": perk, **numbers} for (server, perk), numbers in made.counts().items()],
        "commands": [
            {key: value for key, value in command_json(row).items() if key not in HYPOTHETICAL} for row in made.commands
        ],
        "waiting": made.waiting,
        "voided": [row.id for row in made.voided],
        "stopped": [row.id for row in made.stopped],
        "freed": [row.id for row in made.freed],
        "brake": {
            "on": made.brake.on_at is not None,
            "would_trip": made.brake_trips,
            "blocked": made.brake.blocked,
            "reason": made.brake.reason,
        },
    }
