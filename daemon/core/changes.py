"""The types for what the ledger knows about one customer and for what a comparison changes. PURE.

`entitlements.compare` makes Changes from Known, `commands.plan` adds the commands, the ledger records an Observation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from . import places
from .model import Cause, Item, Perk, PerkKind, Profile, Reason, State, Step, Target


class HoldingKey(NamedTuple):
    """What identifies a holding: `item_id` is the item for a once-item, and "" for a lasting perk."""

    player: str  # the player, or `customer:ID` while the customer has no identity in this game
    effect: str
    server: str  # a place: a server's name, or a label for one of several (`places`)
    item_id: str = ""


class HoldingState(StrEnum):
    HELD = "held"
    ENDED = "ended"
    ADOPTED = "adopted"  # a once-item from before the cut-off: it counts as already given


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownItem:
    """An item as the store last described it, with what this ledger noticed about it."""

    item: Item
    first_seen_at: datetime
    seen_live: bool = False  # it has counted for a perk at some time
    renewed_at: datetime | None = None  # when it was first seen as `renewed`, if it had counted before
    missing_since: datetime | None = None  # the first complete inventory without it


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """One item behind one holding. Not live: it was live before, and perkd still remembers its times."""

    item_id: str
    customer_id: str
    perk: str
    live: bool
    joined_at: datetime
    started_at: datetime | None = None  # perkd's own clock (`lasts`): when the perk was delivered
    ends_at: datetime | None = None  # the end that perkd computed last


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    key: HoldingKey
    kind: PerkKind
    perk: str  # the perk that granted
    customer_id: str  # whose item opened it
    state: HoldingState
    values: Mapping[str, str]  # the player's identity at the grant
    supports: tuple[Support, ...]
    touched: bool  # a command of its latest grant may have reached the game

    @property
    def live(self) -> frozenset[str]:
        return frozenset(support.item_id for support in self.supports if support.live)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything the ledger knows about one customer, including holdings shared with other customers."""

    customer_id: str
    profile: Profile | None
    items: Mapping[str, KnownItem]
    holdings: tuple[Holding, ...]
    incomplete: bool = False  # one of their commands waits for a value that is missing or unsafe


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The perks and servers of the config, and what the ledger remembers of earlier configs."""

    perks: Mapping[str, Perk]
    retired: Mapping[str, Perk]  # no longer in the config: their holdings end by their last definition
    servers: tuple[str, ...]
    cutoffs: Mapping[tuple[str, str], datetime]  # (perk, places.pair) → first configured, or the ledger's start
    slugs: Mapping[str, str]  # slug → the product id it was first seen with
    adopt: bool = True  # first_seen = "adopt"
    games: Mapping[str, str] = field(default_factory=dict)  # place → game, also for servers that left the config
    chosen: Mapping[str, str] = field(default_factory=dict)  # the store's id of a game server → the server

    def perk(self, name: str) -> Perk | None:
        return self.perks.get(name) or self.retired.get(name)

    def places_of(self, perk: Perk, item: Item) -> tuple[str, ...]:
        """Where this item gives the perk. A game server that is not in the config is a place too: its commands wait."""
        if perk.target is not Target.CHOSEN:
            return places.places_of(perk, self.servers)
        return (self.chosen.get(item.gameserver_id or "", places.chosen(item.gameserver_id)),)

    def cutoff(self, perk: Perk, place: str) -> datetime:
        return self.cutoffs[perk.name, places.pair(perk, place)]

    def members(self, place: str) -> tuple[str, ...]:
        """The configured servers behind the place."""
        return tuple(server for server in places.members(place) if server in self.servers)


class Turn(StrEnum):
    """What happens to a holding."""

    OPEN = "open"  # it begins: grant
    KEEP = "keep"  # it goes on; only the items behind it changed
    END = "end"  # it ends: revoke
    REGRANT = "regrant"  # the player's name or id changed: revoke with the old one, grant with the new one
    ADOPT = "adopt"  # remember a once-item as already given


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingChange:
    turn: Turn
    key: HoldingKey
    kind: PerkKind
    perk: str
    item_id: str  # the item whose values the commands use: it opened the holding, or was the last to leave it
    cause: Cause
    reason: Reason | None = None
    supports: tuple[Support, ...] = ()  # this customer's items behind it, with their new state
    stored_values: Mapping[str, str] = field(default_factory=dict)  # END, REGRANT: the identity the removal is for
    learned: Mapping[str, str] | None = None  # KEEP: the identity for a later removal, if it changed


class Origin(StrEnum):
    """Who wrote the command."""

    PERK = "perk"  # the owner, in a perk
    STORE = "store"  # the store, as a line of a game server's command queue


class EventKind(StrEnum):
    """The kinds of rows in `events`."""

    COMMAND = "command"
    GRANT = "grant"
    REMOVAL = "removal"
    REMOVAL_VOIDED = "removal_voided"  # the perk was wanted again before anything of the removal was sent
    ADOPTED = "adopted"
    IDENTITY = "identity"
    ITEM_SEEN = "item_seen"
    ITEM_CHANGED = "item_changed"
    ITEM_MISSING = "item_missing"
    ITEM_BACK = "item_back"
    ONCE_RETURNED = "once_returned"
    BRAKE_ON = "brake_on"
    BRAKE_RELEASED = "brake_released"
    ACTIVATION = "activation"
    TOKEN_ADDED = "token_added"  # noqa: S105 - a word, no token
    TOKEN_REMOVED = "token_removed"  # noqa: S105 - a word, no token
    CUSTOMER_IDENTIFIED = "customer_identified"
    CUSTOMER_REMOVED = "customer_removed"


@dataclass(frozen=True, slots=True)
class Note:
    """A row for `events` that is not about a command."""

    kind: EventKind
    item_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one comparison changes, grants before removals. Empty: what is owned and what was given agree."""

    customer_id: str
    items: tuple[KnownItem, ...] = ()  # new or changed
    holdings: tuple[HoldingChange, ...] = ()
    notes: tuple[Note, ...] = ()
    recheck_at: datetime | None = None  # from then on, even an equal body may change the outcome (law 20)
    deadline_at: datetime | None = None  # when time alone changes it

    @property
    def empty(self) -> bool:
        return not (self.items or self.holdings or self.notes)


