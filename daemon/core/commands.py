"""Makes commands from the changes of a comparison, rendered and in order: (changes, perks) → commands. PURE.

`polling` calls `plan` between `entitlements.compare` and `ledger.record`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from perkd.adapters.base import Adapter

from .changes import Catalogue, Changes, Draft, Hold, HoldingChange, Known, KnownItem, PlannedChange, Support, Turn
from .identity import NOBODY
from .model import Cause, CommandSpec, ItemState, Perk, State, Step, Target, Who
from .places import members, target_of
from .rendering import Rendered, render

GIFT_HELD = (
    "the item was a gift: its owner did not pay for it. Decide by hand: `perkd commands retry` sends this command, "
    "`skip` drops it"
)
ABSENT_HELD = (
    "the item disappeared from the store's list without being revoked: check it in the store, then `perkd commands "
    'retry` takes the perk away, `skip` keeps it (with brake.absent = "revoke" perkd would not ask)'
)
BRAKE_HELD = "the brake is on: see `perkd brake status`, then `perkd brake release`"


@dataclass(frozen=True, slots=True)
class Scene:
    """What rendering needs in addition to the change."""

    known: Known
    catalogue: Catalogue
    whos: Mapping[str, Who]
    adapters: Mapping[str, Adapter]  # by place; also for servers that left the config, if their game is known
    now: datetime
    hold_absent: bool = True


@dataclass(frozen=True, slots=True)
class Spot:
    """The place of a recorded command in its step: its template and position, and the step's length."""

    source: str
    position: int
    step_size: int


def plan(changes: Changes, scene: Scene, held: Callable[[HoldingChange], bool]) -> tuple[PlannedChange, ...]:
    """The commands for each change. `held`: whether the brake stops a removal. Rendering never fails: a command with a
    missing or unsafe value is blocked, with the reason."""
    items = {**scene.known.items, **{item.item.id: item for item in changes.items}}
    return tuple(_plan_one(change, scene, items, braked=held(change)) for change in changes.holdings)


def _plan_one(change: HoldingChange, scene: Scene, items: Mapping[str, KnownItem], *, braked: bool) -> PlannedChange:
    perk = scene.catalogue.perk(change.perk)
    who = scene.whos.get(change.key.server, NOBODY)
    if perk is None or change.turn in (Turn.KEEP, Turn.ADOPT):
        return PlannedChange(change=change, values=who.values if change.learned is None else change.learned)
    facts = _facts(change, perk, scene, items)
    grant: tuple[Draft, ...] = ()
    revoke: tuple[Draft, ...] = ()
    if change.turn in (Turn.OPEN, Turn.REGRANT):
        grant = _drafts(Step.GRANT, perk, perk.grant, facts, who.values, change, scene, hold=None)
    if change.turn in (Turn.END, Turn.REGRANT):
        revoke = _revoke(change, perk, facts, scene, items, braked=braked)
    return PlannedChange(change=change, values=who.values, grant=grant, revoke=revoke)


def _revoke(
    change: HoldingChange,
    perk: Perk,
    facts: Mapping[str, str],
    scene: Scene,
    items: Mapping[str, KnownItem],
    *,
    braked: bool,
) -> tuple[Draft, ...]:
    """The commands of `revoke`, then those of `revoke_on` for this reason; for a gift, these wait for the operator (law
    5)."""
    hold: tuple[Hold, str] | None = None
    if change.cause is Cause.ABSENT and scene.hold_absent:
        hold = (
            Hold.ABSENT,
            ABSENT_HELD,
        )  # also while the brake is on: releasing the brake decides nothing about this item
    elif braked:
        hold = (Hold.BRAKE, BRAKE_HELD)
    identity = change.stored_values
    drafts = _drafts(Step.REVOKE, perk, perk.revoke, facts, identity, change, scene, hold=hold)
    extra = perk.revoke_on.get(change.reason, ()) if change.reason else ()
    known = items.get(change.item_id)
    if change.cause is Cause.STATED and known is not None and known.item.gift:
        hold = (Hold.GIFT, GIFT_HELD)  # also while the brake is on
    return drafts + _drafts(Step.REVOKE, perk, extra, facts, identity, change, scene, hold=hold, first=len(drafts))


def _drafts(  # noqa: PLR0913 - one call for each kind of step; a bundle of these would have no name
    step: Step,
    perk: Perk,
    specs: Iterable[CommandSpec],
    facts: Mapping[str, str],
    identity: Mapping[str, str],
    change: HoldingChange,
    scene: Scene,
    *,
    hold: tuple[Hold, str] | None,
    first: int = 0,
) -> tuple[Draft, ...]:
    values, adapter = {**facts, **identity}, scene.adapters.get(change.key.server)
    nowhere = _nowhere(change)
    hold = nowhere or hold or _absent_server(change, scene)
    return tuple(
        _draft(step, position, perk, spec, _written(spec, nowhere) or render(spec, values, adapter), hold, identity)
        for position, spec in enumerate(specs, start=first)
    )


