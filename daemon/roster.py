"""Who is online on one server, in memory only. PURE.

`presence` fills it, `delivery` claims by it, `status` counts it.
"""

from collections.abc import Iterable

from adapters.base import Player


class Roster:
    """Who is online on one server. `known` False: nobody is known to be."""

    def __init__(self) -> None:
        self._players: dict[str, Player] = {}
        self.known = False

    def see(self, players: Iterable[Player]) -> set[str]:
        """Takes the newest list. Returns the ids of those who joined since the last one."""
        before, self._players = self._players.keys(), {player.id: player for player in players}
        self.known = True
        return set(self._players) - set(before)

    def forget(self, identity: str) -> None:
        """The game says this player is not there, whatever the last list said: his next sighting is a new one."""
        for player in [one for one in self._players.values() if identity in (one.id, one.name)]:
            del self._players[player.id]

    def lose(self) -> None:
        self._players, self.known = {}, False

    @property
    def ids(self) -> frozenset[str]:
        """Ids and names: an offline-mode server's players are their names."""
        return frozenset(self._players) | frozenset(player.name for player in self._players.values())

    def __len__(self) -> int:
        return len(self._players)
