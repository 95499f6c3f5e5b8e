"""Decides whether the local time is right, because ends depend on it (law 4). PURE.

`polling` gives it the local time before each comparison, and the store's time from `Date` headers.
"""

from datetime import datetime, timedelta
from typing import Protocol

SKEW = timedelta(minutes=2)
JUMP_S = 60.0


class Said(Protocol):
    """The store's time, and the local monotonic time in seconds when perkd got it."""

    @property
    def at(self) -> datetime: ...
    @property
    def seen_s(self) -> float: ...


class ClockWatch:
    """Watches the local clock. It is in doubt while the store's time differs by more than 2 minutes, and after it
    jumped by more than 60 s against the monotonic clock, until an answer of the store confirms the time."""

    def __init__(self) -> None:
        self._baseline: float | None = None
        self.skew = timedelta(0)  # local time minus the store's, as last seen
        self._jumped = False
        self.heard: Said | None = None  # the store's latest time, as it was passed in

    def hear(self, said: Said | None, now: datetime, monotonic: float) -> None:
        """Looks for a jump, then compares the local time with the store's latest one."""
        self.heard = said
        self.look(now, monotonic)
        if said is not None:
            self.confirm(said.at, now - timedelta(seconds=monotonic - said.seen_s))

    def look(self, now: datetime, monotonic: float) -> None:
        """Checks whether the wall clock has jumped against the monotonic clock."""
        apart = now.timestamp() - monotonic
        if self._baseline is not None and abs(apart - self._baseline) > JUMP_S:
            self._jumped = True
        self._baseline = apart if self._baseline is None or self._jumped else self._baseline

    def confirm(self, store_date: datetime, now: datetime) -> None:
        """An answer of the store had this `Date`."""
        self.skew = now - store_date
        if abs(self.skew) <= SKEW:
            self._jumped = False

    @property
    def ok(self) -> bool:
        return not self._jumped and abs(self.skew) <= SKEW
