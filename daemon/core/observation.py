"""Adds one complete inventory to what perkd knows of the items: new, changed, missing, back. PURE.

`entitlements.compare` calls it first; nothing here decides about perks.
"""

from dataclasses import replace
from datetime import datetime

from .changes import EventKind, Known, KnownItem, Note
from .model import ITEM_STATES, Inventory, Item, ItemState


def sight(
    known: Known, inventory: Inventory | None, now: datetime
) -> tuple[dict[str, KnownItem], set[str], list[Note]]:
    """All items with their new state, the ids of those that changed, and notes for the events."""
    items = dict(known.items)
    if inventory is None:
        return items, set(), []
    notes: list[Note] = []
    changed: set[str] = set()
    stated = {item.id: item for item in inventory.items}
    for item_id, item in stated.items():
        before = items.get(item_id)
        after = _seen(before, item, now)
        if after is not before and after != before:
            items[item_id] = after
            changed.add(item_id)
            notes += _notes(before, item)
    for item_id, before in known.items.items():
        if item_id not in stated and before.missing_since is None:
            items[item_id] = replace(before, missing_since=inventory.read_at)
            changed.add(item_id)
            notes.append(Note(EventKind.ITEM_MISSING, item_id, "it is missing in a complete inventory"))
    return items, changed, notes


def _seen(before: KnownItem | None, item: Item, now: datetime) -> KnownItem:
    if before is None:
        return KnownItem(item=item, first_seen_at=now)
    if item.state not in ITEM_STATES and item.revoked_at is None:
        # Keep the last known state of everything else, but show the new word: an unknown state changes nothing.
        return replace(before, item=before.item._replace(state=item.state), missing_since=None)
    renewed_at = _renewed_at(before, item, now)
    if before.item == item and before.missing_since is None and before.renewed_at == renewed_at:
        return before
    return replace(before, item=item, missing_since=None, renewed_at=renewed_at)


def _renewed_at(before: KnownItem, item: Item, now: datetime) -> datetime | None:
    """When the item was renewed, if it counted before: law 11 gives its successor ten minutes to appear. An item that
    was `renewed` from the start has only its own end."""
    if item.state != ItemState.RENEWED:
        return None
    turned = before.item.state != ItemState.RENEWED and before.seen_live
    return before.renewed_at or (now if turned else None)


def _notes(before: KnownItem | None, item: Item) -> list[Note]:
    if before is None:
        return [Note(EventKind.ITEM_SEEN, item.id, f"{item.slug}: {item.state}")]
    if before.missing_since is not None:
        return [Note(EventKind.ITEM_BACK, item.id, f"{item.slug}: {item.state}")]
    if before.item.state != item.state:
        return [Note(EventKind.ITEM_CHANGED, item.id, f"{item.slug}: {before.item.state} → {item.state}")]
    return []
