"""Finds the customers behind the players on the servers, and marks who is online: they are polled most often.

`loop.py` keeps one Players beside its watches; `reports` counts with it.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from ..core.model import Profile
from ..ledger import Polled
from .packing import Key, key_of, player_of
from .watch import Watch

AT_ONCE = 500  # customers at a time in a long computation; then other tasks get a turn


class Players:
    """Player → customers, by the ids of their tokens: several customers may share one game account. `who_is` returns
    the players of a profile in the configured games, `is_online` says whether a player is on any server."""

    def __init__(self, who_is: Callable[[Profile], Iterable[str]], is_online: Callable[[str], bool]) -> None:
        self._who_is, self._is_online = who_is, is_online
        self._behind: dict[Key, int | tuple[int, ...]] = {}  # nearly every player has one customer

    def put(self, watch: Watch, profile: Profile) -> None:
        """Takes over the customer's profile from the store."""
        self.drop(watch)
        watch.player_keys = keys = tuple(map(key_of, self.of(profile)))
        for key in keys:
            others = self._customers_of(key)
            self._behind[key] = (*others, watch.token_id) if others else watch.token_id
        watch.online = self._is_anywhere(watch)

    async def put_all(self, rows: Iterable[Polled], watches: Mapping[int, Watch], *, anew: bool) -> None:
        """Takes over the profiles from the ledger, of customers without players or, with `anew`, of all. A few at a
        time."""
        for number, row in enumerate(rows, start=1):
            watch = watches.get(row.token_id)
            if watch is not None and (anew or not watch.player_keys) and (profile := row.profile) is not None:
                self.put(watch, profile)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    def drop(self, watch: Watch) -> None:
        """Forgets the customer's players."""
        for key in watch.player_keys:
            left = tuple(token_id for token_id in self._customers_of(key) if token_id != watch.token_id)
            if left:
                self._behind[key] = left if len(left) > 1 else left[0]
            else:
                del self._behind[key]
        watch.player_keys = ()

    def look(self, watch: Watch) -> None:
        """Checks whether the customer is still online; `joined` marks those who come."""
        if watch.online:
            watch.online = self._is_anywhere(watch)

    def _is_anywhere(self, watch: Watch) -> bool:
        return any(self._is_online(player_of(key)) for key in watch.player_keys)

    def joined(self, players: Iterable[str], watches: Mapping[int, Watch]) -> list[int]:
        """Marks the customers of these players as online. Returns those who were online nowhere before and have a
        working token."""
        new = []
        for token_id in self._customers(players):
            watch = watches[token_id]
            if not watch.online and watch.token is not None and not watch.refused:
                new.append(token_id)
            watch.online = True
        return new

    def behind(self, players: Iterable[str]) -> set[int]:
        """The customers of these players, by the ids of their tokens."""
        return self._customers(players)

    def refused(self, players: Iterable[str], watches: Mapping[int, Watch]) -> list[str]:
        """The customers of these players whose token the store refuses."""
        found = (watches[token_id] for token_id in self._customers(players))
        return [watch.customer_id for watch in found if watch.refused and watch.customer_id is not None]

    def knows(self, player: str) -> bool:
        """Whether a customer on perkd's list is this player."""
        return key_of(player) in self._behind

    def of(self, profile: Profile) -> tuple[str, ...]:
        """The players of this profile in the configured games."""
        return tuple(dict.fromkeys(self._who_is(profile)))

    def count(self, players: Iterable[str]) -> int:
        """How many customers these players are."""
        return len(self._customers(players))

    def _customers(self, players: Iterable[str]) -> set[int]:
        return {token_id for player in players for token_id in self._customers_of(key_of(player))}

    def _customers_of(self, key: Key) -> tuple[int, ...]:
        behind = self._behind.get(key, ())
        return behind if isinstance(behind, tuple) else (behind,)