class Hold(StrEnum):
    """Why a command is blocked; its `reason` says it in a sentence."""

    VALUE = "value"  # a variable is missing or unsafe
    BRAKE = "brake"
    ABSENT = "absent"  # its item disappeared from the store's list
    GIFT = "gift"  # `revoke_on` against somebody who did not buy
    SERVER = "server"  # the server is not in the config
    CHOSEN = "chosen"  # no [[server]] is the game server that the buyer chose
    STEP = "step"  # an earlier command of its step was refused
    LINE = "line"  # the text in the store's queue is not a single line that the game accepts
    BACKLOG = "backlog"  # the line waited in the store's queue before run_store_commands was switched on


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A rendered command, before the ledger records it."""

    step: Step
    position: int
    text: str  # the template itself, if it could not be rendered
    state: State  # PLANNED or BLOCKED
    hold: Hold | None = None
    reason: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)  # as in the text: `judge` masks them
    repeatable: bool = True
    online_s: float | None = None  # waits until the player has been on the server this long; None: does not wait
    strict: bool = False
    success: str = ""
    failure: str = ""
    after_s: float = 0.0
    source: str = ""  # the template as the owner wrote it: a retry finds the command by it in a later config
    identity: Mapping[str, str] = field(default_factory=dict)  # who the player was when it was rendered


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """A holding change with the commands it needs. For OPEN and REGRANT, the ledger records the grant only if the
    opposite step had touched the game; for END, the same holds for the revoke (law 8)."""

    change: HoldingChange
    values: Mapping[str, str]  # the identity to store with the holding
    grant: tuple[Draft, ...] = ()
    revoke: tuple[Draft, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One customer's changes, ready to be recorded in one transaction."""

    customer_id: str
    at: datetime
    changes: Changes
    planned: tuple[PlannedChange, ...] = ()
    profile: Profile | None = None  # newly read identity
    read_at: datetime | None = None  # of the complete inventory it comes from; None: only time passed
    digest: bytes | None = None
    etag: str | None = None
    catalogue: str = ""  # fingerprint of the config used for the comparison
    braked: str | None = None  # why the brake came on with this change, if it did


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One claimed command: the ledger has committed it as `sending` already."""

    id: int
    server: str
    place: str  # the server, or the label of the place it was taken from
    customer_id: str
    player: str
    perk: str  # "" for a line of the store
    item_id: str
    step: str
    text: str
    values: Mapping[str, str]
    repeatable: bool
    online: bool
    strict: bool
    success: str
    failure: str
    attempts: int  # including this one
    refusals: int
    doubts: int
    origin: Origin = Origin.PERK


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How sending ended. PLANNED: sent again at `due_at`, or if `absent`, when the player is next seen online. UNKNOWN:
    planned again at `due_at`; without a `due_at` it stays UNKNOWN."""

    state: State
    reply: str | None = None
    reason: str | None = None
    due_at: datetime | None = None
    absent: bool = False
