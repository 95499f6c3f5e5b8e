"""A ledger without a database, for the property tests of `compare`: it applies the changes of a comparison as
`daemon/ledger/observe.py` records them, except that every step reaches the game at once or never.

`tests/unit/core/test_compare_sequences.py` uses it and checks each change.
"""

from dataclasses import replace
from datetime import datetime

from perkd.daemon.core.changes import (
    Changes,
    Holding,
    HoldingChange,
    HoldingKey,
    HoldingState,
    Known,
    KnownItem,
    Support,
    Turn,
)
from perkd.daemon.core.model import PerkKind, Profile, Who


class Books:
    """Every customer's items and holdings, and the steps that reached each game, in order."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, KnownItem]] = {}
        self.holdings: dict[HoldingKey, Holding] = {}
        self.told: list[tuple[str, HoldingKey]] = []  # ("grant" or "revoke", where), as it reached the game
        self._unsent: set[HoldingKey] = set()  # removals that never reached the game
        self._late: set[HoldingKey] = set()  # old names to remove before the next grant

    def known(self, customer_id: str, players: set[str]) -> Known:
        """As the ledger's query: the customer's own holdings, and the lasting holdings of their players."""
        items = self.items.get(customer_id, {})
        mine = [
            holding
            for holding in self.holdings.values()
            if (holding.kind is PerkKind.LASTING and holding.key.player in players)
            or any(support.customer_id == customer_id for support in holding.supports)
            or holding.key.item_id in items
        ]
        return Known(
            customer_id=customer_id,
            profile=Profile(customer_id, "99", {}),
            items=dict(items),
            holdings=tuple(mine),
        )

    def record(self, changes: Changes, whos: dict[str, Who], now: datetime, *, sent: bool) -> set[HoldingKey]:
        """Applies one comparison. `sent`: its commands reach the games at once; otherwise they never do. Returns the
        keys where an unsent removal was voided, so that the earlier grant is still in the game."""
        self.items.setdefault(changes.customer_id, {}).update({one.item.id: one for one in changes.items})
        voided = set()
        for change in changes.holdings:
            before = self.holdings.get(change.key)
            assert_possible(change, before)
            who = whos.get(change.key.server, Who(None))
            if before is not None and change.turn is Turn.OPEN and change.key in self._unsent:
                self._unsent.discard(change.key)
                self.holdings[change.key] = replace(before, state=HoldingState.HELD)
                voided.add(change.key)
            elif change.turn in (Turn.OPEN, Turn.REGRANT):
                if before is not None and change.turn is Turn.REGRANT and before.touched:
                    self._late.add(change.key)
                self._tell("grant", change.key, sent=sent)
                self._put(change, changes.customer_id, who, HoldingState.HELD, touched=sent)
            elif change.turn is Turn.ADOPT:
                self._put(change, changes.customer_id, who, HoldingState.ADOPTED, touched=False)
            elif change.turn is Turn.END and before is not None:
                self._end(before, sent=sent)
            self._put_supports(change, now)
        return voided

    def _tell(self, what: str, key: HoldingKey, *, sent: bool) -> None:
        if not sent:
            return
        if key in self._late:  # remove the old name first
            self._late.discard(key)
            self.told.append(("revoke", key))
        self.told.append((what, key))

    def _put(self, change: HoldingChange, customer_id: str, who: Who, state: HoldingState, *, touched: bool) -> None:
        before = self.holdings.get(change.key)
        self.holdings[change.key] = Holding(
            key=change.key,
            kind=change.kind,
            perk=change.perk,
            customer_id=customer_id,
            state=state,
            values=dict(who.values),
            supports=before.supports if before else (),
            touched=touched,
        )

    def _end(self, before: Holding, *, sent: bool) -> None:
        self.holdings[before.key] = replace(before, state=HoldingState.ENDED)
        if before.touched:
            self._tell("revoke", before.key, sent=sent)
            if not sent:
                self._unsent.add(before.key)

    def _put_supports(self, change: HoldingChange, now: datetime) -> None:
        holding = self.holdings[change.key]
        behind = {support.item_id: support for support in holding.supports}
        for support in change.supports:
            former = behind.get(support.item_id)
            started_at = (former.started_at if former else None) or support.started_at
            behind[support.item_id] = replace(support, started_at=started_at)
        if holding.touched and holding.state is HoldingState.HELD:  # delivered: perkd's own clocks start
            behind = {item_id: _started(support, now) for item_id, support in behind.items()}
        self.holdings[change.key] = replace(holding, supports=tuple(behind.values()))


def _started(support: Support, now: datetime) -> Support:
    return replace(support, started_at=support.started_at or now) if support.live else support


def assert_possible(change: HoldingChange, before: Holding | None) -> None:
    """Checks that no holding is opened twice, and that only an open holding is kept, ended or granted again."""
    held = before is not None and before.state is HoldingState.HELD
    assert held is (change.turn in (Turn.KEEP, Turn.END, Turn.REGRANT)), (change, before)
