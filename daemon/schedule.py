"""When each customer is due, and in which order the due ones are read. PURE.

`polling` keeps one; the clock's tick drains it.
"""

import heapq
from enum import IntEnum


class Rank(IntEnum):
    """Who goes first when more are due than the rate lets through."""

    ONLINE = 0  # he is on a server now
    ENDING = 1  # an end of his is due
    FAILED = 2  # he could not be read last time
    REST = 3


FAIR = 4  # one read in so many goes to whoever waits longest: however many are online, the rest is still read


class Schedule:
    """A heap of due times (seconds, monotonic) and two of who is due: by rank, and by how long already."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Rank]] = []
        self._ready: list[tuple[Rank, float, int]] = []
        self._oldest: list[tuple[float, int]] = []
        self._reads = 0
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
                heapq.heappush(self._oldest, (at, key))
        return len(self._ready)

    def take(self) -> int | None:
        """The next one to read; he is not due again until `put`."""
        fair = self._reads % FAIR == FAIR - 1
        while self._ready and self._oldest:
            at, key = heapq.heappop(self._oldest) if fair else heapq.heappop(self._ready)[1:]
            if self._at.get(key) == at:
                del self._at[key]
                self._reads += 1
                return key
        self._ready.clear()
        self._oldest.clear()
        return None

    def __contains__(self, key: int) -> bool:
        return key in self._at

    def __len__(self) -> int:
        return len(self._at)

    @property
    def waiting(self) -> int:
        """How many are due and not taken yet."""
        return len({key for _, at, key in self._ready if self._at.get(key) == at})