def again(change: HoldingChange, step: Step, was: Spot, scene: Scene) -> Draft | None:
    """One command, rendered again with the current config because the operator said retry. Only its own values or a
    missing server can block it. A grant uses the player's current identity, a removal the identity of the grant.
    None: the current config has no such command."""
    perk = scene.catalogue.perk(change.perk)
    if perk is None:
        return None
    facts = _facts(change, perk, scene, scene.known.items)
    extra = perk.revoke_on.get(change.reason, ()) if change.reason else ()
    specs = perk.grant if step is Step.GRANT else perk.revoke + extra
    spec = _same(specs, was)
    if spec is None:
        return None
    who = scene.whos.get(change.key.server, NOBODY)
    mine = who.values if who.player == change.key.player else {}  # values that were unknown when it was first rendered
    identity = who.values if step is Step.GRANT else {**mine, **change.stored_values}
    nowhere = _nowhere(change)
    rendered = _written(spec, nowhere) or render(spec, {**facts, **identity}, scene.adapters.get(change.key.server))
    return _draft(step, was.position, perk, spec, rendered, nowhere or _absent_server(change, scene), identity)


def _same(specs: Sequence[CommandSpec], was: Spot) -> CommandSpec | None:
    """The command with the same template, even if its position changed. Another template at the same position is taken
    as its correction, but only if the step still has the same length: else perkd cannot know which one it became."""
    same = [position for position, spec in enumerate(specs) if spec.run.source == was.source]
    if same:
        return specs[was.position if was.position in same else same[0]]
    return specs[was.position] if was.position < len(specs) == was.step_size else None


def _nowhere(change: HoldingChange) -> tuple[Hold, str] | None:
    """Why the commands have no server: the buyer chose a game server that is not in the config, or chose none."""
    place = change.key.server
    if target_of(place) is not Target.CHOSEN:
        return None
    gameserver_id = place.partition(":")[2]
    if gameserver_id:
        reason = (
            f"the buyer chose the store's game server {gameserver_id}, but no [[server]] has that `paynow_id`: set it, "
            "then `perkd reload`; perkd then gives the perk by itself"
        )
    else:
        reason = (
            "the item names no game server: let buyers choose one for this product in the store's dashboard, or name "
            "the servers in the perk"
        )
    return Hold.CHOSEN, reason


def _written(spec: CommandSpec, nowhere: tuple[Hold, str] | None) -> Rendered | None:
    """The unrendered template, if there is no server: without one, there is no game to render it for."""
    return Rendered(spec.run.source, {}) if nowhere else None


def _absent_server(change: HoldingChange, scene: Scene) -> tuple[Hold, str] | None:
    place = change.key.server
    if scene.catalogue.members(place):
        return None
    servers = " or ".join(repr(server) for server in members(place))
    return (
        Hold.SERVER,
        f"the config has no server {servers}: put it back, or drop this command with `perkd commands skip`",
    )


def _draft(
    step: Step,
    position: int,
    perk: Perk,
    spec: CommandSpec,
    rendered: Rendered,
    hold: tuple[Hold, str] | None,
    identity: Mapping[str, str],
) -> Draft:
    why = rendered.problem or hold
    return Draft(
        step=step,
        position=position,
        text=rendered.text,
        state=State.BLOCKED if why else State.PLANNED,
        hold=why[0] if why else None,
        reason=why[1] if why else None,
        values=rendered.values,
        repeatable=perk.repeatable if spec.repeatable is None else spec.repeatable,
        online_s=None if spec.online is None else spec.online.total_seconds(),
        strict=perk.strict,
        success=perk.success,
        failure=perk.failure,
        after_s=spec.after.total_seconds(),
        source=spec.run.source,
        identity=identity,
    )


def _facts(change: HoldingChange, perk: Perk, scene: Scene, items: Mapping[str, KnownItem]) -> dict[str, str]:
    """The values that do not depend on the game, without those that are unknown."""
    known = items.get(change.item_id)
    facts = {
        "customer_id": scene.known.customer_id,
        "server": change.key.server,
        "perk": perk.name,
        "reason": change.reason.value if change.reason else None,
        "expires_at": _latest_end(change, scene, items),
    }
    if known is not None:
        item = known.item
        facts |= {
            "item_id": item.id,
            "order_id": item.order_id,
            "product": item.product_name or item.slug,
            "product_id": item.product_id,
            "quantity_index": None if item.quantity_index is None else str(item.quantity_index),
        }
    return {name: value for name, value in facts.items() if value is not None}


def _latest_end(change: HoldingChange, scene: Scene, items: Mapping[str, KnownItem]) -> str | None:
    """The holding's latest end as RFC 3339, UTC, whole seconds; None while an item without an end is behind it. For a
    holding that ends and for a once-item: the end of that item."""
    before = next((holding.supports for holding in scene.known.holdings if holding.key == change.key), ())
    behind = {support.item_id: support for support in (*before, *change.supports)}
    live = [support for support in behind.values() if support.live]
    if change.turn is Turn.END or not live:
        own, known = behind.get(change.item_id), items.get(change.item_id)
        end = (own.ends_at if own else None) or (known.item.ends_at if known else None)
    else:
        ends = [_end_of(support, scene, items) for support in live]
        end = None if None in ends else max(filter(None, ends))
    return end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if end else None


def _end_of(support: Support, scene: Scene, items: Mapping[str, KnownItem]) -> datetime | None:
    """An item's end. With `lasts`, the time starts with the delivery, which is about now when the grant is rendered."""
    perk, known = scene.catalogue.perk(support.perk), items.get(support.item_id)
    waits = known is not None and known.item.expirable and known.item.state == ItemState.USABLE
    if support.ends_at is None and waits and perk is not None and perk.lasts is not None:
        return (support.started_at or scene.now) + perk.lasts
    return support.ends_at
