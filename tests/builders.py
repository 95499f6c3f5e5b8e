"""Builds items, holdings, perks and related objects; a test gives only the values it is about.

The unit tests of the pure modules use these. NOW is the time in most of them; ids are small numbers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from perkd.daemon.core import templates
from perkd.daemon.core.changes import (
    Catalogue,
    Changes,
    Command,
    Holding,
    HoldingChange,
    HoldingKey,
    HoldingState,
    Known,
    KnownItem,
    PlannedChange,
    Support,
)
from perkd.daemon.core.commands import Scene, plan
from perkd.daemon.core.entitlements import compare
from perkd.daemon.core.liveness import Moment
from perkd.daemon.core.model import CommandSpec, Inventory, Item, Perk, PerkKind, Profile, Who
from tests.tinygame import TinyGame

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

ALEX = "00000000-0000-4000-8000-00000000000a"  # players
BLAKE = "00000000-0000-4000-8000-00000000000b"
GAME = TinyGame("name", "uuid")


def who(name: str | None = "Alex", player: str | None = ALEX) -> Who:
    """A customer's identity on a server. Without a player: a customer with no identity in that game."""
    if player is None:
        return Who(None)
    return Who(player, {"uuid": player, **({"name": name} if name else {})})


def item(item_id: str = "10", **changes: Any) -> Item:
    """An item of customer 1: product 7 (slug vip), active, with thirty days to go."""
    found = Item(
        id=item_id,
        customer_id="1",
        product_id="7",
        slug="vip",
        product_name="VIP",
        state="active",
        expirable=True,
        gift=False,
        added_at=NOW - DAY,
        ends_at=NOW + 30 * DAY,
    )
    return found._replace(**changes)


def permanent(item_id: str = "10", **changes: Any) -> Item:
    """An item that never expires, already used."""
    return item(item_id, **{"expirable": False, "ends_at": None, "state": "used", **changes})


def known_item(stated: Item, **changes: Any) -> KnownItem:
    return replace(KnownItem(item=stated, first_seen_at=NOW - DAY), **changes)


def support(item_id: str = "10", **changes: Any) -> Support:
    """The item that supports a holding of vip, with the same end as `item`."""
    found = Support(
        item_id=item_id, customer_id="1", perk="vip", live=True, joined_at=NOW - DAY, ends_at=NOW + 30 * DAY
    )
    return replace(found, **changes)


def spec(text: str, **changes: Any) -> CommandSpec:
    return replace(CommandSpec(run=templates.compile(text)), **changes)


def specs(*texts: str) -> tuple[CommandSpec, ...]:
    return tuple(spec(text) for text in texts)


def perk(name: str = "vip", **changes: Any) -> Perk:
    """A lasting perk for product vip on survival, granted and revoked with a UUID."""
    found = Perk(
        name=name,
        kind=PerkKind.LASTING,
        products=("vip",),
        servers=("survival",),
        grant=specs("lp user {uuid} parent add vip"),
        revoke=specs("lp user {uuid} parent remove vip"),
        effect=name,
    )
    return replace(found, **changes)


def kit(name: str = "kit", **changes: Any) -> Perk:
    """A perk that is granted once, for the product of `kit_item`."""
    return perk(
        name,
        **{
            "kind": PerkKind.ONCE,
            "products": ("kit",),
            "grant": specs("give {name} bread"),
            "revoke": specs("clear {name} bread"),
            "repeatable": False,
            **changes,
        },
    )


def kit_item(item_id: str = "10", **changes: Any) -> Item:
    return permanent(item_id, **{"product_id": "8", "slug": "kit", "product_name": "Kit", "state": "usable", **changes})


def catalogue(*perks: Perk, **changes: Any) -> Catalogue:
    """These perks on survival and lobby, each pair of perk and server configured two days ago."""
    servers = changes.pop("servers", ("survival", "lobby"))
    found = Catalogue(
        perks={one.name: one for one in perks},
        retired={},
        servers=servers,
        cutoffs={(one.name, server): NOW - 2 * DAY for one in perks for server in (*servers, *one.servers)},
        slugs={},
    )
    return replace(found, **changes)


