"""The project's main types, and the state table of commands. PURE: imports nothing but adapters.base.

All wings import this module; docs/how-it-works.md explains the words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from perkd.adapters.base import Endpoint, Identity, Kind, Secret, Who

__all__ = ["Endpoint", "Identity", "Kind", "Secret", "Who"]


class State(StrEnum):
    """The state of a command. TRANSITIONS lists the allowed changes; the ledger's CHECK and a test agree with it."""

    PLANNED = "planned"  # recorded, to be sent when it is due
    BLOCKED = "blocked"  # recorded, but something must change first: `reason` says what
    SENDING = "sending"  # claimed and committed; bytes may have left
    DELIVERED = "delivered"  # the game answered and the reply was recognised as success
    REFUSED = "refused"  # the game answered and said no
    ANSWERED = "answered"  # an answer came that no rule recognises
    UNKNOWN = "unknown"  # bytes left, no answer came
    VOID = "void"  # no longer wanted: the opposite change came, or the operator skipped it


# from → to. None is "not recorded yet". The comments say who makes a transition.
TRANSITIONS: frozenset[tuple[State | None, State]] = frozenset(
    {
        (None, State.PLANNED),  # record
        (None, State.BLOCKED),  # record: a value is missing or unsafe, the brake is on, or the operator must decide
        (State.PLANNED, State.SENDING),  # claim
        (State.SENDING, State.DELIVERED),  # settle
        (State.SENDING, State.REFUSED),  # settle
        (State.SENDING, State.ANSWERED),  # settle
        (State.SENDING, State.PLANNED),  # settle: NotSent, absent player, a repeatable refusal tried again
        (State.SENDING, State.UNKNOWN),  # settle: InDoubt; recover: found so at start
        (State.SENDING, State.VOID),  # settle: it would be planned again, but the opposite change came first
        (State.UNKNOWN, State.PLANNED),  # repeatable and due again; operator: retry
        (State.REFUSED, State.PLANNED),  # operator: retry
        (State.ANSWERED, State.PLANNED),  # operator: retry
        (State.BLOCKED, State.PLANNED),  # the reason went away; operator: retry
        (State.UNKNOWN, State.DELIVERED),  # operator: done
        (State.REFUSED, State.DELIVERED),
        (State.ANSWERED, State.DELIVERED),
        (State.BLOCKED, State.DELIVERED),
        (State.UNKNOWN, State.VOID),  # operator: skip
        (State.REFUSED, State.VOID),
        (State.ANSWERED, State.VOID),
        (State.BLOCKED, State.VOID),  # operator: skip; the opposite change came
        (State.PLANNED, State.BLOCKED),  # an earlier command of its step was refused; the brake came on
        (State.PLANNED, State.VOID),  # the opposite change came; operator: skip, for a line of the store
    }
)

# A step is "touched" once one of its commands may have reached the game: then the opposite change needs commands too.
TOUCHED = frozenset({State.SENDING, State.DELIVERED, State.ANSWERED, State.UNKNOWN})


class Step(StrEnum):
    """Whether a command gives or takes away. A replay adds its own steps `replay:ID`."""

    GRANT = "grant"
    REVOKE = "revoke"


class PerkKind(StrEnum):
    LASTING = "lasting"  # held as long as a live item is behind it
    ONCE = "once"  # given one time per item and server


class Target(StrEnum):
    """Which of its servers a perk goes to. Labels of places that are not one server begin with these words."""

    EACH = "each"
    CHOSEN = "chosen"  # the one the buyer chose in the store
    ANY = "any"  # the first one that accepts it
    ONLINE = "online"  # the one the player is on when it is sent


class Reason(StrEnum):
    """Why a perk is taken away: the values of `{reason}`, and (the first four) the keys of `revoke_on`."""

    EXPIRED = "expired"
    ADMIN = "admin"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    REVOKED = "revoked"  # the store gave no reason, or one perkd does not know
    ABSENT = "absent"  # missing in two complete inventories
    REMOVED = "removed"  # the operator removed the customer with --revoke
    IDENTITY = "identity"  # the player's name or id changed
    MOVED = "moved"  # the config now has the server that the buyer chose


class Cause(StrEnum):
    """What caused a change: STATED and ABSENT count for the brake, the others do not."""

    GRANT = "grant"
    FORETOLD = "foretold"  # the item reached its known end
    STATED = "stated"  # the store revoked the item
    ABSENT = "absent"  # the item disappeared from the store's list
    OPERATOR = "operator"
    IDENTITY = "identity"
    MOVED = "moved"


