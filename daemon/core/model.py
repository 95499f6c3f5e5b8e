"""The project's words as types, and the command state table. PURE: imports nothing but adapters.base.

Everybody imports this module; see docs/how-it-works.md for the words in prose.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from perkd.adapters.base import Endpoint, Identity, Kind, Secret, Who

__all__ = ["Endpoint", "Identity", "Kind", "Secret", "Who"]


class State(StrEnum):
    """Where a command stands. The transitions are in TRANSITIONS; the ledger's CHECK and a test agree with them."""

    PLANNED = "planned"  # recorded, to be sent when it is due
    BLOCKED = "blocked"  # recorded, but something must change first: `reason` says what
    SENDING = "sending"  # claimed and committed; bytes may have left
    DELIVERED = "delivered"  # the game answered and the reply was recognised as success
    REFUSED = "refused"  # the game answered and said no
    ANSWERED = "answered"  # an answer came that no rule recognises
    UNKNOWN = "unknown"  # bytes left, no answer came
    VOID = "void"  # no longer wanted: the opposite change came, or the operator skipped it


# from → to. None is "not recorded yet". Who may make a transition stands beside it.
TRANSITIONS: frozenset[tuple[State | None, State]] = frozenset(
    {
        (None, State.PLANNED),  # record
        (None, State.BLOCKED),  # record: a value is missing or unsafe, the brake is on, the operator must look
        (State.PLANNED, State.SENDING),  # claim
        (State.SENDING, State.DELIVERED),  # settle
        (State.SENDING, State.REFUSED),  # settle
        (State.SENDING, State.ANSWERED),  # settle
        (State.SENDING, State.PLANNED),  # settle: NotSent, absent player, a repeatable refusal tried again
        (State.SENDING, State.UNKNOWN),  # settle: InDoubt; recover: found so at start
        (State.SENDING, State.VOID),  # settle: it would be planned again, but the opposite change came meanwhile
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
        (State.PLANNED, State.VOID),  # the opposite change came; operator: skip, of a line of the store
    }
)

# The step is "touched" once a command of it may have reached the game: then the opposite change needs commands too.
TOUCHED = frozenset({State.SENDING, State.DELIVERED, State.ANSWERED, State.UNKNOWN})


class Step(StrEnum):
    """Which side of a holding a command belongs to. A replay adds `replay:ID` steps of its own."""

    GRANT = "grant"
    REVOKE = "revoke"


class PerkKind(StrEnum):
    LASTING = "lasting"  # held as long as a live item holds it
    ONCE = "once"  # given one time per item and server


class Target(StrEnum):
    """Which of its servers a perk goes to. The words begin the labels of places that are not one server (`places`)."""

    EACH = "each"
    CHOSEN = "chosen"  # the one the buyer chose in the store
    ANY = "any"  # one of them, whichever takes it first
    ONLINE = "online"  # the one the player is on when it is sent


class Reason(StrEnum):
    """Why a perk is taken back: what `{reason}` says, and (the first four) the keys of `revoke_on`."""

    EXPIRED = "expired"
    ADMIN = "admin"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    REVOKED = "revoked"  # the store gave no reason, or one perkd does not know
    ABSENT = "absent"  # gone from two complete inventories
    REMOVED = "removed"  # the operator removed the customer with --revoke
    IDENTITY = "identity"  # the player's name or id changed
    MOVED = "moved"  # the config knows now which server the buyer chose


class Cause(StrEnum):
    """What made perkd decide: revocations and absences count for the brake, the others do not."""

    GRANT = "grant"
    FORETOLD = "foretold"  # the end stood in the item all along
    STATED = "stated"  # the store says revoked
    ABSENT = "absent"
    OPERATOR = "operator"
    IDENTITY = "identity"
    MOVED = "moved"


class ItemState(StrEnum):
    """The store's words for an item. It may add words: an item keeps what the store said, whatever it is."""

    USABLE = "usable"  # bought, and not activated
    ACTIVE = "active"
    USED = "used"  # its time is over
    REVOKED = "revoked"
    RENEWED = "renewed"  # a successor takes over


ITEM_STATES = frozenset(ItemState)


class WhenAbsent(StrEnum):
    """`brake.absent`: what happens to a perk whose item vanished from the store's list."""

    HOLD = "hold"  # its removal waits for a person
    REVOKE = "revoke"


class Enrol(StrEnum):
    """`customers.enrol`: for whom perkd has tokens made."""

    OFF = "off"
    ONLINE = "online"  # for whoever comes onto a server
    ALL = "all"


class FirstSeen(StrEnum):
    """`customers.first_seen`: what happens to once-items bought before the perk was configured."""

    ADOPT = "adopt"  # they count as given
    DELIVER = "deliver"


class ServerState(StrEnum):
    """How it is with a game server, as reports show it."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    REFUSED = "refused"  # its password
    ABSENT = "absent"  # not in the config, and commands wait for it


class Item(NamedTuple):  # a hundred come with one body, and a frozen dataclass takes much longer to make
    """One inventory item as the store last stated it. Ids are decimal strings; times are aware UTC."""

    id: str
    customer_id: str
    product_id: str
    slug: str
    product_name: str
    state: str  # the store's word; one that is not in ITEM_STATES is shown and changes nothing
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
    """Who a customer is, as the store states it. `values` are the keys `Adapter.identify` documents."""

    customer_id: str
    store_id: str
    values: Mapping[str, str]

    @property
    def display_name(self) -> str:
        names = (self.values.get(key) for key in ("customer_name", "profile_name", "minecraft_name", "steam_name"))
        return next((name for name in names if name), self.customer_id)


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled command template: literal text and variables in turn. `source` is what the owner wrote."""

    source: str
    parts: tuple[str, ...]  # literal, variable, literal, variable, …, literal

    @property
    def variables(self) -> tuple[str, ...]:
        return self.parts[1::2]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """One command as configured. `repeatable` None: as its perk's kind says."""

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
    servers: tuple[str, ...]  # names; ("*",) is every server; none when the buyer chooses
    grant: tuple[CommandSpec, ...]
    revoke: tuple[CommandSpec, ...] = ()
    revoke_on: Mapping[Reason, tuple[CommandSpec, ...]] = field(default_factory=dict)
    target: Target = Target.EACH
    effect: str = ""  # "" never survives config: it becomes the name
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
    paynow_token: Secret | None = None  # perkd is this game server for the store
    run_store_commands: bool = False  # send what the store's queue holds besides `perkd` lines
    identity: Identity = Identity.ONLINE  # how it names its players, one of the adapter's `identities`
    bedrock_prefix: str = "."  # with "floodgate": what stands before a Bedrock player's gamertag
    min_gap: timedelta = timedelta(0)
    warmup: timedelta = timedelta(minutes=2)
    presence: timedelta = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrakeLimits:
    """Removals by revocation or absence within `window`, above both `least` and `share`, wait for a person."""

    share: float = 0.30
    least: int = 10
    window: timedelta = timedelta(minutes=10)
    absent: WhenAbsent = WhenAbsent.HOLD
