"""Once-items: given one time per item and server, taken back only when the item is revoked. PURE.

`entitlements` runs this for every complete inventory; laws 10 and 12.
"""

from collections.abc import Mapping

from .changes import Catalogue, Holding, HoldingChange, HoldingKey, HoldingState, Known, KnownItem, Turn
from .model import ITEM_STATES, Cause, Item, Perk, PerkKind, Reason, Who
from .owners import NOBODY, differs, player_of, sells
from .standing import REASONS


def once(
    known: Known, items: Mapping[str, KnownItem], catalogue: Catalogue, whos: Mapping[str, Who]
) -> list[HoldingChange]:
    """What a complete inventory makes of the once-items: those nobody decided about yet, and those decided before."""
    changes = []
    seen = {(holding.key.item_id, holding.perk) for holding in known.holdings if holding.kind is PerkKind.ONCE}
    for perk in catalogue.perks.values():
        for known_item in items.values():
            item = known_item.item
            if perk.kind is PerkKind.ONCE and (item.id, perk.name) not in seen and sells(perk, item, catalogue.slugs):
                changes += _first_sight(known, perk, known_item, catalogue, whos)
    for group in _by_place(known).values():
        changes += _later_sight(group, items[group[0].key.item_id].item, catalogue, whos)
    return changes


def _by_place(known: Known) -> dict[tuple[str, str, str], list[Holding]]:
    """The holdings of each (item, perk, server): more than one where the player's identity changed on the way."""
    places: dict[tuple[str, str, str], list[Holding]] = {}
    for holding in known.holdings:
        if holding.kind is PerkKind.ONCE and holding.key.item_id in known.items:
            places.setdefault((holding.key.item_id, holding.perk, holding.key.server), []).append(holding)
    return places


def _first_sight(
    known: Known, perk: Perk, known_item: KnownItem, catalogue: Catalogue, whos: Mapping[str, Who]
) -> list[HoldingChange]:
    """Fixes the once-item's servers: given where it is newer than the (perk, server) pair, else adopted (law 10)."""
    item = known_item.item
    if item.revoked or item.state not in ITEM_STATES or known_item.missing_since is not None:
        return []
    changes = []
    for server in catalogue.servers_of(perk):
        player = player_of(known.customer_id, whos.get(server, NOBODY))
        old = catalogue.adopt and item.added_at < catalogue.cutoffs[perk.name, server]
        key = HoldingKey(player, perk.name, server, item.id)
        changes.append(
            HoldingChange(
                turn=Turn.ADOPT if old else Turn.OPEN,
                key=key,
                kind=PerkKind.ONCE,
                perk=perk.name,
                item_id=item.id,
                cause=Cause.GRANT,
            )
        )
    return changes


def _later_sight(
    group: list[Holding], item: Item, catalogue: Catalogue, whos: Mapping[str, Who]
) -> list[HoldingChange]:
    """One place that was decided before: ended by a revocation, or still owed because nothing ever reached the game."""
    held = next((holding for holding in group if holding.state is HoldingState.HELD), None)
    if item.revoked:
        reason = REASONS.get(item.revoke_reason or "", Reason.REVOKED)
        return [_change(Turn.END, held.key, held, Cause.STATED, reason)] if held else []
    perk = catalogue.perks.get(group[0].perk)
    given = any(holding.touched or holding.state is HoldingState.ADOPTED for holding in group)
    if given or perk is None or item.state not in ITEM_STATES:
        return []  # it may have been given already: never a second time by itself
    return _owed(held or group[-1], perk, whos.get(group[0].key.server, NOBODY))


def _owed(holding: Holding, perk: Perk, who: Who) -> list[HoldingChange]:
    """Nothing of it reached the game: planned anew when it is wanted again, or when the player's identity
    was completed or changed."""
    key = holding.key
    now = key._replace(player=who.player) if who.player else key
    if holding.state is HoldingState.ENDED:
        return [_change(Turn.OPEN, now, holding, Cause.GRANT)]
    if now != key:
        return [
            _change(Turn.OPEN, now, holding, Cause.GRANT),
            _change(Turn.END, key, holding, Cause.IDENTITY, Reason.IDENTITY),
        ]
    if differs(perk, holding.values, who):
        return [_change(Turn.REGRANT, key, holding, Cause.IDENTITY, Reason.IDENTITY)]
    return []


def _change(turn: Turn, key: HoldingKey, holding: Holding, cause: Cause, reason: Reason | None = None) -> HoldingChange:
    return HoldingChange(
        turn=turn,
        key=key,
        kind=PerkKind.ONCE,
        perk=holding.perk,
        item_id=key.item_id,
        cause=cause,
        reason=reason,
        stored_values=holding.values,
    )


def came_back(holding: Holding, known: Known, items: Mapping[str, KnownItem]) -> bool:
    """A once-item that was given, revoked, and is not revoked any more in this very inventory."""
    if holding.kind is not PerkKind.ONCE or holding.state is not HoldingState.ENDED or not holding.touched:
        return False
    before, after = known.items.get(holding.key.item_id), items.get(holding.key.item_id)
    return before is not None and after is not None and before.item.revoked and not after.item.revoked
