"""What the ledger shows to reports and to the operator: plain rows, times aware UTC, ids as text.

`status` makes the report of them, `control` and `reports` turn them into JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ..core.changes import Catalogue, Hold, Origin
from ..core.model import Cause, Profile, Reason, Secret, State

STORE_COMMAND = "store command"  # what stands in place of a perk where a person reads of a line of the store


def _shown(origin: Origin, perk: str) -> str:
    return perk if origin is Origin.PERK else STORE_COMMAND


@dataclass(frozen=True, slots=True)
class Configured:
    """What a config became: today's catalogue, and how many tokens of the customers' file were added and removed."""

    catalogue: Catalogue
    added: int
    removed: int


class TokenSource(StrEnum):
    """Where a customer's token came from."""

    FILE = "file"  # the owner's list
    OPERATOR = "operator"  # `perkd customers add` or `import`
    ENROLLED = "enrolled"  # perkd had it made


class RemovedBy(StrEnum):
    """Why a token is not used any more."""

    FILE = "file"  # the owner's list has it no more
    OPERATOR = "operator"  # `perkd customers remove`
    REPLACED = "replaced"  # another one took its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """One customer to look at. `token` None: removed, only the known ends still come. `customer_id` None: nobody asked
    the store yet whose token it is."""

    token_id: int
    token: Secret | None
    customer_id: str | None
    label: str
    profile_at: datetime | None = None
    read_at: datetime | None = None
    digest: bytes | None = None
    etag: str | None = None
    catalogue: str = ""
    recheck_at: datetime | None = None
    deadline_at: datetime | None = None
    incomplete: bool = False  # a command waits for a value that is missing or unsafe
    store_id: str = ""
    identity: str | None = None  # JSON: what the store says about the customer; read only where it is needed

    @property
    def profile(self) -> Profile | None:
        if self.customer_id is None or self.identity is None:
            return None
        return Profile(self.customer_id, self.store_id, json.loads(self.identity))


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """The enrolment of one customer. `kept_out`: an operator removed them and nobody added them since;
    `minted_at`: when the newest token that perkd had made was stored; `tries`: how often making one failed."""

    polled: bool = False
    kept_out: bool = False
    minted_at: datetime | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unenrolled:
    """Customers without a token, because the store made none: how many, one reason, and when perkd tries again."""

    count: int = 0
    reason: str = ""
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow:
    token_id: int
    customer_id: str | None
    name: str | None
    label: str | None
    note: str | None
    source: str
    added_at: datetime
    removed_at: datetime | None
    read_at: datetime | None
    items: int
    holdings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRow:
    """One command with what the operator and the HTTP interface see of it."""

    id: int
    place: str  # a server, or the label of one of several
    server: str  # the place until one of its servers took it
    customer_id: str  # "" where the store's line does not say who perkd knows
    player: str
    origin: Origin
    perk: str  # "" for a line of the store
    item_id: str  # "" for a line of the store
    step: str
    generation: int
    position: int
    text: str
    state: State
    hold: Hold | None
    reason: str | None
    reply: str | None
    cause: Cause
    end_reason: Reason | None
    repeatable: bool
    online_s: float | None  # waits until the player has been on the server this long; None: for nobody
    superseded: bool
    absent: bool
    attempts: int
    created_at: datetime
    due_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None
    holding_id: int | None  # None for a line of the store

    @property
    def perk_shown(self) -> str:
        """The perk's name for people."""
        return _shown(self.origin, self.perk)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandDetail(CommandRow):
    """One command with what rendering it again needs."""

    effect: str  # of its holding
    key_item: str  # the once-item, or the store's attempt; "" for a lasting perk
    identity: Mapping[str, str]  # that it was rendered with
    source: str  # the template it was rendered from
    step_size: int  # how many commands were recorded in its step


@dataclass(frozen=True, slots=True)
class HandedOut:
    """What was new in one answer of a command queue: the attempts for perkd itself, and how many lines became planned
    and blocked commands. `again`: how many known commands may be sent now and could not before."""

    for_perkd: tuple[str, ...] = ()
    planned: int = 0
    blocked: int = 0
    again: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    at: datetime
    kind: str
    was: str | None
    became: str | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Commands of one kind that need a person: how many, the newest one's id, and its words."""

    state: State
    hold: Hold | None
    origin: Origin
    perk: str
    server: str
    count: int
    newest_id: int
    text: str
    reason: str | None
    reply: str | None

    @property
    def perk_shown(self) -> str:
        """The perk's name for people."""
        return _shown(self.origin, self.perk)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brakes:
    on_at: datetime | None = None
    reason: str | None = None
    blocked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerQueue:
    server: str
    queue: int  # planned and sending
    oldest_at: datetime | None  # when the oldest of them was recorded


class ItemTroubleKind(StrEnum):
    """What is wrong with items."""

    USABLE = "usable"  # they wait for activation for long
    STATE = "state"  # a word this version does not know
    MISSING = "missing"
    RETURNED = "returned"  # once-items that were given, revoked, and are live again
    MOVED = "moved"  # their slug is bound to another product


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTrouble:
    """Items that need attention."""

    kind: ItemTroubleKind
    product: str
    product_id: str
    word: str  # STATE: the store's word; MOVED: the other product
    count: int
    customer_id: str  # one example


@dataclass(frozen=True, slots=True, kw_only=True)
class BeingSent:
    """A command that was claimed and is not settled yet."""

    id: int
    server: str
    text: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """Commands that wait for a player the game said is not there, and has not shown since."""

    player: str
    name: str  # the customer's, "" where it is not known
    server: str
    count: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """Held perks whose perk or server is not configured any more."""

    perk: str
    server: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The ledger at one moment, for the report."""

    ledger_id: str
    created_at: datetime
    commands: Mapping[State, int]
    holdings: int
    brake: Brakes
    queues: tuple[ServerQueue, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    being_sent: tuple[BeingSent, ...] = ()
    absent_servers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rarities:
    """Troubles that come slowly, for the report."""

    items: tuple[ItemTrouble, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    duplicate_tokens: Mapping[str, int] = field(default_factory=dict)  # customer → tokens in use
