"""The data of the emulated store: products with commands, customers, items, game servers.

`shop.py` changes it, `documents.py` writes it as JSON. Ids are PayNow's flake ids: text, each larger than the last.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

EPOCH = datetime(2022, 2, 22, 22, 22, 22, tzinfo=UTC)  # of PayNow's flake ids
STORE_ID = "94688451781206016"
NEVER_QUEUED = "perkd"  # the command of a product that was added with `has_commands` and no commands


class Flakes:
    """Makes ids: 41 bits of milliseconds, 10 of node, 12 of counter; each larger than the one before."""

    def __init__(self) -> None:
        self._last = 0

    def make(self, at: datetime, node: int = 2) -> str:
        ms = (at - EPOCH) // timedelta(milliseconds=1)
        self._last = max(self._last + 1, ms << 22 | node << 12)
        return str(self._last)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who made a change: `type` is one of PayNow's words (user, api_key, internal, …)."""

    type: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class ProductCommand:
    """One command of a product. Without `gameserver_ids` it runs on all servers of the product.

    The text may hold {customer.id}, {customer.name}, {customer.steam_id} and {customer.minecraft_uuid}; the
    names are the sandbox's own, because PayNow does not document its names.
    """

    stage: str = "on_purchase"
    content: str = NEVER_QUEUED
    online_only: bool = False
    gameserver_ids: tuple[str, ...] = ()


@dataclass(slots=True)
class Product:
    """A product. `lasts` None: its items never expire. Without commands, customer tokens do not list its items.

    `has_commands` without `commands` means a command that is never queued. No `gameserver_ids`: every server.
    """

    id: str
    slug: str
    name: str
    version_id: str
    created_at: datetime
    lasts: timedelta | None = None
    has_commands: bool = True
    commands: tuple[ProductCommand, ...] = ()
    gameserver_ids: tuple[str, ...] = ()
    single_game_server: bool = False


@dataclass(slots=True)
class Customer:
    """A customer of the emulated store; `tokens` are random and work only here.

    `name` is the name that was set; `profile_name` is the name at Mojang or Steam, when it differs.
    """

    id: str
    name: str | None
    created_at: datetime
    minecraft_uuid: str | None = None
    steam_id: str | None = None
    xbox_xuid: str | None = None
    offline: bool = False  # an offline-mode Minecraft store: the name is the identity
    profile_name: str | None = None
    platform: str | None = None  # java or bedrock, when it was set
    metadata: dict[str, str] = field(default_factory=dict)
    updated_at: datetime | None = None
    tokens: list[str] = field(default_factory=list)

    @property
    def shown_name(self) -> str | None:
        return self.profile_name or self.name

    @property
    def minecraft_platform(self) -> str:
        if self.platform is not None:
            return self.platform
        if self.minecraft_uuid or self.offline:
            return "java"
        return "bedrock" if self.xbox_xuid else "unknown"

    @property
    def minecraft_id(self) -> str | None:
        """The id of the Minecraft profile: the UUID, the XUID for Bedrock, the name in an offline-mode store."""
        if self.minecraft_platform == "bedrock" and self.xbox_xuid:
            return self.xbox_xuid
        return self.minecraft_uuid or (self.name if self.offline else None)


class GoodsState(StrEnum):
    """The states of an item, in PayNow's words."""

    USABLE = "usable"
    ACTIVE = "active"
    USED = "used"
    REVOKED = "revoked"
    RENEWED = "renewed"


@dataclass(slots=True)
class Goods:
    """One inventory item: one unit of a product that a customer owns."""

    id: str
    customer_id: str
    product: Product
    version_id: str
    added_at: datetime
    state: str = GoodsState.USABLE  # a str, because a real store may have more states
    gift: bool = False
    order_id: str | None = None
    order_line_id: str | None = None
    order_customer_id: str | None = None
    subscription_id: str | None = None
    gameserver_id: str | None = None
    quantity_index: int | None = None
    active_at: datetime | None = None
    expires_at: datetime | None = None
    override_expires_at: datetime | None = None
    removed_at: datetime | None = None
    revoked_at: datetime | None = None
    revoke_reason: str | None = None
    added_by: Actor | None = None
    revoked_by: Actor | None = None
    skip_commands: bool = False
    custom_variables: dict[str, str] = field(default_factory=dict)
    attempts: list["CommandAttempt"] = field(default_factory=list)
    forgotten: bool = False  # left out of every answer, as if it did not exist
    ended: bool = False  # its on_expire commands were queued
    state_before_revoke: str = GoodsState.USABLE

    @property
    def ends_at(self) -> datetime | None:
        return self.override_expires_at or self.expires_at

    @property
    def expirable(self) -> bool:
        return self.product.lasts is not None or self.override_expires_at is not None

    @property
    def is_carried_out(self) -> bool:
        """Whether every purchase command that still counts was acknowledged."""
        counting = [one for one in self.attempts if one.stage == "on_purchase" and one.unqueued_at is None]
        return all(one.executed_at is not None for one in counting)

    @property
    def is_delivered(self) -> bool:
        """Whether the customer's token lists it: PayNow lists only items of products with a command."""
        return self.product.has_commands and not self.skip_commands


@dataclass(frozen=True, slots=True)
class Assignment:
    """How to give an item without a purchase. No `version_id`: the latest version of the product."""

    quantity: int = 1
    version_id: str | None = None
    override_expires_at: datetime | None = None
    gameserver_id: str | None = None
    skip_commands: bool = False
    custom_variables: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class GameServer:
    """A game server of the dashboard. While it is `enabled`, a plugin with its `token` can fetch its commands."""

    id: str
    name: str
    token: str
    created_at: datetime
    enabled: bool = True
    link: dict[str, str] | None = None  # ip, hostname, platform, version: as last reported
    linked_at: datetime | None = None
    token_reset_at: datetime | None = None
    last_fetched_at: datetime | None = None
    events: list[dict[str, object]] = field(default_factory=list)
    queue: dict[str, "CommandAttempt"] = field(default_factory=dict)  # attempt id → unacknowledged attempt


@dataclass(slots=True)
class CommandAttempt:
    """One command for one game server. It waits in the server's queue until it is acknowledged or unqueued."""

    id: str
    gameserver_id: str
    item: Goods
    customer: Customer
    stage: str
    command: str
    online_only: bool
    queued_at: datetime
    rerun: bool = False
    executed_at: datetime | None = None
    executed_by_ip: str | None = None
    unqueued_at: datetime | None = None
