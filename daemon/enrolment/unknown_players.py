"""Players on the servers that are no known customer, and when to ask the store about each. PURE.

`loop.py` keeps one. Its memory is bounded: the oldest answers are forgotten first.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

AGAIN = timedelta(hours=1)  # after the store said that it does not know the player
MOST = 20_000


class UnknownPlayers:
    """Players that the store does not know, and until when this answer counts."""

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._until: dict[str, datetime] = {}  # in the order of the answers, so also of the times

    def due(self, players: Collection[str], now: datetime) -> list[str]:
        """Those of these players to ask the store about now, in the same order."""
        return [player for player in players if (until := self._until.get(player)) is None or until <= now]

    def not_found(self, player: str, now: datetime) -> None:
        self._until.pop(player, None)
        self._until[player] = now + AGAIN
        while len(self._until) > self._most:
            del self._until[next(iter(self._until))]

    def forget(self, player: str) -> None:
        """There is news of the player: ask the store again."""
        self._until.pop(player, None)

    def __len__(self) -> int:
        return len(self._until)
