"""Finds the new items in the store-wide list, and the id for the next request. PURE.

`feed.py` keeps one of each. Ids are in the order of time, but an item may appear later than one with a larger id. So
each request begins a minute before the newest id, and the ids of this minute are remembered.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.store_ids import AHEAD, FLAKE_EPOCH

OVERLAP = timedelta(minutes=1)  # an item may be listed so much later than the time in its id
MOST = 20_000  # ids that are remembered; when more come within OVERLAP, the request begins later
TIME_BITS = 22  # the time of an id is above these bits


def flake_at(at: datetime) -> int:
    """The smallest id of that time."""
    return max(0, (at - FLAKE_EPOCH) // timedelta(milliseconds=1)) << TIME_BITS


def before(flake: int, by: timedelta = OVERLAP) -> int:
    """An id that is older by `by`; never below 0."""
    return max(0, flake - ((by // timedelta(milliseconds=1)) << TIME_BITS))


def latest_flake(now: datetime) -> int:
    """The largest id that is plausible at the store's time `now`."""
    return flake_at(now + AHEAD)


class Window:
    """`newest` is the largest plausible id so far, or where the first request began. A restart continues from it."""

    def __init__(self, newest: int, *, most: int = MOST) -> None:
        self.newest = newest
        self._most = most
        self._floor = 0
        self._seen: set[int] = set()
        self._odd: set[int] = set()

    @property
    def after(self) -> int:
        """The id for the next request."""
        return max(before(self.newest), self._floor)

    def take(self, ids: Iterable[int], latest: int) -> list[int]:
        """The ids that are new, in ascending order. Ids at or below `after` count as known. Ids above `latest` are odd:
        they are returned as well, up to a bound, but do not move `newest`."""
        after = self.after
        new = sorted({one for one in ids if one > after} - self._seen - self._odd)
        known = [one for one in new if one <= latest]
        odd = [one for one in new if one > latest][: max(0, self._most - len(self._odd))]
        if known:
            self._seen.update(known)
            self.newest = max(self.newest, known[-1])
            self._forget()
        self._odd.update(odd)
        return known + odd

    def _forget(self) -> None:
        after = self.after
        self._seen = {one for one in self._seen if one > after}
        if len(self._seen) > self._most:
            kept = sorted(self._seen)
            self._floor = kept[-self._most - 1]
            self._seen = set(kept[-self._most :])


@dataclass(slots=True)
class _Missing:
    customer_id: str
    asked_at: datetime  # when a poll of the customer was requested last
    listed_s: float
    from_s: float  # the next wait starts here
    looks: int = 0  # further polls so far


class MissingItems:
    """Items that the store listed but no inventory had yet: their customers are polled again. Seconds are monotonic
    times."""

    AGAIN_S = (20.0, 60.0)  # after the store listed it: the customer's own list may be a little later
    UNREAD_S = 6 * 3600.0  # an item waits so long for the first poll of its customer

    def __init__(self) -> None:
        self._waiting: dict[int, _Missing] = {}

    def put(self, item: int, customer_id: str, now_s: float, now: datetime) -> None:
        """Adds an item whose customer is polled now."""
        self._waiting[item] = _Missing(customer_id, now, now_s, now_s)

    def due(self, now_s: float) -> list[int]:
        """The items whose customers are due for another poll, unless an inventory has the item by now."""
        return [item for item, look in self._waiting.items() if self._at(look) <= now_s]

    def asked(self, item: int) -> tuple[str, datetime]:
        """The item's customer, and when their poll was requested last."""
        look = self._waiting[item]
        return look.customer_id, look.asked_at

    def unread(self, item: int, now_s: float) -> None:
        """The item's customer was not read since the request: wait again."""
        look = self._waiting[item]
        look.from_s = now_s
        if now_s - look.listed_s >= self.UNREAD_S:
            del self._waiting[item]

    def again(self, item: int, now: datetime) -> str:
        """Counts another poll and returns the customer; after the last one the item is dropped."""
        look = self._waiting[item]
        look.looks, look.asked_at = look.looks + 1, now
        if look.looks == len(self.AGAIN_S):
            del self._waiting[item]
        return look.customer_id

    def seen(self, items: Iterable[int]) -> None:
        """Drops these items: an inventory had them."""
        for item in items:
            self._waiting.pop(item, None)

    @property
    def next_at(self) -> float | None:
        """When the next poll is due."""
        return min(map(self._at, self._waiting.values()), default=None)

    @property
    def oldest(self) -> int | None:
        """The smallest missing id: a restart begins before it."""
        return min(self._waiting, default=None)

    def _at(self, look: _Missing) -> float:
        return look.from_s + self.AGAIN_S[look.looks]
