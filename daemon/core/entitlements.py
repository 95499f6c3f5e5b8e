"""Compares what a customer owns with what perkd has given: (known, inventory, now) → changes. PURE.

`polling` calls `compare` for every complete inventory, and whenever time alone may change something; `perkd plan` calls
it too. The second comparison of the same inventory changes nothing.
"""

from collections.abc import Mapping
from dataclasses import replace

from .changes import Catalogue, Changes, EventKind, Holding, HoldingChange, HoldingState, Known, Note, Turn
from .lasting import Lasting, turn
from .liveness import Moment, Standing
from .model import Cause, Inventory, PerkKind, Reason, Who
from .observation import sight
from .once_items import came_back, once


def compare(
    known: Known,
    inventory: Inventory | None,
    moment: Moment,
    catalogue: Catalogue,
    whos: Mapping[str, Who],
) -> Changes:
    """What must change so that what is given and what is owned agree. `inventory` None: only time has passed; that can
    end a perk, but never starts one, not even under another name (a removed customer's perks still end that way).
    `whos`: server → who the customer is there, for every server in the config."""
    items, changed, notes = sight(known, inventory, moment.now)
    lasting = Lasting(known, items, moment, catalogue, whos if inventory is not None else {})
    holdings = lasting.changes()
    if inventory is not None:
        holdings += once(known, items, catalogue, whos)
    live = lasting.live_items
    changed |= {item_id for item_id in live if not items[item_id].seen_live}
    holdings.sort(key=_rank)
    returned = [
        Note(
            EventKind.ONCE_RETURNED,
            holding.key.item_id,
            f"it was given once already as {holding.perk}; perkd does not give it again by itself",
        )
        for holding in known.holdings
        if came_back(holding, known, items)
    ]
    return Changes(
        customer_id=known.customer_id,
        items=tuple(
            replace(items[item_id], seen_live=items[item_id].seen_live or item_id in live)
            for item_id in sorted(changed, key=int)
        ),
        holdings=tuple(holdings),
        notes=(*notes, *returned),
        recheck_at=lasting.recheck_at if inventory is not None else moment.now,
        deadline_at=lasting.deadline_at,
    )


def _rank(change: HoldingChange) -> int:
    """Grants come before removals. But if the customer's identity changed, the removal for the old one comes first: a
    command that names both players alike (same name, other id) must not take away what was just given."""
    if change.turn is Turn.END and change.cause is Cause.IDENTITY:
        return 0
    return 2 if change.turn in (Turn.END, Turn.REGRANT) else 1


def release(known: Known) -> Changes:
    """Takes away every lasting perk of this customer: the operator removed them with --revoke."""
    holdings = []
    for holding in known.holdings:
        mine = [support for support in holding.supports if support.customer_id == known.customer_id and support.live]
        if holding.kind is PerkKind.LASTING and mine:
            left = {support.item_id: replace(support, live=False) for support in mine}
            gone = Standing(live=False, reason=Reason.REMOVED, cause=Cause.OPERATOR)
            holdings.append(turn(holding.key, holding, left, dict.fromkeys(left, gone), known.items))
    return Changes(customer_id=known.customer_id, holdings=tuple(filter(None, holdings)))


def held_after(known: Known, changes: Changes) -> int:
    """How many holdings the customer's items are behind after these changes. The brake counts with it."""
    behind = {holding.key: _behind(holding, known.customer_id) for holding in known.holdings}
    for change in changes.holdings:
        place = behind.setdefault(change.key, set())
        for support in change.supports:
            (place.add if support.live else place.discard)(support.item_id)
        if change.kind is PerkKind.ONCE and change.turn is not Turn.KEEP:
            held = change.turn in (Turn.OPEN, Turn.REGRANT)
            (place.add if held else place.discard)(change.item_id)
    return sum(map(bool, behind.values()))


def _behind(holding: Holding, customer_id: str) -> set[str]:
    """The customer's items behind the holding; for a once-item, that item."""
    if holding.kind is PerkKind.ONCE:
        return {holding.key.item_id} if holding.state is HoldingState.HELD else set()
    return {support.item_id for support in holding.supports if support.live and support.customer_id == customer_id}
