"""Who is online on one server and since when, in memory only. PURE.

`presence` fills it, `delivery` claims by it, `polling` asks more often for who is in one.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from perkd.adapters.base import Player

# A UUID, a SteamID64, and who stands in for himself: a name like that is no word about who somebody is.
_IDENTITY = re.compile(r"(?i:[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12})|[0-9]{17}|customer:.*", re.DOTALL)


class Roster:
    """Who is online on one server. `known` False: nobody is known to be."""

    def __init__(self) -> None:
        self._players: dict[str, Player] = {}
        self._since: dict[str, datetime] = {}  # by id and by name: an offline-mode server's players are their names
        self.known = False

    def see(self, players: Iterable[Player], now: datetime) -> set[str]:
        """Takes the newest list. Returns those who joined since the last one, by id and by name."""
        self._players = {player.id: player for player in players}
        names = {name for player in self._players.values() for name in identities(player)}
        joined = names - self._since.keys()
        self._since = {name: self._since.get(name, now) for name in names}
        self.known = True
        return joined

    def forget(self, identity: str) -> None:
        """The game says this player is not there, whatever the last list said: his next sighting is a new one."""
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
        """Whoever is online, by id and by name, with when he was first seen of this visit."""
        return self._since

    def __contains__(self, player: str) -> bool:
        return player in self._since

    def __len__(self) -> int:
        return len(self._players)


def identities(player: Player) -> tuple[str, ...]:
    """His id, and his name unless it looks like an id: people choose their names, and must not be taken for others."""
    return (player.id,) if _IDENTITY.fullmatch(player.name) else (player.id, player.name)
