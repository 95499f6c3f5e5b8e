"""The brake: stops a mass removal until the operator releases it. PURE.

`polling` checks every removal here when it plans it, and rebuilds the window from the ledger's events at the start.
"""

from datetime import datetime

from .changes import Changes, HoldingChange, Turn
from .model import BrakeLimits, Cause

COUNTED = frozenset({Cause.STATED, Cause.ABSENT})


def counted(change: HoldingChange) -> bool:
    """Whether a change counts for the brake. Removals by revocation or absence count; known ends, new names and the
    operator's removals do not."""
    return change.turn is Turn.END and change.cause in COUNTED


class Brake:
    """Counts removals within the window against the holdings of the customers read in it (law 6)."""

    def __init__(self, limits: BrakeLimits, *, on_since: datetime | None = None, reason: str | None = None) -> None:
        self.limits = limits
        self.on_since, self.reason = on_since, reason
        self._removals: list[tuple[datetime, int]] = []  # when, how many
        self._held: dict[str, tuple[datetime, int]] = {}  # customer → when read, holdings left then

    def weigh(self, changes: Changes, held: int, now: datetime) -> str | None:
        """Counts one customer's changes; `held` is the number of their holdings afterwards. If the brake comes on with
        these changes, returns why. While the brake is on, the caller must block the removals that count."""
        removals = sum(counted(change) for change in changes.holdings)
        self.note(changes.customer_id, held, removals, now)
        if not removals or self.on_since is not None:
            return None
        self._forget(now)
        gone = sum(count for _, count in self._removals)
        total = gone + sum(count for _, count in self._held.values())
        if gone <= self.limits.least or gone <= self.limits.share * total:
            return None
        minutes = self.limits.window.total_seconds() / 60
        self.on_since, self.reason = (
            now,
            (
                f"revocations or missing items would take away {gone} of {total} holdings within {minutes:g} min: more "
                f"than {self.limits.least} and more than {self.limits.share:.0%}"
            ),
        )
        return self.reason

    @property
    def on(self) -> tuple[datetime | None, str | None]:
        """Since when the brake is on, and why; two None while it is off."""
        return self.on_since, self.reason

    def take_back(self, changes: Changes, before: tuple[datetime | None, str | None]) -> None:
        """Undoes the last `weigh`, because its changes could not be recorded. `before`: the brake's `on` before it."""
        if any(counted(change) for change in changes.holdings):
            self._removals.pop()
        self.on_since, self.reason = before

    def note(self, customer_id: str, held: int, removals: int, now: datetime) -> None:
        """Counts one read without a decision. The start rebuilds the window with it."""
        self._held[customer_id] = (now, held)
        if removals:
            self._removals.append((now, removals))

    def release(self) -> None:
        """The operator releases the brake: removals go on, and the window is empty again."""
        self.on_since = self.reason = None
        self._removals.clear()

    def _forget(self, now: datetime) -> None:
        start = now - self.limits.window
        self._removals = [removal for removal in self._removals if removal[0] >= start]
        self._held = {customer: seen for customer, seen in self._held.items() if seen[0] >= start}
