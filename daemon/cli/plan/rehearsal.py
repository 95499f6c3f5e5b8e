"""A rehearsal of what the daemon would do: the same steps, on a copy of the ledger in memory, with nothing sent.

`plan` plays it. Because it is a copy of everything, a plan says exactly what would be sent: also what a waiting
command, a rename or a shared holding changes is decided by the code that decides it in earnest.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import cast

from perkd.adapters import ADAPTERS

from ...config import Settings
from ...core.brake import Brake
from ...core.changes import Known, Observation, Turn
from ...core.model import FirstSeen, Profile, State, WhenAbsent
from ...ledger import Brakes, CommandRow, Ledger, LedgerCopy, Polled, Recorded
from ...polling import Lane, Rules, Sighting
from ..errors import Code, NotWell

OPEN = (State.PLANNED, State.BLOCKED)


def copy_of(path: Path) -> LedgerCopy | None:
    """The ledger as it is now, in memory; None when there is none yet. Raises LedgerError, or NotWell for a ledger
    this user may not read."""
    try:
        return LedgerCopy.of(path)
    except PermissionError as error:
        text = f"this user may not read {path}: run the command as root or as the user perkd runs as"
        raise NotWell(Code.LEDGER_NOT_READABLE, text) from error


class Rehearsal:
    """The daemon's start with these settings on the copy, and then one look at each customer."""

    def __init__(self, ledger: LedgerCopy, settings: Settings, now: Callable[[], datetime]) -> None:
        self._copy, self.now = ledger, now
        started = now()
        self._newest = ledger.newest()
        self._open_before = self._open()
        self.brake_before = self._brakes(started)
        if settings.customers.tokens is not None:
            ledger.sync_tokens(settings.customers.tokens, started)
        adopt = settings.customers.first_seen is FirstSeen.ADOPT
        catalogue = ledger.configure(settings.servers, settings.perks, started, adopt=adopt)
        brake = Brake(settings.brake, on_since=self.brake_before.on_at)
        for customer, read_at, held, removals in ledger.window(started - settings.brake.window):
            brake.note(customer, held, removals, read_at)
        rules = Rules(
            catalogue=catalogue,
            adapters=Rules.adapters_of(catalogue, settings.servers, ADAPTERS),
            hold_absent=settings.brake.absent is WhenAbsent.HOLD,
            fingerprint="",
        )
        # The lane asks its ledger for `known` and `record` only; these are the copy's.
        self._lane = Lane(cast(Ledger, self), rules, brake, now)
        self.adopted: Counter[tuple[str, str]] = Counter()  # (server, perk) → once-items that count as given

    # What the lane asks its ledger for

    async def known(self, customer_id: str, players: Callable[[Profile], Iterable[str]]) -> Known:
        return self._copy.known(customer_id, players)

    async def record(self, seen: Observation) -> Recorded:
        adopted = (one.change for one in seen.planned if one.change.turn is Turn.ADOPT)
        self.adopted.update((change.key.server, change.perk) for change in adopted)
        return self._copy.record(seen)

    # What the plan plays

    def everybody(self) -> list[Polled]:
        """Whom the daemon would look at with these settings."""
        return self._copy.polled()

    def identify(self, row: Polled, profile: Profile) -> None:
        self._copy.identify(row.token_id, profile, self.now())

    async def look(self, customer_id: str, sighting: Sighting | None) -> None:
        await self._lane.look(customer_id, sighting, clock_ok=True)

    # What came of it

    def commands(self) -> list[CommandRow]:
        """The commands that would be new, oldest first."""
        return [*self._copy.newer_than(self._newest)][::-1]

    def waiting(self) -> int:
        """How many commands wait in the ledger already and still would."""
        return sum(row.state == State.PLANNED for row in self._still())

    def turned(self, state: State) -> list[CommandRow]:
        """The commands that wait in the ledger in another state and would be in this one."""
        return [row for row in self._still() if row.state == state and self._open_before[row.id] != state]

    def brake(self) -> Brakes:
        return self._brakes(self.now())

    def _brakes(self, now: datetime) -> Brakes:
        return self._copy.brake(now)

    def _open(self) -> dict[int, State]:
        return {row.id: row.state for state in OPEN for row in self._copy.in_state(state)}

    def _still(self) -> Iterator[CommandRow]:
        for command_id in self._open_before:
            row = self._copy.command(command_id)
            if row is not None:
                yield row
