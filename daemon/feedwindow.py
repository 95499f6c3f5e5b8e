"""Which items of the store-wide list are new, and after which id to ask for the next ones. PURE.

`feed` keeps one of each. Ids are made in the order of time, but an item may be listed later than one with a larger id:
each look begins a minute before the newest id, and the ids of that minute are remembered.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from .paynow.wire import AHEAD, FLAKE_EPOCH

OVERLAP = timedelta(minutes=1)  # how much later than its id's time an item may be listed
MOST = 20_000  # ids remembered; when more come within OVERLAP the look begins later
TIME_BITS = 22  # an id's time stands above these


def flake_at(at: datetime) -> int:
    """The smallest id that can be made at that time."""
    return max(0, (at - FLAKE_EPOCH) // timedelta(milliseconds=1)) << TIME_BITS


def before(flake: int, by: timedelta = OVERLAP) -> int:
    """An id so much older; never below 0."""
    return max(0, flake - ((by // timedelta(milliseconds=1)) << TIME_BITS))


def latest_flake(now: datetime) -> int:
    """The largest id that may say how far the store has come, at the store's time `now`."""
    return flake_at(now + AHEAD)


class Window:
    """`newest` is the largest id seen that is not odd, or where the first look began: what a restart goes on from."""

    def __init__(self, newest: int, *, most: int = MOST) -> None:
        self.newest = newest
        self._most = most
        self._floor = 0
        self._seen: set[int] = set()
        self._odd: set[int] = set()

    @property
    def after(self) -> int:
        """The id to ask after."""
        return max(before(self.newest), self._floor)

    def take(self, ids: Iterable[int], latest: int) -> list[int]:
        """Which of these were not shown before, rising. Ids at or below `after` are none of a complete answer and count
        as shown. Those above `latest` are odd: shown, as many as can be remembered, and they move nothing."""
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


class Looks:
    """Items the store listed and no inventory had yet: their customers are looked at again. Times are seconds."""

    AGAIN_S = (20.0, 60.0)  # after the store listed it: the customer's own list may be a little late

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[str, float, int]] = {}  # item → its customer, when listed, looks again so far

    def put(self, item: int, customer_id: str, now: float) -> None:
        self._waiting[item] = (customer_id, now, 0)

    def due(self, now: float) -> list[int]:
        """The items whose customers are due for another look, unless an inventory has had them meanwhile."""
        return [item for item in self._waiting if self._at(item) <= now]

    def again(self, item: int) -> str:
        """The customer to look at; after the last look the item is waited for no more."""
        customer_id, listed, looks = self._waiting.pop(item)
        if looks + 1 < len(self.AGAIN_S):
            self._waiting[item] = (customer_id, listed, looks + 1)
        return customer_id

    def seen(self, items: Iterable[int]) -> None:
        """An inventory had these."""
        for item in items:
            self._waiting.pop(item, None)

    @property
    def next_at(self) -> float | None:
        """When the next look is due."""
        return min(map(self._at, self._waiting), default=None)

    @property
    def oldest(self) -> int | None:
        """The smallest id waited for: a restart begins before it."""
        return min(self._waiting, default=None)

    def _at(self, item: int) -> float:
        _, listed, looks = self._waiting[item]
        return listed + self.AGAIN_S[looks]
