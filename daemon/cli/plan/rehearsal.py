"""A rehearsal of what the daemon would do: the same steps, on a copy of the ledger in memory, with nothing sent.

`plan` plays it. Because it is a copy of everything, a plan says exactly what would be sent: also what a waiting
command, a rename or a shared holding changes is decided by the code that decides it in earnest.
"""

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import cast

from perkd.adapters import ADAPTERS

from ...config import Settings
from ...core.brake import Brake
from ...core.changes import Known, Observation, Turn
from ...core.model import Profile, State
from ...ledger import files, observe, operate, report
from ...ledger.base import Ledger, LedgerMissing, Recorded
from ...ledger.convert import micros
from ...ledger.rows import Brakes, CommandRow, Polled
from ...polling.reconcile import Lane, Rules, Sighting
from ..errors import NotWell

PAGE = 1000
OPEN = (State.PLANNED, State.BLOCKED)


def copy_of(path: Path) -> sqlite3.Connection | None:
    """The ledger as it is now, in memory; None when there is none yet. Raises LedgerError, or NotWell for a ledger
    this user may not read."""
    marker = path.with_name("ledger.id")
    try:
        if not path.exists() or not path.stat().st_size:
            if marker.exists():
                raise LedgerMissing(
                    f"{path} is gone or empty, but {marker.name} beside it says there was a ledger: `perkd run` says "
                    "what to do"
                )
            return None
        path.open("rb").close()
    except PermissionError as error:
        raise NotWell(f"this user may not read {path}: run the command as root or as the user perkd runs as") from error
    source = _reader(path)
    try:
        return _memory(source)
    finally:
        source.close()


def _reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Where nobody has the ledger open there is no WAL file, and reading it like any
    other database would leave one behind."""
    if path.with_name(f"{path.name}-wal").exists():
        return files.open_reader(path)
    return sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)


def empty(now: datetime) -> sqlite3.Connection:
    """A ledger as a first start would make it, in memory."""
    with tempfile.TemporaryDirectory(prefix="perkd-plan-") as folder:
        source = files.open_database(Path(folder) / "ledger.db", now)
        try:
            return _memory(source)
        finally:
            source.close()


def _memory(source: sqlite3.Connection) -> sqlite3.Connection:
    memory = sqlite3.connect(":memory:", isolation_level=None)
    source.backup(memory)
    memory.row_factory = sqlite3.Row
    memory.execute("PRAGMA foreign_keys = ON")
    return memory


class Rehearsal:
    """The daemon's start with these settings on the copy, and then one look at each customer."""

    def __init__(self, connection: sqlite3.Connection, settings: Settings, now: Callable[[], datetime]) -> None:
        self._db, self.now = connection, now
        started = now()
        self._newest = next((row.id for row in report.commands(connection, limit=1)), 0)
        self._open_before = self._open()
        self.brake_before = self._brakes(started)
        if settings.customers.tokens is not None:
            operate.sync_tokens(connection, settings.customers.tokens, micros(started))
        adopt = settings.customers.first_seen == "adopt"
        catalogue = operate.configure(connection, settings.servers, settings.perks, micros(started), adopt=adopt)
        brake = Brake(settings.brake, on_since=self.brake_before.on_at)
        for customer, read_at, held, removals in report.window(connection, started - settings.brake.window):
            brake.note(customer, held, removals, read_at)
        rules = Rules(
            catalogue=catalogue,
            adapters=Rules.adapters_of(catalogue, settings.servers, ADAPTERS),
            hold_absent=settings.brake.absent == "hold",
            fingerprint="",
        )
        # The lane asks its ledger for `known` and `record` only; these are the copy's.
        self._lane = Lane(cast(Ledger, self), rules, brake, now)
        self.adopted: Counter[tuple[str, str]] = Counter()  # (server, perk) → once-items that count as given

    # What the lane asks its ledger for

    async def known(self, customer_id: str, players: Callable[[Profile], Iterable[str]]) -> Known:
        return observe.known(self._db, customer_id, players)

    async def record(self, seen: Observation) -> Recorded:
        adopted = (one.change for one in seen.planned if one.change.turn is Turn.ADOPT)
        self.adopted.update((change.key.server, change.perk) for change in adopted)
        return observe.record(self._db, seen)

    # What the plan plays

    def everybody(self) -> list[Polled]:
        """Whom the daemon would look at with these settings."""
        return report.polled(self._db)

    def identify(self, row: Polled, profile: Profile) -> None:
        operate.identify(self._db, row.token_id, profile, micros(self.now()))

    async def look(self, customer_id: str, sighting: Sighting | None) -> None:
        await self._lane.look(customer_id, sighting, clock_ok=True)

    # What came of it

    def commands(self) -> list[CommandRow]:
        """The commands that would be new, oldest first."""
        return [*self._new()][::-1]

    def waiting(self) -> int:
        """How many commands wait in the ledger already and still would."""
        return sum(row.state == State.PLANNED for row in self._still())

    def turned(self, state: State) -> list[CommandRow]:
        """The commands that wait in the ledger in another state and would be in this one."""
        return [row for row in self._still() if row.state == state and self._open_before[row.id] != state]

    def brake(self) -> Brakes:
        return self._brakes(self.now())

    def _brakes(self, now: datetime) -> Brakes:
        return report.summary(self._db, now).brake

    def _open(self) -> dict[int, str]:
        pages = (row for state in OPEN for row in report.commands(self._db, state=state.value, limit=2**62))
        return {row.id: row.state for row in pages}

    def _still(self) -> Iterator[CommandRow]:
        for command_id in self._open_before:
            row = report.command(self._db, command_id)
            if row is not None:
                yield row

    def _new(self) -> Iterator[CommandRow]:
        before = None
        while page := report.commands(self._db, limit=PAGE, before=before):
            for row in page:
                if row.id <= self._newest:
                    return
                yield row
            before = page[-1].id
