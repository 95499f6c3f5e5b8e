"""The customer and the inventory item as the store writes them, and what they mean. `storefront.py` calls this.

Unknown fields are ignored, null and absent are the same, ids are strings or numbers, times have 0 to 9 fraction digits.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from ..model import Item, Profile

UNREADABLE = (
    "unreadable"  # the state word of an item that has an id and little else: no known state, so it changes nothing
)
FLAKE_EPOCH = datetime(2022, 2, 22, 22, 22, 22, tzinfo=UTC)
_FLAKE_LIMIT = 1 << 63
_COSMETIC = frozenset({"order_id", "quantity_index"})  # only command variables: unreadable is the same as not set


class NotAnAnswer(ValueError):
    """The bytes are not what this path promises; the message says in which way."""


def flake(value: str | int) -> str:
    """A store id as its plain decimal string. Raises ValueError: ids are 1 to 19 digits below 2**63."""
    text = value if isinstance(value, str) else str(value)
    if not (text.isdigit() and text.isascii() and len(text) <= 19):
        raise ValueError(f"not an id: {text[:40]!r}")
    if len(text) < 19 and text[0] != "0":  # nearly all there will ever be: below 10**18
        return text
    if int(text) >= _FLAKE_LIMIT:
        raise ValueError(f"not an id: {text!r}")
    return str(int(text))


_shared_flake = lru_cache(maxsize=1024)(flake)  # products and servers are few and come again and again


def flake_time(item_id: str) -> datetime:
    """When an id was made: 41 bits of milliseconds since 2022-02-22T22:22:22Z, above 22 bits of node and counter."""
    return FLAKE_EPOCH + timedelta(milliseconds=int(item_id) >> 22)


def moment(text: str | None) -> datetime | None:
    """An RFC 3339 time as aware UTC, cut to microseconds. Raises ValueError when it is none or has no offset.

    Year 1 is how Go and .NET write "no time": the same as null.
    """
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"a time without offset: {text[:40]!r}")
    if at.year == 1:
        return None
    return at if at.tzinfo is UTC else at.astimezone(UTC)


class Wire(BaseModel):
    """Strict: text is text and a number is a number, so nothing is guessed into a meaning."""

    model_config = ConfigDict(strict=True, extra="ignore")


Id = str | int


class WireProduct(Wire):
    id: Id
    slug: str | None = None
    name: str | None = None


class WireOwner(Wire):
    id: Id


class WireItem(Wire):
    """One element of the inventory's array: today's storefront document, the older ones, and the management API's."""

    id: Id
    customer_id: Id | None = None
    customer: WireOwner | None = None  # the management API embeds the owner
    product: WireProduct | None = None
    state: str | None = None
    expirable: bool | None = None
    gift: bool | None = None
    added_at: str | None = None
    expires_at: str | None = None
    override_expires_at: str | None = None
    revoked_at: str | None = None
    revoke_reason: str | None = None
    order_id: Id | None = None
    subscription_id: Id | None = None
    execute_on_gameserver_id: Id | None = None
    quantity_index: int | None = None


def _no_empty(value: object) -> object:
    return None if value == "" else value


Text = Annotated[str | None, BeforeValidator(_no_empty)]
TextId = Annotated[str | int | None, BeforeValidator(_no_empty)]


class WireProfile(Wire):
    id: TextId = None
    name: Text = None
    platform: Text = None


class WireCustomer(Wire):
    id: Id
    store_id: Id | None = None
    name: Text = None
    profile: WireProfile | None = None
    steam_id: TextId = None
    steam: WireProfile | None = None
    minecraft_uuid: Text = None
    minecraft: WireProfile | None = None
    minecraft_platform: Text = None
    xbox_xuid: TextId = None


_ITEMS: TypeAdapter[list[WireItem]] = TypeAdapter(list[WireItem])
_ITEM: TypeAdapter[WireItem] = TypeAdapter(WireItem)
_CUSTOMER: TypeAdapter[WireCustomer] = TypeAdapter(WireCustomer)


def read_customer(body: bytes) -> Profile:
    """Who the customer is. Raises NotAnAnswer: an identity that can be read only in part is not used at all."""
    try:
        return profile_of(_CUSTOMER.validate_json(body))
    except ValidationError as error:
        raise NotAnAnswer(first_fault(error)) from None


