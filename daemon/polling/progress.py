"""What polling keeps about all customers together: the length of a round, sightings that are not written yet, recent
failures, and who is being polled. PURE.

`loop.py` keeps one of each.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

FLUSH_S = 30.0
SEVERAL = 3  # when so many customers cannot be read, the store is unreachable

_OUT, _LEFT, _ASKED = range(3)


class Sweep:
    """Measures how long a round takes, in which every customer is polled once; `last_s` is the last whole round.
    Refused tokens do not count, because they wait long. It keeps one byte for each token id; ids start at 1."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.last_s: float | None = None
        self._monotonic = monotonic
        self._since = monotonic()
        self._of = bytearray()
        self._left = self._everybody = 0

    def expect(self, token_ids: Iterable[int]) -> None:
        """Sets which tokens belong to a round; the current round continues."""
        before, self._of = self._of, bytearray(len(self._of))
        self._left = self._everybody = 0
        for token_id in token_ids:
            self._room_for(token_id)
            self._of[token_id] = (before[token_id] if token_id < len(before) else _OUT) or _LEFT
        self._everybody = len(self._of) - self._of.count(_OUT)
        self._left = self._of.count(_LEFT)

    def asked(self, token_id: int) -> None:
        if self._left > 1 and token_id < len(self._of) and self._of[token_id] == _LEFT:  # nearly always
            self._of[token_id] = _ASKED
            self._left -= 1
        else:
            self._put(token_id, _ASKED)

    def leave(self, token_id: int) -> None:
        self._put(token_id, _OUT)

    def _put(self, token_id: int, now: int) -> None:
        self._room_for(token_id)
        was, self._of[token_id] = self._of[token_id], now
        if was != now:
            self._left -= was == _LEFT
            self._everybody += (was == _OUT) - (now == _OUT)
        if not self._left and self._everybody:
            self._end_round()

    def _room_for(self, token_id: int) -> None:
        if token_id >= len(self._of):
            self._of.extend(bytes(token_id + 1 - len(self._of)))

    def _end_round(self) -> None:
        now = self._monotonic()
        self.last_s, self._since = now - self._since, now
        self._of = self._of.replace(bytes([_ASKED]), bytes([_LEFT]))
        self._left = self._everybody


class PendingSightings:
    """Sightings of unchanged inventories. Nothing depends on them, so many are written in one transaction."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._next = monotonic()
        self._read: dict[str, datetime] = {}

    def put(self, customer_id: str, read_at: datetime) -> None:
        self._read[customer_id] = read_at

    def take(self) -> dict[str, datetime]:
        """Returns all of them every FLUSH_S; in between, none."""
        if not self._read or self._monotonic() < self._next:
            return {}
        self._next = self._monotonic() + FLUSH_S
        read, self._read = self._read, {}
        return read


class Failures:
    """The customers whose poll failed since the store's last good answer."""

    def __init__(self) -> None:
        self._error: str | None = None
        self._who: set[int] = set()

    def failed(self, token_id: int, error: str) -> None:
        self._error = error
        self._who.add(token_id)

    def refused(self, token_id: int) -> None:
        """The store answered, but refused this token."""
        self._who.discard(token_id)

    def answered(self) -> None:
        self._error = None
        self._who.clear()

    def unreachable(self, readable: int) -> str | None:
        """The latest error, when several customers, or all `readable` ones, could not be read: then the store is the
        cause, not a customer. Else None."""
        return self._error if len(self._who) >= min(SEVERAL, max(1, readable)) else None


class InFlight:
    """The customers who are being polled. Two polls of one customer at a time could end in the wrong order, so a
    customer who is requested meanwhile is polled once more afterwards."""

    def __init__(self) -> None:
        self._again: dict[object, bool] = {}

    def begin(self, watch: object) -> None:
        self._again[watch] = False

    def end(self, watch: object) -> bool:
        """Returns whether the customer was requested meanwhile."""
        return self._again.pop(watch, False)

    def ask(self, watch: object) -> bool:
        """Requests one more poll, if the customer is being polled; returns whether they are."""
        if watch not in self._again:
            return False
        self._again[watch] = True
        return True
