"""What polling keeps about all customers together: the length of a round, sightings that are not written yet, recent
failures. PURE.

`roll.py` and `poll.py` keep one of each.
"""

from collections.abc import Callable
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

    def join(self, token_id: int) -> None:
        """The customer belongs to the current round."""
        self._put(token_id, _LEFT)

    def asked(self, token_id: int) -> None:
        self._put(token_id, _ASKED)

    def leave(self, token_id: int) -> None:
        self._put(token_id, _OUT)

    def _put(self, token_id: int, now: int) -> None:
        if token_id >= len(self._of):
            self._of.extend(bytes(token_id + 1 - len(self._of)))
        was, self._of[token_id] = self._of[token_id], now
        self._left += (now == _LEFT) - (was == _LEFT)
        self._everybody += (was == _OUT) - (now == _OUT)
        if was != now and not self._left and self._everybody:
            self._end_round()

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
    """The customers whose poll failed since the store's last good answer, by the ids of their tokens."""

    def __init__(self) -> None:
        self._error: str | None = None
        self._who: set[int] = set()

    def failed(self, token_id: int, error: str) -> None:
        self._error = error
        self._who.add(token_id)

    def discard(self, token_id: int) -> None:
        """The store answered, but refused this token; or the customer is not polled any more."""
        self._who.discard(token_id)

    def answered(self) -> None:
        self._error = None
        self._who.clear()

    def unreachable(self, readable: int) -> str | None:
        """The latest error, when several customers, or all `readable` ones, could not be read: then the store is the
        cause, not a customer. Else None."""
        return self._error if len(self._who) >= min(SEVERAL, max(1, readable)) else None
