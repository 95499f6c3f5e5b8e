"""Keeps who is online on one server and since when, in memory only. PURE.

`presence` fills it, `delivery` claims commands by it, `polling` reads players who are online more often.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from perkd.adapters.base import Player

# A UUID, a SteamID64 or `customer:ID`: a player's name that looks like this identifies nobody.
_IDENTITY = re.compile(r"(?i:[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12})|[0-9]{17}|customer:.*", re.DOTALL)


class Roster:
    """Who is online on one server. `known` False: perkd does not know."""

    def __init__(self) -> None:
        self._players: dict[str, Player] = {}
        self._since: dict[str, datetime] = {}  # by id and by name: an offline-mode server's players are their names
        self.known = False

    def see(self, players: Iterable[Player], now: datetime) -> set[str]:
        """Takes the newest list. Returns the players who joined since the last one, by id and by name."""
        self._players = {player.id: player for player in players}
        names = {name for player in self._players.values() for name in identities(player)}
        joined = names - self._since.keys()
        self._since = {name: self._since.get(name, now) for name in names}
        self.known = True
        return joined

    def forget(self, identity: str) -> None:
        """Removes a player, because the game said that they are not online: when next seen, they have just joined."""
        for player in [one for one in self._players.values() if identity in identities(one)]:
            del self._players[player.id]
            for name in identities(player):
                self._since.pop(name, None)

    def lose(self) -> None:
        self._players, self._since, self.known = {}, {}, False

    @property
    def players(self) -> tuple[Player, ...]:
        return tuple(self._players.values())

    @property
    def since(self) -> Mapping[str, datetime]:
        """The players who are online, by id and by name, with the time they were first seen in this visit."""
        return self._since

    def __contains__(self, player: str) -> bool:
        return player in self._since

    def __len__(self) -> int:
        return len(self._players)


def identities(player: Player) -> tuple[str, ...]:
    """The player's id, and the name unless it looks like an id: nobody can pass as another player by such a name."""
    return (player.id,) if _IDENTITY.fullmatch(player.name) else (player.id, player.name)
