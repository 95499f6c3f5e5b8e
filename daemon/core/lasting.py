"""Lasting perks: which items are behind which holdings now, and how that changes the holdings. PURE.

`entitlements` runs one pass of this for every comparison.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from . import places
from .changes import Catalogue, Holding, HoldingChange, HoldingKey, HoldingState, Known, KnownItem, Support, Turn
from .identity import NOBODY, differs, learned, player_of, sells
from .liveness import Moment, Standing, standing
from .model import Cause, Perk, PerkKind, Reason, Target, Who


class Lasting:
    """One pass over the lasting perks: which items leave which holdings, which join, and what changes."""

    def __init__(
        self,
        known: Known,
        items: Mapping[str, KnownItem],
        moment: Moment,
        catalogue: Catalogue,
        whos: Mapping[str, Who],
    ) -> None:
        self.known, self.items, self.moment, self.catalogue, self.whos = known, items, moment, catalogue, whos
        self.by_key = {holding.key: holding for holding in known.holdings if holding.kind is PerkKind.LASTING}
        self.supports: dict[HoldingKey, dict[str, Support]] = {}  # changed ones only
        self.leaving: dict[HoldingKey, dict[str, Standing]] = {}
        self.live_items: set[str] = set()
        self.recheck_at: datetime | None = None
        self.deadline_at: datetime | None = None

    def changes(self) -> list[HoldingChange]:
        placed = self._stay_or_leave()
        if self.moment.read_at is not None:  # time alone starts no perk
            self._join(placed)
        keys = dict.fromkeys([*self.by_key, *self.supports])
        made = [
            turn(
                key,
                self.by_key.get(key),
                self.supports.get(key, {}),
                self.leaving.get(key, {}),
                self.items,
                renamed=self._renamed(key),
                identity=self._learned(key),
            )
            for key in keys
        ]
        return [change for change in made if change is not None]

    def _stay_or_leave(self) -> set[tuple[str, str, str]]:
        """Decides about every live support of this customer; returns each (item, perk, server) that stays."""
        placed = set()
        for key, holding in self.by_key.items():
            for support in holding.supports:
                if not support.live or not self._is_mine(support):
                    continue
                perk = self.catalogue.perk(support.perk)
                verdict = self._verdict(perk, support)
                self._look_again(verdict)
                if verdict.live is False:
                    self._leave(key, support, verdict)
                elif perk and support.perk in self.catalogue.perks and self._moved(key):
                    self._leave(key, support, Standing(live=False, reason=Reason.IDENTITY, cause=Cause.IDENTITY))
                    self._rejoin(key, support, perk, verdict)
                    placed.add((support.item_id, support.perk, key.server))
                elif perk and verdict.live and self._found(key, support):
                    self._leave(key, support, Standing(live=False, reason=Reason.MOVED, cause=Cause.MOVED))
                else:
                    self.live_items.add(support.item_id)
                    placed.add((support.item_id, support.perk, key.server))
                    ends_at = verdict.ends_at if verdict.live else support.ends_at
                    stays = replace(support, customer_id=self.known.customer_id, ends_at=ends_at)
                    if stays != support:
                        self._put(key, stays)
        return placed

    def _is_mine(self, support: Support) -> bool:
        """Whether the support is this customer's. An item that moved to them keeps its place in the holding."""
        return support.customer_id == self.known.customer_id or support.item_id in self.items

    def _verdict(self, perk: Perk | None, support: Support) -> Standing:
        """Whether the support's item still counts. An item that the customer does not have any more moved to another
        customer, so it ended here: the ledger forgets no item, and a missing one is still among this customer's."""
        known_item = self.items.get(support.item_id)
        if known_item is None:
            return Standing(live=False, reason=Reason.REVOKED, cause=Cause.STATED)
        return standing(known_item, perk, support, self.moment) if perk else Standing(live=None)

    def _join(self, placed: set[tuple[str, str, str]]) -> None:
        somewhere = {(item_id, perk) for item_id, perk, _ in placed}
        for perk in self.catalogue.perks.values():
            if perk.kind is not PerkKind.LASTING:
                continue
            for known_item in self.items.values():
                if not sells(perk, known_item.item, self.catalogue.slugs):
                    continue
                item_id = known_item.item.id
                for wanted in self.catalogue.places_of(perk, known_item.item):
                    if places.target_of(wanted) is Target.CHOSEN and (item_id, perk.name) in somewhere:
                        continue  # it was given when the config had the server
                    place = self._present_place(perk, wanted)
                    if (item_id, perk.name, place) not in placed:
                        self._consider(perk, place, known_item)

    def _consider(self, perk: Perk, server: str, known_item: KnownItem) -> None:
        player = player_of(self.known.customer_id, self.whos.get(server, NOBODY))
        key = HoldingKey(player, perk.effect, server)
        if known_item.item.id in self.supports.get(key, {}) or self._is_behind(key, known_item.item.id):
            return  # another perk with this effect has the product too, and the item counts once
        former = self._former(key, known_item.item.id)
        verdict = standing(known_item, perk, former, self.moment)
        if verdict.live is not True:
            return
        self._look_again(verdict)
        self.live_items.add(known_item.item.id)
        self._put(
            key,
            Support(
                item_id=known_item.item.id,
                customer_id=self.known.customer_id,
                perk=perk.name,
                live=True,
                joined_at=self.moment.now,
                started_at=former.started_at if former else None,
                ends_at=verdict.ends_at,
            ),
        )

    def _rejoin(self, key: HoldingKey, support: Support, perk: Perk, verdict: Standing) -> None:
        """The item joins again under the customer's new player, with its times unchanged."""
        player = player_of(self.known.customer_id, self.whos[key.server])
        self.live_items.add(support.item_id)
        ends_at = verdict.ends_at if verdict.live else support.ends_at
        moved = replace(support, customer_id=self.known.customer_id, joined_at=self.moment.now, ends_at=ends_at)
        self._put(HoldingKey(player, perk.effect, key.server), moved)

    def _is_behind(self, key: HoldingKey, item_id: str) -> bool:
        """Whether the item is already behind that holding."""
        holding = self.by_key.get(key)
        return holding is not None and item_id in holding.live

    def _former(self, key: HoldingKey, item_id: str) -> Support | None:
        """The item's earlier support: its time goes on, even if the customer has become another player."""
        places = [
            support
            for holding in self.by_key.values()
            for support in holding.supports
            if support.item_id == item_id and holding.key._replace(player=key.player) == key
        ]
        return min(places, key=lambda p: (p.started_at is None, p.started_at or p.joined_at), default=None)

    def _moved(self, key: HoldingKey) -> bool:
        """Whether the customer is another player on that server now. A missing identity does not count."""
        who = self.whos.get(key.server, NOBODY)
        return who.player is not None and who.player != key.player

    def _found(self, key: HoldingKey, support: Support) -> bool:
        """Whether the support waits at a game server that was not in the config, and the config has its server now.
        What was given on a server stays there, whatever a later config says (law 13)."""
        perk = self.catalogue.perks.get(support.perk)
        if perk is None or places.target_of(key.server) is not Target.CHOSEN or self.moment.read_at is None:
            return False
        return key.server not in self.catalogue.places_of(perk, self.items[support.item_id].item)

    def _present_place(self, perk: Perk, wanted: str) -> str:
        """The place where the effect is held already, if that is the same list with some servers changed: a new list in
        the config does not give the effect a second time."""
        player = player_of(self.known.customer_id, self.whos.get(wanted, NOBODY))
        held_at = (
            key.server
            for key, holding in self.by_key.items()
            if key.player == player and key.effect == perk.effect and holding.state is HoldingState.HELD
        )
        return next((place for place in held_at if places.meet(place, wanted)), wanted)

    def _renamed(self, key: HoldingKey) -> bool:
        """Whether a value of the grant changed, for the customer whose identity the holding uses (law 12)."""
        holding, who = self.by_key.get(key), self.whos.get(key.server, NOBODY)
        if holding is None or holding.state is not HoldingState.HELD or self._named_by(holding) != key.player:
            return False
        perk = self.catalogue.perks.get(holding.perk)
        return perk is not None and differs(perk, holding.values, who)

    def _learned(self, key: HoldingKey) -> Mapping[str, str] | None:
        """The identity to remember, if a value that only the removal uses changed or became known."""
        holding, who = self.by_key.get(key), self.whos.get(key.server, NOBODY)
        if holding is None or who.player != key.player or self._named_by(holding) != key.player:
            return None
        perk = self.catalogue.perk(holding.perk)
        return None if perk is None else learned(perk, holding.values, who)

    def _named_by(self, holding: Holding) -> str | None:
        """This customer's player there, if the holding uses their identity: they opened it, or the customer who opened
        it has no item behind it any more."""
        behind = {support.customer_id for support in holding.supports if support.live}
        mine, opener = self.known.customer_id, holding.customer_id
        if mine != opener and opener in behind:
            return None
        return player_of(mine, self.whos.get(holding.key.server, NOBODY))

    def _leave(self, key: HoldingKey, support: Support, verdict: Standing) -> None:
        self._put(key, replace(support, live=False, ends_at=verdict.ends_at or support.ends_at))
        self.leaving.setdefault(key, {})[support.item_id] = verdict

    def _put(self, key: HoldingKey, support: Support) -> None:
        self.supports.setdefault(key, {})[support.item_id] = support

    def _look_again(self, verdict: Standing) -> None:
        self.recheck_at = min(filter(None, (self.recheck_at, verdict.recheck_at)), default=None)
        self.deadline_at = min(filter(None, (self.deadline_at, verdict.deadline_at)), default=None)


