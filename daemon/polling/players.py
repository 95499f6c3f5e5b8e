"""Player → the customers behind them. PURE.

`roll.py` keeps one.
"""

from collections.abc import Iterable

from .watch import Watch


class Players:
    """Finds customers by their players in the games; several customers may share one game account."""

    def __init__(self) -> None:
        self._behind: dict[str, Watch | tuple[Watch, ...]] = {}  # nearly every player has one customer

    def put(self, watch: Watch, players: Iterable[str]) -> None:
        """The customer has exactly these players from now on."""
        for player in watch.players:
            left = tuple(one for one in self._of(player) if one is not watch)
            if left:
                self._behind[player] = left
            else:
                del self._behind[player]
        watch.players = tuple(dict.fromkeys(players))
        for player in watch.players:
            others = self._of(player)
            self._behind[player] = (*others, watch) if others else watch

    def behind(self, players: Iterable[str]) -> list[Watch]:
        """The customers of these players, each once, in the order of their tokens."""
        found = {watch.token_id: watch for player in players for watch in self._of(player)}
        return [found[token_id] for token_id in sorted(found)]

    def __contains__(self, player: str) -> bool:
        return player in self._behind

    def _of(self, player: str) -> tuple[Watch, ...]:
        behind = self._behind.get(player, ())
        return behind if isinstance(behind, tuple) else (behind,)
