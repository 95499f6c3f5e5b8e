"""Which players on the servers are nobody perkd knows, and when the store is asked about each. PURE.

`enrolment` keeps one. Memory is bounded: whoever left long ago is forgotten first.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

AGAIN = timedelta(hours=1)  # after the store said that it knows nobody like that
MOST = 20_000


class Strangers:
    """Players the store knows nobody for, and until when that counts."""

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._until: dict[str, datetime] = {}  # in the order of the answers, so of the times too

    def due(self, players: Collection[str], now: datetime) -> list[str]:
        """Whom of these players to ask about now, in their order."""
        return [player for player in players if (until := self._until.get(player)) is None or until <= now]

    def not_found(self, player: str, now: datetime) -> None:
        self._until.pop(player, None)
        self._until[player] = now + AGAIN
        while len(self._until) > self._most:
            del self._until[next(iter(self._until))]

    def forget(self, player: str) -> None:
        """There is news of him: he is due at once."""
        self._until.pop(player, None)

    def __len__(self) -> int:
        return len(self._until)