def holding(*supports: Support, **changes: Any) -> Holding:
    """Alex's vip on survival, granted with Alex's name and UUID and delivered."""
    found = Holding(
        key=HoldingKey(ALEX, "vip", "survival"),
        kind=PerkKind.LASTING,
        perk="vip",
        customer_id="1",
        state=HoldingState.HELD,
        values=who().values,
        supports=supports,
        touched=True,
    )
    return replace(found, **changes)


def given_kit(item_id: str = "10", **changes: Any) -> Holding:
    """The holding of a kit that was delivered to Alex on survival."""
    key = HoldingKey(ALEX, "kit", "survival", item_id)
    return holding(**{"key": key, "kind": PerkKind.ONCE, "perk": "kit", **changes})


def known(items: Iterable[KnownItem] = (), holdings: Iterable[Holding] = (), customer_id: str = "1") -> Known:
    return Known(
        customer_id=customer_id,
        profile=Profile(customer_id, "99", {}),
        items={one.item.id: one for one in items},
        holdings=tuple(holdings),
    )


def inventory(*items: Item, read_at: datetime = NOW, customer_id: str = "1") -> Inventory:
    return Inventory(customer_id, read_at, items)


def read(now: datetime = NOW, *, clock_ok: bool = True) -> Moment:
    """A comparison at that time, with a complete inventory read then."""
    return Moment(now, now, clock_ok)


def time_passed(now: datetime = NOW, *, clock_ok: bool = True) -> Moment:
    """A comparison at that time without an inventory."""
    return Moment(now, None, clock_ok)


def everywhere(somebody: Who, servers: Iterable[str] = ("survival", "lobby")) -> dict[str, Who]:
    return dict.fromkeys(servers, somebody)


def planned(
    changes: Changes,
    sold: Catalogue,
    before: Known | None = None,
    somebody: Who | None = None,
    *,
    braked: bool = False,
    hold_absent: bool = True,
    adapters: Mapping[str, Any] | None = None,
) -> tuple[PlannedChange, ...]:
    """The commands of these changes, on servers of the tiny game."""
    scene = Scene(
        known=before or known(),
        catalogue=sold,
        whos=everywhere(somebody or who(), sold.servers),
        adapters=dict.fromkeys((*sold.servers, "gone"), GAME) if adapters is None else adapters,
        now=NOW,
        hold_absent=hold_absent,
    )
    return plan(changes, scene, lambda _change: braked)


def turns(changes: Changes) -> list[tuple[str, str]]:
    """The changes of the holdings: (turn, server), in order."""
    return [(change.turn.value, change.key.server) for change in changes.holdings]


def only(changes: Changes) -> HoldingChange:
    """The only change of a holding; fails when there is not exactly one."""
    [change] = changes.holdings
    return change


def command(**changes: Any) -> Command:
    """A claimed grant, sent for the first time."""
    found = Command(
        id=1,
        server="survival",
        place="survival",
        customer_id="1",
        player=ALEX,
        perk="vip",
        item_id="10",
        step="grant",
        text="lp user x parent add vip",
        values={},
        repeatable=True,
        online=False,
        strict=False,
        success="",
        failure="",
        attempts=1,
        refusals=0,
        doubts=0,
    )
    return replace(found, **changes)


VIP = catalogue(perk())


def held(*items: Item, **changes: Any) -> Known:
    """Alex holds vip through these items, which were seen live."""
    behind = [support(one.id, ends_at=one.ends_at) for one in items]
    return known([known_item(one, seen_live=True) for one in items], [holding(*behind, **changes)])


def looked(
    before: Known, *stated: Item, moment: Moment | None = None, sold: Catalogue = VIP, somebody: Who | None = None
) -> Changes:
    """A comparison with a complete inventory of exactly these items; the customer is Alex unless another is given."""
    at = moment or read()
    assert at.read_at is not None
    stock = inventory(*stated, read_at=at.read_at)
    return compare(before, stock, at, sold, everywhere(somebody or who(), sold.servers))
