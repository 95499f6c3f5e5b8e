"""Rehearses what the daemon would do: the same steps, on a copy of the ledger in memory. Nothing is sent.

`plan` uses it. The copy is complete and the code is the daemon's own, so a plan shows exactly what would be sent, also
where a command waits already, a perk was renamed or a holding is shared.
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
from ...polling import Reconciler, Rules, Sighting
from ..errors import Code, NotWell

OPEN = (State.PLANNED, State.BLOCKED)


def copy_of(path: Path) -> LedgerCopy | None:
    """A copy of the ledger in memory; None when there is no ledger yet. Raises LedgerError, or NotWell for a ledger
    that this user may not read."""
    try:
        return LedgerCopy.of(path)
    except PermissionError as error:
        text = f"this user may not read {path}: run the command as root or as the user perkd runs as"
        raise NotWell(Code.LEDGER_NOT_READABLE, text) from error


class Rehearsal:
    """On the copy: the daemon's start with these settings, then one look at each customer."""

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
        for customer, read_at, held, removals in ledger.observations.window(started - settings.brake.window):
            brake.note(customer, held, removals, read_at)
        rules = Rules(
            catalogue=catalogue,
            adapters=Rules.adapters_of(catalogue, settings.servers, ADAPTERS),
            hold_absent=settings.brake.absent is WhenAbsent.HOLD,
            fingerprint="",
        )
        # The reconciler calls only `known` and `record` of its ledger; here they work on the copy.
        self._reconciler = Reconciler(cast(Ledger, self), rules, brake, now)
        self.adopted: Counter[tuple[str, str]] = Counter()  # (server, perk) → once items that count as given

    # What the reconciler calls

    async def known(self, customer_id: str, players: Callable[[Profile], Iterable[str]]) -> Known:
        return self._copy.known(customer_id, players)

    async def record(self, seen: Observation) -> Recorded:
        adopted = (one.change for one in seen.planned if one.change.turn is Turn.ADOPT)
        self.adopted.update((change.key.server, change.perk) for change in adopted)
        return self._copy.record(seen)

    # What the plan does

    def everybody(self) -> list[Polled]:
        """The customers that the daemon would read with these settings."""
        return self._copy.polled()

    def identify(self, row: Polled, profile: Profile) -> None:
        self._copy.identify(row.token_id, profile, self.now())

    async def look(self, customer_id: str, sighting: Sighting | None) -> None:
        await self._reconciler.look(customer_id, sighting, clock_ok=True)

    # The results

    def commands(self) -> list[CommandRow]:
        """The commands that would be new, oldest first."""
        return [*self._copy.newer_than(self._newest)][::-1]

    def waiting(self) -> int:
        """How many commands wait in the ledger and would still wait."""
        return sum(row.state == State.PLANNED for row in self._still())

    def turned(self, state: State) -> list[CommandRow]:
        """The commands that wait in the ledger in another state and would get this one."""
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
