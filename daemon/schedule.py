"""When each customer is due, and in which order the due ones are read. PURE.

`polling` keeps one; the clock's tick drains it.
"""

import heapq
from array import array
from enum import IntEnum


class Rank(IntEnum):
    """Who goes first when more are due than the rate lets through."""

    ASKED = 0  # something says that he is worth a look now: the feed, an activation, the operator
    ONLINE = 1  # he is on a server now
    ENDING = 2  # an end of his is due
    FAILED = 3  # he could not be read last time
    REST = 4


FAIR = 4  # one read in so many goes to whoever waits longest: however many are online, the rest is still read
SLOT_S = 0.25  # due times are kept in slots of this length: in the slot of now, each is looked at
_NEVER = float("inf")
_RANKS = tuple(Rank)


class Schedule:
    """Slots of due times (seconds, monotonic), and two heaps of who is due: by rank, and by how long already. Keys are
    small numbers, as the ledger counts them: of each only its time, its rank and its place in a slot are kept, in
    arrays (docs/decisions/0011)."""

    def __init__(self) -> None:
        self._slots: dict[int, array[int]] = {}
        self._order: list[int] = []  # a heap of the slots there are
        self._ready: list[tuple[Rank, float, int]] = []
        self._oldest: list[tuple[float, int]] = []
        self._reads = 0
        self._at: array[float] = array("d")  # by key, the time that counts: any other in the slots is stale
        self._rank = bytearray()
        self._count = 0

    def put(self, key: int, at: float, rank: Rank = Rank.REST) -> None:
        """Due at that time, whatever was said before."""
        if key >= len(self._at):
            more = key + 1 - len(self._at)
            self._at.extend(array("d", [_NEVER]) * more)
            self._rank.extend(bytes(more))
        if self._at[key] == _NEVER:
            self._count += 1
        self._at[key] = at
        self._rank[key] = rank
        number = int(at // SLOT_S)
        slot = self._slots.get(number)
        if slot is None:
            self._slots[number] = array("L", (key,))
            heapq.heappush(self._order, number)
        else:
            slot.append(key)

    def drop(self, key: int) -> None:
        if key in self:
            self._at[key] = _NEVER
            self._count -= 1

    def drain(self, now: float) -> int:
        """Moves whoever is due to the ready side. Nobody is dropped, however late. Returns how many are ready."""
        last = int(now // SLOT_S)
        while self._order and self._order[0] <= last:
            number = self._order[0]
            later = array("L")
            for key in self._slots[number]:
                at = self._at[key]
                if at > now:
                    if at // SLOT_S == number:
                        later.append(key)
                elif at // SLOT_S == number:  # else it was put elsewhere since, or is not wanted any more
                    heapq.heappush(self._ready, (_RANKS[self._rank[key]], at, key))
                    heapq.heappush(self._oldest, (at, key))
            if later:
                self._slots[number] = later
                break
            del self._slots[number]
            heapq.heappop(self._order)
        return len(self._ready)

    def take(self) -> int | None:
        """The next one to read; he is not due again until `put`."""
        fair = self._reads % FAIR == FAIR - 1
        while self._ready and self._oldest:
            at, key = heapq.heappop(self._oldest) if fair else heapq.heappop(self._ready)[1:]
            if self._at[key] == at:
                self._at[key] = _NEVER
                self._count -= 1
                self._reads += 1
                return key
        self._ready.clear()
        self._oldest.clear()
        return None

    def __contains__(self, key: int) -> bool:
        return key < len(self._at) and self._at[key] != _NEVER

    def __len__(self) -> int:
        return self._count

    @property
    def waiting(self) -> int:
        """How many are due and not taken yet."""
        return len({key for _, at, key in self._ready if self._at[key] == at})
