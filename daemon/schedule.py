"""When each customer is due, and in which order the due ones are read. PURE.

`polling` keeps one; the clock's tick drains it.
"""

import heapq
from enum import IntEnum


class Rank(IntEnum):
    """Who goes first when more are due than the rate lets through."""

    FIRST = 0  # failed last time, or an end is coming
    REST = 1


class Schedule:
    """A heap of due times (seconds, monotonic) and a heap of who is due, by rank, then by how long already."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Rank]] = []
        self._ready: list[tuple[Rank, float, int]] = []
        self._at: dict[int, float] = {}  # the time that counts: older entries of the heap are stale

    def put(self, key: int, at: float, rank: Rank = Rank.REST) -> None:
        """Due at that time, whatever was said before."""
        self._at[key] = at
        heapq.heappush(self._due, (at, key, rank))

    def drop(self, key: int) -> None:
        self._at.pop(key, None)

    def drain(self, now: float) -> int:
        """Moves whoever is due to the ready side. Nobody is dropped, however late. Returns how many are ready."""
        while self._due and self._due[0][0] <= now:
            at, key, rank = heapq.heappop(self._due)
            if self._at.get(key) == at:
                heapq.heappush(self._ready, (rank, at, key))
        return len(self._ready)

    def take(self) -> int | None:
        """The next one to read; he is not due again until `put`."""
        while self._ready:
            _, at, key = heapq.heappop(self._ready)
            if self._at.get(key) == at:
                del self._at[key]
                return key
        return None

    def __len__(self) -> int:
        return len(self._at)

    @property
    def waiting(self) -> int:
        """How many are due and not taken yet."""
        return len({key for _, at, key in self._ready if self._at.get(key) == at})
