"""The inventory item as the store writes it, and what it means. `storefront.py` calls this for every body that changed.

A changed inventory of a hundred items is the most perkd ever has to read at once, so its items are validated as plain
dictionaries and made without the checks of a frozen class (docs/decisions/0011).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from ..model import Item
from .wire import Id, NotAnAnswer, flake, flake_time, moment

UNREADABLE: Final = (
    "unreadable"  # the state word of an item that has an id and little else: no known state, so it changes nothing
)
_COSMETIC: Final = frozenset(
    {"order_id", "quantity_index"}
)  # only command variables: unreadable is the same as not set
_PLAIN: Final = re.compile(r"[1-9][0-9]{0,17}").fullmatch
_NEW: Final = object.__new__
_FROM_TEXT: Final = datetime.fromisoformat
_STRICT: Final = ConfigDict(strict=True, extra="ignore")

_shared_flake = lru_cache(maxsize=1024)(flake)  # products and servers are few and come again and again


@with_config(_STRICT)
class _HasId(TypedDict):
    id: Id


@with_config(_STRICT)
class WireProduct(_HasId, total=False):
    slug: str | None
    name: str | None


@with_config(_STRICT)
class WireItem(_HasId, total=False):
    """One element of the inventory's array: today's storefront document, the older ones, and the management API's."""

    customer_id: Id | None
    customer: _HasId | None  # the management API embeds the owner
    product: WireProduct | None
    state: str | None
    expirable: bool | None
    gift: bool | None
    added_at: str | None
    expires_at: str | None
    override_expires_at: str | None
    revoked_at: str | None
    revoke_reason: str | None
    order_id: Id | None
    subscription_id: Id | None
    execute_on_gameserver_id: Id | None
    quantity_index: int | None


_ITEMS: Final[TypeAdapter[list[WireItem]]] = TypeAdapter(list[WireItem])
_ITEM: Final[TypeAdapter[WireItem]] = TypeAdapter(WireItem)

# A frozen dataclass sets each field through a check that costs as much as the rest of an item. Here nobody has it yet.
_SETTERS: Final[tuple[Callable[[Item, Any], None], ...]] = tuple(
    getattr(Item, field.name).__set__ for field in fields(Item)
)
_put_id, _put_owner, _put_product, _put_slug, _put_name, _put_state, _put_expirable, _put_gift = _SETTERS[:8]
_put_added, _put_ends, _put_revoked, _put_reason, _put_order, _put_subscription, _put_server, _put_index = _SETTERS[8:]


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
    get: Callable[[str], Any] = wire.get
    item_id = wire["id"]
    if item_id.__class__ is not str or _PLAIN(item_id) is None:  # nearly all there will ever be are plain
        item_id = _known_id(item_id)
    try:
        if get("customer_id") != customer_id:
            _check_owner(wire, item_id, customer_id)
        product, state = get("product"), get("state")
        if product is None or not state:
            return _broken(item_id, customer_id)
        ends, added_at, expirable, revoked_at = (
            get("override_expires_at"),
            get("added_at"),
            get("expirable"),
            get("revoked_at"),
        )
        ends_at = (_at(ends) if ends else None) or _at(get("expires_at"))
        order_id, subscription_id, server_id = get("order_id"), get("subscription_id"), get("execute_on_gameserver_id")
        item: Item = _NEW(Item)
        _put_id(item, item_id)
        _put_owner(item, customer_id)
        _put_product(item, _shared_flake(product["id"]))
        _put_slug(item, product.get("slug") or "")
        _put_name(item, product.get("name") or "")
        _put_state(item, state)
        _put_expirable(item, ends_at is not None if expirable is None else expirable)
        _put_gift(item, bool(get("gift")))
        _put_added(item, _at(added_at) or flake_time(item_id))
        _put_ends(item, ends_at)
        _put_revoked(item, None if revoked_at is None else moment(revoked_at))
        _put_reason(item, get("revoke_reason") or None)
        plain_order = order_id.__class__ is str and _PLAIN(order_id) is not None
        _put_order(item, order_id if plain_order or order_id is None else _cosmetic_id(order_id))
        _put_subscription(item, None if subscription_id is None else _optional_id(subscription_id))
        _put_server(item, None if server_id is None else _optional_id(server_id))
        _put_index(item, get("quantity_index"))
    except NotAnAnswer:
        raise
    except (ValueError, OverflowError):  # OverflowError: a time at the edge of the calendar, moved to UTC
        return _broken(item_id, customer_id)
    return item


def _at(text: str | None) -> datetime | None:
    """As `moment`; the usual time first."""
    if text is None:
        return None
    at = _FROM_TEXT(text)
    return at if at.tzinfo is UTC and at.year > 1 else moment(text)


def _check_owner(wire: WireItem, item_id: str, customer_id: str) -> None:
    """Raises NotAnAnswer for another customer's item: some cache in between mixed up the answers. ValueError: the owner
    is no id."""
    stated, customer = wire.get("customer_id"), wire.get("customer")
    if stated is None and customer is not None:
        stated = customer["id"]
    if stated is not None and (owner := flake(stated)) != customer_id:
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
