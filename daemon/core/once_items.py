"""Once-items: given one time per item and server, taken away only if the item is revoked. PURE.

`entitlements` runs this for every complete inventory; laws 10 and 12.
"""

from collections.abc import Mapping
from dataclasses import replace

from .changes import Catalogue, Holding, HoldingChange, HoldingKey, HoldingState, Known, KnownItem, Turn
from .identity import NOBODY, differs, learned, player_of, sells
from .liveness import REASONS
from .model import ITEM_STATES, Cause, Item, Perk, PerkKind, Reason, Target, Who


def once(
    known: Known, items: Mapping[str, KnownItem], catalogue: Catalogue, whos: Mapping[str, Who]
) -> list[HoldingChange]:
    """What a complete inventory changes for the once-items, both new ones and those decided before."""
    changes = []
    seen = {(holding.key.item_id, holding.perk) for holding in known.holdings if holding.kind is PerkKind.ONCE}
    for perk in catalogue.perks.values():
        for known_item in items.values():
            item = known_item.item
            if perk.kind is PerkKind.ONCE and (item.id, perk.name) not in seen and sells(perk, item, catalogue.slugs):
                changes += _first_sight(known, perk, known_item, catalogue, whos)
    for group in _by_place(known, catalogue).values():
        changes += _later_sight(group, items[group[0].key.item_id].item, catalogue, whos)
    return changes


def _by_place(known: Known, catalogue: Catalogue) -> dict[tuple[str, str, str], list[Holding]]:
    """The holdings of each (item, perk, place): more than one if the player's identity changed, or if the buyer's
    server was added to the config later."""
    groups: dict[tuple[str, str, str], list[Holding]] = {}
    for holding in known.holdings:
        if holding.kind is PerkKind.ONCE and holding.key.item_id in known.items:
            perk = catalogue.perk(holding.perk)
            place = "" if perk is not None and perk.target is Target.CHOSEN else holding.key.server
            groups.setdefault((holding.key.item_id, holding.perk, place), []).append(holding)
    return groups


def _first_sight(
    known: Known, perk: Perk, known_item: KnownItem, catalogue: Catalogue, whos: Mapping[str, Who]
) -> list[HoldingChange]:
    """Decides where to give a new once-item: given if it is newer than the (perk, server) pair, else adopted (law
    10)."""
    item = known_item.item
    if item.revoked or item.state not in ITEM_STATES or known_item.missing_since is not None:
        return []
    changes = []
    for place in catalogue.places_of(perk, item):
        player = player_of(known.customer_id, whos.get(place, NOBODY))
        old = catalogue.adopt and item.added_at < catalogue.cutoff(perk, place)
        key = HoldingKey(player, perk.name, place, item.id)
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
    """Changes at a place that was decided before: ended by a revocation, or given again if nothing reached the game."""
    held = [holding for holding in group if holding.state is HoldingState.HELD]
    if item.revoked:
        reason = REASONS.get(item.revoke_reason or "", Reason.REVOKED)
        ends = [_change(Turn.END, holding.key, holding, Cause.STATED, reason) for holding in held]
        return [replace(end, stored_values=_learned(end, catalogue, whos) or end.stored_values) for end in ends]
    perk = catalogue.perks.get(group[0].perk)
    given = any(holding.touched or holding.state is HoldingState.ADOPTED for holding in group)
    if item.state not in ITEM_STATES:
        return []
    keeps = [_change(Turn.KEEP, holding.key, holding, Cause.GRANT) for holding in held]
    news = [replace(keep, learned=identity) for keep in keeps if (identity := _learned(keep, catalogue, whos))]
    if given or perk is None:
        return news  # the game may have it already: perkd never gives it a second time by itself
    holding = held[0] if held else group[-1]
    place = holding.key.server
    if perk.target is Target.CHOSEN:
        [wanted] = catalogue.places_of(perk, item)
        place = wanted if catalogue.members(wanted) else place
    return _planned_again(holding, perk, place, whos.get(place, NOBODY)) or news


def _learned(change: HoldingChange, catalogue: Catalogue, whos: Mapping[str, Who]) -> Mapping[str, str] | None:
    """The identity for a later removal, if a value that only the removal uses changed or became known."""
    perk, who = catalogue.perk(change.perk), whos.get(change.key.server, NOBODY)
    if perk is None or who.player != change.key.player:
        return None
    return learned(perk, change.stored_values, who)


def _planned_again(holding: Holding, perk: Perk, place: str, who: Who) -> list[HoldingChange]:
    """The changes for a once-item that has not reached the game. It is planned again if it counts again, if the
    player's identity was completed or changed, or if the config now has the server that the buyer chose."""
    key = holding.key
    now = key._replace(player=who.player or key.player, server=place)
    if holding.state is HoldingState.ENDED:
        return [_change(Turn.OPEN, now, holding, Cause.GRANT)]
    if now != key:
        moved = place != key.server
        cause, reason = (Cause.MOVED, Reason.MOVED) if moved else (Cause.IDENTITY, Reason.IDENTITY)
        return [
            _change(Turn.OPEN, now, holding, Cause.GRANT),
            _change(Turn.END, key, holding, cause, reason),
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
    """Whether a once-item was given and revoked before, and is not revoked any more since this inventory."""
    if holding.kind is not PerkKind.ONCE or holding.state is not HoldingState.ENDED or not holding.touched:
        return False
    before, after = known.items.get(holding.key.item_id), items.get(holding.key.item_id)
    return before is not None and after is not None and before.item.revoked and not after.item.revoked