class ItemState(StrEnum):
    """The store's states of an item. The store may add words: an item keeps the store's word, known or not."""

    USABLE = "usable"  # bought, and not activated
    ACTIVE = "active"
    USED = "used"  # its time is over
    REVOKED = "revoked"
    RENEWED = "renewed"  # a successor takes over


ITEM_STATES = frozenset(ItemState)


class WhenAbsent(StrEnum):
    """`brake.absent`: what happens to a perk whose item disappeared from the store's list."""

    HOLD = "hold"  # its removal waits for the operator
    REVOKE = "revoke"


class Enrol(StrEnum):
    """`customers.enrol`: for which customers perkd gets tokens."""

    OFF = "off"
    ONLINE = "online"  # for players who join a server
    ALL = "all"


class FirstSeen(StrEnum):
    """`customers.first_seen`: what happens to once-items bought before the perk was configured."""

    ADOPT = "adopt"  # they count as given
    DELIVER = "deliver"


class ServerState(StrEnum):
    """The state of a game server in reports."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    REFUSED = "refused"  # its password
    ABSENT = "absent"  # not in the config, and commands wait for it


class Item(NamedTuple):  # one body has up to a hundred, and a frozen dataclass takes much longer to create
    """One inventory item as the store last described it. Ids are decimal strings; times are aware UTC."""

    id: str
    customer_id: str
    product_id: str
    slug: str
    product_name: str
    state: str  # the store's word; a word that is not in ITEM_STATES is shown and changes nothing
    expirable: bool
    gift: bool
    added_at: datetime
    ends_at: datetime | None  # override_expires_at, else expires_at
    revoked_at: datetime | None = None
    revoke_reason: str | None = None
    order_id: str | None = None
    subscription_id: str | None = None
    gameserver_id: str | None = None  # execute_on_gameserver_id: where the buyer wants it
    quantity_index: int | None = None

    @property
    def revoked(self) -> bool:
        return self.state == ItemState.REVOKED or self.revoked_at is not None


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything one customer owned at one moment, complete. `read_at` is when reading began."""

    customer_id: str
    read_at: datetime
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """Who a customer is, according to the store. `Adapter.identify` documents the keys of `values`."""

    customer_id: str
    store_id: str
    values: Mapping[str, str]

    @property
    def display_name(self) -> str:
        names = (self.values.get(key) for key in ("customer_name", "profile_name", "minecraft_name", "steam_name"))
        return next((name for name in names if name), self.customer_id)


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled command template: literal text and variables, alternating. `source` is what the owner wrote."""

    source: str
    parts: tuple[str, ...]  # literal, variable, literal, variable, …, literal

    @property
    def variables(self) -> tuple[str, ...]:
        return self.parts[1::2]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """One command of a perk in the config. `repeatable` None: the perk's value."""

    run: Template
    after: timedelta = timedelta(0)  # waits this long after the command before it
    online: timedelta | None = None  # waits until the player has been on the server this long
    repeatable: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Perk:
    """One `[[perk]]` of the config, checked and compiled."""

    name: str
    kind: PerkKind
    products: tuple[str, ...]  # slugs and ids
    servers: tuple[str, ...]  # names; ("*",) is every server; empty if the buyer chooses
    grant: tuple[CommandSpec, ...]
    revoke: tuple[CommandSpec, ...] = ()
    revoke_on: Mapping[Reason, tuple[CommandSpec, ...]] = field(default_factory=dict)
    target: Target = Target.EACH
    effect: str = ""  # `config` replaces "" by the name
    lasts: timedelta | None = None
    grace: timedelta | None = None  # None: 1 h, or 24 h for an item with a subscription
    repeatable: bool = True
    irreversible: bool = False
    success: str = ""
    failure: str = ""
    strict: bool = False
    was: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One `[[server]]` of the config."""

    name: str
    game: str
    endpoint: Endpoint
    paynow_id: str = ""
    paynow_token: Secret | None = None  # with it, perkd acts as this game server at the store
    run_store_commands: bool = False  # send the store's queued commands that are not `perkd` lines
    identity: Identity = Identity.ONLINE  # how it identifies its players, one of the adapter's `identities`
    bedrock_prefix: str = "."  # with "floodgate": the prefix of a Bedrock player's gamertag
    min_gap: timedelta = timedelta(0)
    warmup: timedelta = timedelta(minutes=2)
    presence: timedelta = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrakeLimits:
    """If revocations and missing items end more holdings within `window` than both `least` and `share` allow, the
    removals wait for the operator."""

    share: float = 0.30
    least: int = 10
    window: timedelta = timedelta(minutes=10)
    absent: WhenAbsent = WhenAbsent.HOLD
