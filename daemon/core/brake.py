"""The brake: stops a mass removal until a person has looked. PURE.

`polling` weighs every removal here at the moment it is planned; `app` rebuilds the window from `events` at start.
"""

from datetime import datetime

from .changes import Changes, HoldingChange, Turn
from .model import BrakeLimits, Cause

COUNTED = frozenset({Cause.STATED, Cause.ABSENT})


def counted(change: HoldingChange) -> bool:
    """Removals by revocation or absence count; foretold ends, new names and the operator's own do not."""
    return change.turn is Turn.END and change.cause in COUNTED


class Brake:
    """Counts removals within the window against the holdings of the customers read in it (law 6)."""

    def __init__(self, limits: BrakeLimits, *, on_since: datetime | None = None) -> None:
        self.limits = limits
        self.on_since = on_since
        self._removals: list[tuple[datetime, int]] = []  # when, how many
        self._held: dict[str, tuple[datetime, int]] = {}  # customer → when read, holdings left then

    def weigh(self, changes: Changes, held: int, now: datetime) -> str | None:
        """Takes one customer's changes into account; `held` are his holdings after them. Returns why the brake came on,
        when it came on with these. While it is on, counted removals must be blocked by the caller."""
        removals = sum(counted(change) for change in changes.holdings)
        self.note(changes.customer_id, held, removals, now)
        if not removals or self.on_since is not None:
            return None
        self._forget(now)
        gone = sum(count for _, count in self._removals)
        total = gone + sum(count for _, count in self._held.values())
        if gone <= self.limits.least or gone <= self.limits.share * total:
            return None
        self.on_since = now
        minutes = self.limits.window.total_seconds() / 60
        return (
            f"{gone} of {total} holdings would be taken away by revocations or vanished items within {minutes:g} min, "
            f"more than {self.limits.least} and more than {self.limits.share:.0%}"
        )

    def take_back(self, changes: Changes, on_since: datetime | None) -> None:
        """What was weighed last could not be recorded: it counts for nothing, and the brake is as it was before."""
        if any(counted(change) for change in changes.holdings):
            self._removals.pop()
        self.on_since = on_since

    def note(self, customer_id: str, held: int, removals: int, now: datetime) -> None:
        """Remembers one read without deciding: also how the window is rebuilt at start."""
        self._held[customer_id] = (now, held)
        if removals:
            self._removals.append((now, removals))

    def release(self) -> None:
        """The operator looked: removals go on, and the window starts empty."""
        self.on_since = None
        self._removals.clear()

    def _forget(self, now: datetime) -> None:
        start = now - self.limits.window
        self._removals = [removal for removal in self._removals if removal[0] >= start]
        self._held = {customer: seen for customer, seen in self._held.items() if seen[0] >= start}
