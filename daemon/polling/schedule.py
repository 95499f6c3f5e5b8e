"""When each customer is due, and in which order due customers are polled. PURE.

`loop.py` keeps one; the clock's tick drains it.
"""

import heapq
from array import array
from enum import IntEnum


class Rank(IntEnum):
    """Who goes first when more customers are due than the rate limit allows."""

    ASKED = 0  # requested by an activation, by the operator, or by the feed for a customer who is online
    SHOWN = 1  # requested by the feed, for a customer who is on no server
    ONLINE = 2  # the customer is on a server
    ENDING = 3  # an item's end is due
    NEW = 4  # the customer was never polled
    FAILED = 5  # the last poll failed
    REST = 6


FAIR = 4  # one poll in so many goes to the customer who waits longest, so that online customers cannot block the rest
BY_RANK = 1  # and one goes by rank before requested ones, so that many purchases cannot block online customers
SLOT_S = 0.25  # due times are kept in slots of this length; only in the current slot each one is compared
_NEVER = float("inf")
_RANKS = tuple(Rank)


class Schedule:
    """Slots of due times (monotonic seconds), and three heaps of due customers: requested ones, the others by rank, and
    both by the time they wait. Keys are small numbers, the ledger's token ids. Arrays keep only the time, the rank and
    the place in a slot of each (docs/decisions/0011)."""

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
        """Due at that time; replaces an earlier time."""
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
        """Due now. A requested customer keeps their place, and goes first after joining a server."""
        if key in self and (was := _RANKS[self._rank[key]]) <= Rank.SHOWN:
            now, rank = self._at[key], Rank.ASKED if rank in (Rank.ASKED, Rank.ONLINE) else was
        self.put(key, now, rank)

    def drop(self, key: int) -> None:
        if key in self:
            self._at[key] = _NEVER
            self._count -= 1

    def drain(self, now: float) -> int:
        """Moves due customers to the heaps. None is dropped, however late. Returns how many are ready."""
        last = int(now // SLOT_S)
        while self._order and self._order[0] <= last:
            number = self._order[0]
            later = array("L")
            for key in self._slots[number]:
                at = self._at[key]
                if at > now:
                    if at // SLOT_S == number:
                        later.append(key)
                elif at // SLOT_S == number:  # else it has another time by now, or was dropped
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
        """The next customer to poll, who is not due again until `put`; None when no one is due."""
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
