"""The answers of the Management and the Game Server API as typed documents. `reading.py` makes them.

They name every field of PayNow's description of August 2026 and of the documentation of 2023 to 2025; unknown fields
are kept as they came (`model_extra`). Null and absent are the same. Ids are strings or numbers and become strings.
Times are aware UTC, cut to microseconds. Fields that are only shown (times, names, metadata, who did it) are None or
left out when they cannot be read; they never make a document unreadable.
"""

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from ..core.store_ids import flake
from .wire import Text, TextId, WireCustomer, WireProfile, moment


def _flake(value: object) -> object:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("an id consists of digits")  # noqa: TRY004 - pydantic reports a ValueError, not a TypeError
    return flake(value)


def _moment(value: object) -> object:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("a time must be text")  # noqa: TRY004 - as above
    return moment(value)


def _or_none(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return None


def _texts(value: object) -> object:
    if not isinstance(value, dict):
        return {}
    return {
        key: one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
        for key, one in value.items()
        if one is not None
    }


def _list(value: object) -> object:
    return value if isinstance(value, list) else []


def _null_as(*, instead: object) -> BeforeValidator:
    return BeforeValidator(lambda value: instead if value is None else value)


def _version(value: object) -> object:
    """An id in every sample; the description of 2026 allows any text, for example "v2.1.0"."""
    try:
        return _flake(value)
    except ValueError:
        return value


Flake = Annotated[str, BeforeValidator(_flake)]
OptionalFlake = Annotated[str | None, BeforeValidator(_flake)]
Cosmetic = WrapValidator(_or_none)
StatedTime = Annotated[datetime | None, BeforeValidator(_moment)]  # one that perkd uses to decide
Time = Annotated[datetime | None, BeforeValidator(_moment), Cosmetic]
Shown = Annotated[Text, Cosmetic]
ShownFlake = Annotated[OptionalFlake, Cosmetic]
ShownFlag = Annotated[bool | None, Cosmetic]
Word = Annotated[str, _null_as(instead="")]
Flag = Annotated[bool, _null_as(instead=False)]
Texts = Annotated[dict[str, str], BeforeValidator(_texts), Field(default_factory=dict)]


class Document(BaseModel):
    """A document of the store. Unknown fields are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Actor(Document):
    """Who did something: today an ActorDto, earlier a dashboard user with names."""

    type: Shown = None
    id: ShownFlake = None
    first_name: Shown = None
    last_name: Shown = None


Who = Annotated[Actor | None, Cosmetic]


class GameProfile(WireProfile):
    """A profile on a platform. Only the generic profile has `platform`."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: Shown = None
    avatar_url: Shown = None


class Customer(WireCustomer):
    """A CustomerDto. `created_by` and `updated_by` are from before 2025, `store` from some weeks of 2026."""

    model_config = ConfigDict(extra="allow", frozen=True)
    id: Flake
    store_id: OptionalFlake = None
    name: Shown = None
    profile: GameProfile | None = None
    steam_id: TextId = None
    steam: GameProfile | None = None
    minecraft: GameProfile | None = None
    created_at: Time = None
    updated_at: Time = None
    created_by: Who = None
    updated_by: Who = None
    metadata: Texts
    store: Annotated[dict[str, Any] | None, Cosmetic] = None


class ItemProduct(Document):
    """The product inside an item. `store_id` is from before 2025."""

    id: Flake
    version_id: Annotated[str | None, BeforeValidator(_version), Cosmetic] = None
    slug: Shown = None
    name: Shown = None
    store_id: ShownFlake = None


class CommandAttempt(Document):
    """One command the store queued for one game server."""

    id: Flake
    store_id: ShownFlake = None
    inventory_item_id: ShownFlake = None
    gameserver_id: ShownFlake = None
    steam_id: Annotated[TextId, Cosmetic] = None
    minecraft_uuid: Shown = None
    customer_name: Shown = None
    customer_id: ShownFlake = None
    command_stage: Shown = None
    command: Shown = None
    online_only: ShownFlag = None
    rerun: ShownFlag = None
    queued_at: Time = None
    executed_at: Time = None
    executed_by_ip: Shown = None
    unqueued_at: Time = None


def _read_ones(attempts: list[CommandAttempt | None]) -> list[CommandAttempt | None]:
    return [attempt for attempt in attempts if attempt is not None]


Attempts = Annotated[
    list[Annotated[CommandAttempt | None, Cosmetic]],
    BeforeValidator(_list),
    AfterValidator(_read_ones),
    Field(default_factory=list),
]


class StoreItem(Document):
    """A DeliveryItemDto: an inventory item in the Management API. Items of the older paths name their owner only in
    `customer`."""

    id: Flake
    store_id: ShownFlake = None
    customer_id: OptionalFlake = None
    customer: Customer | None = None
    order_customer_id: ShownFlake = None
    order_customer: Annotated[Customer | None, Cosmetic] = None
    checkout_id: ShownFlake = None
    checkout_line_id: ShownFlake = None
    order_id: OptionalFlake = None
    order_line_id: ShownFlake = None
    subscription_id: ShownFlake = None
    trial_id: ShownFlake = None
    execute_on_gameserver_id: OptionalFlake = None
    quantity_index: Annotated[int | None, Field(ge=-(2**31), le=2**31 - 1), Cosmetic] = None  # int32: SQLite takes it
    product: ItemProduct | None = None
    state: Word = ""
    expirable: bool | None = None
    gift: bool | None = None
    added_at: Time = None
    added_by: Who = None
    active_at: Time = None
    expires_at: Time = None
    override_expires_at: Time = None
    removed_at: Time = None
    revoked_at: Time = None
    revoke_reason: Shown = None
    revoked_by: Who = None
    command_attempts: Attempts
    skip_commands: bool | None = None
    custom_variables: Texts

    @property
    def owner_id(self) -> str:
        """The customer's id; "" when the item does not name its owner."""
        return self.customer_id or (self.customer.id if self.customer else "")


class ProductCommand(Document):
    """A command that the store queues at a stage: on_purchase, on_expire, on_refund, on_renew, on_chargeback, …"""

    stage: Word = ""
    content: Word = ""
    online_only: Flag = False
    override_execute_on_gameserver_ids: list[Flake] | None = None


class ProductServer(Document):
    """A game server a product belongs to."""

    id: Flake
    name: Text = None
    enabled: bool | None = None


class Product(Document):
    """A ProductDto. It names the fields that `check --connect` reads; the others are kept as they came."""

    id: Flake
    store_id: OptionalFlake = None
    version_id: OptionalFlake = None
    slug: Word = ""
    name: Word = ""
    remove_after_enabled: Flag = False
    remove_after_time_value: Annotated[int, _null_as(instead=0)] = 0
    remove_after_time_scale: Text = None
    allow_subscription: Flag = False
    single_game_server_only: Flag = False
    commands: Annotated[list[ProductCommand], _null_as(instead=[]), Field(default_factory=list)]
    gameservers: Annotated[list[ProductServer], _null_as(instead=[]), Field(default_factory=list)]


class Minted(Document):
    """The answer to a new token: read once, never shown."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)
    token: Annotated[str, Field(min_length=1, repr=False)]


class LinkedServer(Document):
    """The game server a token belongs to."""

    id: Flake
    name: Text = None
    enabled: bool | None = None


class PreviousLink(Document):
    """Where the token was used before."""

    ip: Text = None
    host_name: Text = None
    last_linked_at: Time = None


class Linked(Document):
    """The store's answer to a link."""

    update_available: bool | None = None
    latest_version: Text = None
    previously_linked: PreviousLink | None = None
    gameserver: LinkedServer | None = None


class QueuedCommand(Document):
    """One line of a game server's command queue: text only, no stage, product or item. A line that could not be read
    has only its id."""

    attempt_id: Flake
    steam_id: TextId = None
    minecraft_uuid: Text = None
    customer_name: Text = None
    command: str | None = None
    online_only: bool | None = None
    queued_at: StatedTime = None

    @property
    def readable(self) -> bool:
        """Whether it has a command and says if the player must be online. Without both, perkd must not act on it."""
        return self.command is not None and self.online_only is not None
