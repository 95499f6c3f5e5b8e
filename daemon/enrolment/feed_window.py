"""Which items of the store-wide list are new, and after which id to ask for the next ones. PURE.

`feed` keeps one of each. Ids are made in the order of time, but an item may be listed later than one with a larger id:
each look begins a minute before the newest id, and the ids of that minute are remembered.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.store_ids import AHEAD, FLAKE_EPOCH

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


@dataclass(slots=True)
class _Look:
    customer_id: str
    asked_at: datetime  # when he was asked for last
    listed_s: float
    from_s: float  # the next look counts from there
    looks: int = 0  # again, so far


class Looks:
    """Items the store listed and no inventory had yet: their customers are looked at again. Times in seconds are
    monotonic."""

    AGAIN_S = (20.0, 60.0)  # after the store listed it: the customer's own list may be a little late
    UNREAD_S = 6 * 3600.0  # so long it is waited for that he is read at all

    def __init__(self) -> None:
        self._waiting: dict[int, _Look] = {}

    def put(self, item: int, customer_id: str, now_s: float, now: datetime) -> None:
        """The store lists it, and its customer is asked for now."""
        self._waiting[item] = _Look(customer_id, now, now_s, now_s)

    def due(self, now_s: float) -> list[int]:
        """The items whose customers are due for another look, unless an inventory has had them meanwhile."""
        return [item for item, look in self._waiting.items() if self._at(look) <= now_s]

    def asked(self, item: int) -> tuple[str, datetime]:
        """Its customer, and when he was asked for last."""
        look = self._waiting[item]
        return look.customer_id, look.asked_at

    def unread(self, item: int, now_s: float) -> None:
        """Its customer's turn has not come since he was asked for: that was no look."""
        look = self._waiting[item]
        look.from_s = now_s
        if now_s - look.listed_s >= self.UNREAD_S:
            del self._waiting[item]

    def again(self, item: int, now: datetime) -> str:
        """The customer to look at; after the last look the item is waited for no more."""
        look = self._waiting[item]
        look.looks, look.asked_at = look.looks + 1, now
        if look.looks == len(self.AGAIN_S):
            del self._waiting[item]
        return look.customer_id

    def seen(self, items: Iterable[int]) -> None:
        """An inventory had these."""
        for item in items:
            self._waiting.pop(item, None)

    @property
    def next_at(self) -> float | None:
        """When the next look is due."""
        return min(map(self._at, self._waiting.values()), default=None)

    @property
    def oldest(self) -> int | None:
        """The smallest id waited for: a restart begins before it."""
        return min(self._waiting, default=None)

    def _at(self, look: _Look) -> float:
        return look.from_s + self.AGAIN_S[look.looks]