def profile_of(wire: WireCustomer) -> Profile:
    """What the store's document says of who the customer is. Raises NotAnAnswer when an id in it is none."""
    try:
        customer_id = flake(wire.id)
        store_id = flake(wire.store_id) if wire.store_id is not None else ""
    except ValueError as error:
        raise NotAnAnswer(str(error)) from None
    profile, steam, minecraft = (part or WireProfile() for part in (wire.profile, wire.steam, wire.minecraft))
    values = {
        "customer_name": wire.name,
        "profile_id": profile.id,
        "profile_name": profile.name,
        "profile_platform": profile.platform,
        "steam_id": wire.steam_id if wire.steam_id is not None else steam.id,
        "steam_name": steam.name,
        "minecraft_uuid": wire.minecraft_uuid,
        "minecraft_id": minecraft.id,
        "minecraft_name": minecraft.name,
        "minecraft_platform": None if wire.minecraft_platform == "unknown" else wire.minecraft_platform,
        "xbox_xuid": wire.xbox_xuid,
    }
    return Profile(customer_id, store_id, {key: str(value) for key, value in values.items() if value is not None})


def read_items(body: bytes, customer_id: str) -> list[Item]:
    """Every item of one page, in the page's order. An item that has an id and is broken elsewhere becomes UNREADABLE.

    Raises NotAnAnswer when the page is no JSON array, an element has no usable id, or an item is another customer's.
    """
    try:
        wires: Iterable[WireItem | str] = _ITEMS.validate_json(body)
    except ValidationError:
        wires = _one_by_one(body)
    return [_broken(wire, customer_id) if isinstance(wire, str) else _meaning(wire, customer_id) for wire in wires]


def _one_by_one(body: bytes) -> Iterator[WireItem | str]:
    """The slow way, for a page with something wrong in it: each item alone, or its id when that is all it gives."""
    try:
        page = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise NotAnAnswer(f"broken JSON in {len(body)} bytes ({str(error)[:80]})") from None
    if not isinstance(page, list):
        raise NotAnAnswer(f"a JSON array was expected, found {type(page).__name__}")
    for place, raw in enumerate(page):
        if not isinstance(raw, dict) or isinstance(raw.get("id"), bool) or not isinstance(raw.get("id"), str | int):
            raise NotAnAnswer(f"element {place} has no id")
        try:
            yield _ITEM.validate_json(json.dumps(raw))
        except ValidationError as error:
            bad = {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}
            if bad and bad <= _COSMETIC:
                yield _ITEM.validate_json(json.dumps({key: value for key, value in raw.items() if key not in bad}))
            else:
                yield str(raw["id"])


def _meaning(wire: WireItem, customer_id: str) -> Item:
    item_id = _known_id(wire.id)
    try:
        _check_owner(wire, item_id, customer_id)
        if wire.product is None or not wire.state:
            return _broken(item_id, customer_id)
        ends_at = moment(wire.override_expires_at) or moment(wire.expires_at)
        return Item(
            id=item_id,
            customer_id=customer_id,
            product_id=_shared_flake(wire.product.id),
            slug=wire.product.slug or "",
            product_name=wire.product.name or "",
            state=wire.state,
            expirable=ends_at is not None if wire.expirable is None else wire.expirable,
            gift=bool(wire.gift),
            added_at=moment(wire.added_at) or flake_time(item_id),
            ends_at=ends_at,
            revoked_at=moment(wire.revoked_at),
            revoke_reason=wire.revoke_reason or None,
            order_id=_cosmetic_id(wire.order_id),
            subscription_id=_optional_id(wire.subscription_id),
            gameserver_id=_optional_id(wire.execute_on_gameserver_id),
            quantity_index=wire.quantity_index,
        )
    except NotAnAnswer:
        raise
    except (ValueError, OverflowError):  # OverflowError: a time at the edge of the calendar, moved to UTC
        return _broken(item_id, customer_id)


def _check_owner(wire: WireItem, item_id: str, customer_id: str) -> None:
    """Raises NotAnAnswer for another customer's item: some cache in between mixed up the answers."""
    if wire.customer_id == customer_id:
        return
    if wire.customer_id is not None:
        owner = flake(wire.customer_id)
    elif wire.customer is not None:
        owner = flake(wire.customer.id)
    else:
        return
    if owner != customer_id:
        raise NotAnAnswer(f"item {item_id} belongs to customer {owner}, not to {customer_id} whose token was used")


def _broken(item_id: str, customer_id: str) -> Item:
    item_id = _known_id(item_id)
    return Item(
        id=item_id,
        customer_id=customer_id,
        product_id="",
        slug="",
        product_name="",
        state=UNREADABLE,
        expirable=False,
        gift=False,
        added_at=flake_time(item_id),
        ends_at=None,
    )


def _known_id(value: Id) -> str:
    try:
        return flake(value)
    except ValueError as error:
        raise NotAnAnswer(f"an item without a usable id ({error})") from None


def _optional_id(value: Id | None) -> str | None:
    return None if value is None or value == "" else flake(value)


def _cosmetic_id(value: Id | None) -> str | None:
    try:
        return _optional_id(value)
    except ValueError:
        return None


def first_fault(error: ValidationError) -> str:
    """Where and why, without the value: what stood there may be anything."""
    fault = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg'][:120]}" if where else str(fault["msg"])[:120]
