"""Rehearses what the daemon would do: the same steps, on a copy of the ledger. Nothing is sent.

`plan` uses it. The copy is complete and the code is the daemon's own, so a plan shows exactly what would be sent, also
where a command waits already, a perk was renamed or a holding is shared.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Self

from perkd.adapters import ADAPTERS

from ...config import Settings
from ...ledger import Brakes, LedgerCopy, Polled
from ...polling import Reconciler, Sighting
from ..errors import Code, NotWell

AT_ONCE = 500  # customers


async def copy_of(path: Path, now: datetime) -> LedgerCopy | None:
    """A copy of the ledger; None when there is no ledger yet. Raises LedgerError, or NotWell for a ledger that this
    user may not read."""
    try:
        return await LedgerCopy.of(path, now)
    except PermissionError as error:
        text = f"this user may not read {path}: run the command as root or as the user perkd runs as"
        raise NotWell(Code.LEDGER_NOT_READABLE, text) from error


class Rehearsal:
    """On the copy `ledger`: the daemon's start with these settings, then one look at each customer. `brake_before`: as
    it was in the ledger."""

    def __init__(self, ledger: LedgerCopy, reconciler: Reconciler, before: Brakes, now: Callable[[], datetime]) -> None:
        self.ledger, self.brake_before, self.now = ledger, before, now
        self._reconciler = reconciler

    @classmethod
    async def start(cls, ledger: LedgerCopy, settings: Settings, now: Callable[[], datetime]) -> Self:
        before = await ledger.observations.brake()
        return cls(ledger, await Reconciler.start(settings, ledger, ADAPTERS, now), before, now)

    async def everybody(self) -> list[Polled]:
        """The customers that the daemon would read with these settings."""
        return [row async for page in self.ledger.roll.pages(AT_ONCE) for row in page]

    async def look(self, customer_id: str, sighting: Sighting | None) -> None:
        await self._reconciler.look(customer_id, sighting, clock_ok=True)
