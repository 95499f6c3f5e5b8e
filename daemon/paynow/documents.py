"""What the Management and the game-server API answer, as typed documents. `keyed.py` reads them; nobody keeps them.

Every field of PayNow's description of August 2026 and of the documentation of 2023 to 2025 is named; a field nobody
knows is kept as it came (`model_extra`). Null and absent are the same, ids are strings or numbers and become strings,
times are aware UTC cut to microseconds. What is only shown (times, names, metadata, who did it) is None or left out
where it cannot be read, and never makes a document unreadable.
"""

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from .wire import Text, TextId, WireCustomer, WireProfile, flake, moment


def _flake(value: object) -> object:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("an id is digits")  # noqa: TRY004 - pydantic reports a ValueError, a TypeError it lets through
    return flake(value)


def _moment(value: object) -> object:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("a time is text")  # noqa: TRY004 - as above
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


def _no_null_list(value: object) -> object:
    return [] if value is None else value


Flake = Annotated[str, BeforeValidator(_flake)]
OptionalFlake = Annotated[str | None, BeforeValidator(_flake)]
Cosmetic = WrapValidator(_or_none)
StatedTime = Annotated[datetime | None, BeforeValidator(_moment)]  # one that is decided by
Time = Annotated[datetime | None, BeforeValidator(_moment), Cosmetic]
Shown = Annotated[Text, Cosmetic]
Texts = Annotated[dict[str, str], BeforeValidator(_texts), Field(default_factory=dict)]


class Document(BaseModel):
    """Strict as far as meaning goes; unknown fields are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Actor(Document):
    """Who did something: an ActorDto today, a dashboard user with names before."""

    type: Shown = None
    id: Annotated[OptionalFlake, Cosmetic] = None
    first_name: Shown = None
    last_name: Shown = None


Who = Annotated[Actor | None, Cosmetic]


class GameProfile(WireProfile):
    """A profile on a platform. `platform` stands in the generic one only."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: Shown = None
    avatar_url: Shown = None


class Customer(WireCustomer):
    """A CustomerDto. `created_by` and `updated_by` stood in it before 2025, `store` for some weeks of 2026."""

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
    """The product as an item carries it. `store_id` stood in it before 2025."""

    id: Flake
    version_id: OptionalFlake = None
    slug: Shown = None
    name: Shown = None
    store_id: OptionalFlake = None


class CommandAttempt(Document):
    """One command the store queued for one game server."""

    id: Flake
    store_id: OptionalFlake = None
    inventory_item_id: OptionalFlake = None
    gameserver_id: OptionalFlake = None
    steam_id: TextId = None
    minecraft_uuid: Text = None
    customer_name: Text = None
    customer_id: OptionalFlake = None
    command_stage: Text = None
    command: str = ""
    online_only: bool = False
    rerun: bool = False
    queued_at: Time = None
    executed_at: Time = None
    executed_by_ip: Text = None
    unqueued_at: Time = None


class StoreItem(Document):
    """A DeliveryItemDto: an inventory item as the Management API has it. Items of the older paths name their owner only
    in `customer`."""

    id: Flake
    store_id: OptionalFlake = None
    customer_id: OptionalFlake = None
    customer: Customer | None = None
    order_customer_id: OptionalFlake = None
    order_customer: Customer | None = None
    checkout_id: OptionalFlake = None
    checkout_line_id: OptionalFlake = None
    order_id: OptionalFlake = None
    order_line_id: OptionalFlake = None
    subscription_id: OptionalFlake = None
    trial_id: OptionalFlake = None
    execute_on_gameserver_id: OptionalFlake = None
    quantity_index: int | None = None
    product: ItemProduct | None = None
    state: str = ""
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
    command_attempts: Annotated[list[CommandAttempt], BeforeValidator(_no_null_list), Field(default_factory=list)]
    skip_commands: bool | None = None
    custom_variables: Texts

    @property
    def owner_id(self) -> str:
        """The customer's id; "" when the item does not say whose it is."""
        return self.customer_id or (self.customer.id if self.customer else "")


class ProductCommand(Document):
    """A command the dashboard runs at a stage: on_purchase, on_expire, on_refund, on_renew, on_chargeback, …"""

    stage: str = ""
    content: str = ""
    online_only: bool = False
    override_execute_on_gameserver_ids: list[Flake] | None = None


class ProductServer(Document):
    """A game server a product belongs to."""

    id: Flake
    name: Text = None
    enabled: bool | None = None


class Product(Document):
    """A ProductDto, as far as `check --connect` reads it; the rest is kept as it came."""

    id: Flake
    store_id: OptionalFlake = None
    version_id: OptionalFlake = None
    slug: str = ""
    name: str = ""
    remove_after_enabled: bool = False
    remove_after_time_value: int = 0
    remove_after_time_scale: Text = None
    allow_subscription: bool = False
    single_game_server_only: bool = False
    commands: Annotated[list[ProductCommand], BeforeValidator(_no_null_list), Field(default_factory=list)]
    gameservers: Annotated[list[ProductServer], BeforeValidator(_no_null_list), Field(default_factory=list)]


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
    """What the store answers to a link."""

    update_available: bool | None = None
    latest_version: Text = None
    previously_linked: PreviousLink | None = None
    gameserver: LinkedServer | None = None


class QueuedCommand(Document):
    """One line of a game server's command queue: text only, no stage, product or item. Of one that could not be read
    only its id is left."""

    attempt_id: Flake
    steam_id: TextId = None
    minecraft_uuid: Text = None
    customer_name: Text = None
    command: str | None = None
    online_only: bool | None = None
    queued_at: StatedTime = None

    @property
    def readable(self) -> bool:
        """Whether it says what is to be done and when: without either it must not be acted on."""
        return self.command is not None and self.online_only is not None
