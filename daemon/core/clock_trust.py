"""Whether the local time can be trusted with taking things away (law 4). PURE.

`polling` feeds it before each comparison and with the store's `Date`.
"""

from datetime import datetime, timedelta
from typing import Protocol

SKEW = timedelta(minutes=2)
JUMP_S = 60.0


class Said(Protocol):
    """The store's own time, and the local monotonic second at which it was seen."""

    @property
    def at(self) -> datetime: ...
    @property
    def seen_s(self) -> float: ...


class ClockWatch:
    """In doubt while the store's time differs by more than 2 minutes, or since wall and monotonic clock went apart by
    more than 60 s, until an answer of the store confirms the time."""

    def __init__(self) -> None:
        self._baseline: float | None = None
        self.skew = timedelta(0)  # local time minus the store's, as last seen
        self._jumped = False
        self.heard: Said | None = None  # what the store said last, as it was passed in

    def hear(self, said: Said | None, now: datetime, monotonic: float) -> None:
        """What the store said last: looks, and takes its word."""
        self.heard = said
        self.look(now, monotonic)
        if said is not None:
            self.confirm(said.at, now - timedelta(seconds=monotonic - said.seen_s))

    def look(self, now: datetime, monotonic: float) -> None:
        apart = now.timestamp() - monotonic
        if self._baseline is not None and abs(apart - self._baseline) > JUMP_S:
            self._jumped = True
        self._baseline = apart if self._baseline is None or self._jumped else self._baseline

    def confirm(self, store_date: datetime, now: datetime) -> None:
        """An answer of the store carried its time."""
        self.skew = now - store_date
        if abs(self.skew) <= SKEW:
            self._jumped = False

    @property
    def ok(self) -> bool:
        return not self._jumped and abs(self.skew) <= SKEW
