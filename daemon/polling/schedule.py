"""When each customer is due, and in which order the due ones are read. PURE.

`polling` keeps one; the clock's tick drains it.
"""

import heapq
from array import array
from enum import IntEnum


class Rank(IntEnum):
    """Who goes first when more are due than the rate lets through."""

    ASKED = 0  # something says that he is worth a look now: an activation, the operator, the feed while he is online
    SHOWN = 1  # the feed says so, and he is on no server
    ONLINE = 2  # he is on a server now
    ENDING = 3  # an end of his is due
    NEW = 4  # he was never read
    FAILED = 5  # he could not be read last time
    REST = 6


FAIR = 4  # one read in so many goes to whoever waits longest: however many are online, the rest is still read;
BY_RANK = 1  # and one to the others by their rank: however many have bought something, who is online is still read
SLOT_S = 0.25  # due times are kept in slots of this length: in the slot of now, each is looked at
_NEVER = float("inf")
_RANKS = tuple(Rank)


class Schedule:
    """Slots of due times (seconds, monotonic), and three heaps of who is due: whoever is asked for, the others by rank,
    and both by how long already. Keys are small numbers, as the ledger counts them: of each only its time, its rank and
    its place in a slot are kept, in arrays (docs/decisions/0011)."""

    def __init__(self) -> None:
        self._slots: dict[int, array[int]] = {}
        self._order: list[int] = []  # a heap of the slots there are
        self._asked: list[tuple[int, float, int]] = []
        self._others: list[tuple[int, float, int]] = []
        self._oldest: list[tuple[int, float, int]] = []  # all of one rank
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

    def hurry(self, key: int, now: float, rank: Rank) -> None:
        """Due now. Who is asked for already keeps his place, and goes first when he comes onto a server."""
        if key in self and (was := _RANKS[self._rank[key]]) <= Rank.SHOWN:
            now, rank = self._at[key], Rank.ASKED if rank in (Rank.ASKED, Rank.ONLINE) else was
        self.put(key, now, rank)

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
                    rank = self._rank[key]
                    heapq.heappush(self._others if rank > Rank.SHOWN else self._asked, (rank, at, key))
                    heapq.heappush(self._oldest, (0, at, key))
            if later:
                self._slots[number] = later
                break
            del self._slots[number]
            heapq.heappop(self._order)
        return len(self._asked) + len(self._others)

    def take(self) -> int | None:
        """The next one to read; he is not due again until `put`."""
        part = self._reads % FAIR
        heaps = [self._oldest] if part == FAIR - 1 else [self._asked, self._others]
        if part == BY_RANK:
            heaps.reverse()
        for heap in heaps:
            while heap:
                _, at, key = heapq.heappop(heap)
                if self._at[key] == at:
                    self._at[key] = _NEVER
                    self._count -= 1
                    self._reads += 1
                    return key
        for heap in (self._asked, self._others, self._oldest):
            heap.clear()
        return None

    def __contains__(self, key: int) -> bool:
        return key < len(self._at) and self._at[key] != _NEVER

    def __len__(self) -> int:
        return self._count

    @property
    def waiting(self) -> int:
        """How many are due and not taken yet."""
        return len({key for _, at, key in self._oldest if self._at[key] == at})