def turn(
    key: HoldingKey,
    holding: Holding | None,
    supports: Mapping[str, Support],
    leaving: Mapping[str, Standing],
    mine: Collection[str],
    *,
    renamed: bool = False,
    identity: Mapping[str, str] | None = None,
) -> HoldingChange | None:
    """The change of a holding when this customer's items behind it become `supports`. `mine`: the ids of all their
    items. `identity`: the identity for a later removal, if it changed."""
    held = holding is not None and holding.state is HoldingState.HELD
    before = holding.live if holding and held else frozenset()
    after = (before | {i for i, support in supports.items() if support.live}) - set(leaving)
    changed = tuple(supports[item_id] for item_id in sorted(supports, key=int))
    if after and not held:
        opener = _opener([supports[item_id] for item_id in after if item_id in supports])
        return HoldingChange(
            turn=Turn.OPEN,
            key=key,
            kind=PerkKind.LASTING,
            perk=opener.perk,
            item_id=opener.item_id,
            cause=Cause.GRANT,
            supports=changed,
        )
    if holding is None or not held:
        return None
    stored = holding.values if identity is None else identity
    if leaving and not after:
        item_id = _emptier(leaving)
        return HoldingChange(
            turn=Turn.END,
            key=key,
            kind=PerkKind.LASTING,
            perk=holding.perk,
            item_id=item_id,
            cause=leaving[item_id].cause,
            reason=leaving[item_id].reason,
            supports=changed,
            stored_values=stored,
        )
    merged = {support.item_id: support for support in holding.supports} | dict(supports)
    behind = [merged[item_id] for item_id in after if item_id in mine]
    regrant = renamed and bool(behind)  # without an item of this customer, their new name does not matter
    learns = identity is not None and bool(behind) and not regrant
    if not (changed or regrant or learns):
        return None
    return HoldingChange(
        turn=Turn.REGRANT if regrant else Turn.KEEP,
        key=key,
        kind=PerkKind.LASTING,
        perk=holding.perk,
        item_id=_opener(behind).item_id if behind else "",
        cause=Cause.IDENTITY if regrant else Cause.GRANT,
        reason=Reason.IDENTITY if regrant else None,
        supports=changed,
        stored_values=stored,
        learned=identity if learns else None,
    )


def _opener(supports: Iterable[Support]) -> Support:
    """The item that opens a holding. Law 14: the latest end, then the lowest id. No end counts as the latest."""
    return min(
        supports, key=lambda s: (s.ends_at is not None, -(s.ends_at.timestamp() if s.ends_at else 0), int(s.item_id))
    )


def _emptier(leaving: Mapping[str, Standing]) -> str:
    """The item whose end ended the holding. A missing item comes first, because otherwise the player would still have
    the perk (law 3); then a revoked one, then the latest end."""
    weights = {Cause.ABSENT: 0, Cause.STATED: 1}

    def order(item_id: str) -> tuple[int, float, int]:
        ended = leaving[item_id]
        latest = ended.ends_at.timestamp() if ended.ends_at else 0.0
        return weights.get(ended.cause, 2), -latest, int(item_id)

    return min(leaving, key=order)
