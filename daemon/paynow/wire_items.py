"""Reads the inventory items of the store. `storefront.py` calls this for every page that changed.

A changed inventory of a hundred items is the largest piece of JSON that perkd reads often. So msgspec checks it and
makes structs of it in one step (docs/decisions/0011).
"""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Final, TypeGuard

import msgspec

from ..core.model import Item
from ..core.store_ids import flake, flake_time
from .wire import Id, NotAnAnswer, moment

UNREADABLE: Final = (
    "unreadable"  # the state of an item that perkd could not read: it is not a known state, so it changes nothing
)
_PLAIN: Final = re.compile(r"[1-9][0-9]{0,17}+(?:,[1-9][0-9]{0,17}+)*+").fullmatch
_FROM_TEXT: Final = datetime.fromisoformat

_shared_flake = lru_cache(maxsize=1024)(flake)  # there are few products and servers, and each comes often


Count = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]  # int32, as PayNow describes it, and safe for SQLite


class WireOwner(msgspec.Struct, gc=False):
    id: Id


class WireProduct(msgspec.Struct, gc=False):
    id: Id
    slug: str | None = None
    name: str | None = None


class WireItem(msgspec.Struct, gc=False):
    """One item of the inventory: in today's storefront document, the older ones, and the Management API's.

    The order of the fields is the store's, because msgspec then finds them faster. Times stay text, because msgspec
    rounds them and perkd cuts them.
    """

    id: Id
    customer_id: Id | None = None
    customer: WireOwner | None = None  # the Management API has the owner here
    order_id: Id | None = None
    subscription_id: Id | None = None
    state: str | None = None
    expirable: bool | None = None
    gift: bool | None = None
    quantity_index: Count | None = None
    execute_on_gameserver_id: Id | None = None
    added_at: str | None = None
    expires_at: str | None = None
    override_expires_at: str | None = None
    revoked_at: str | None = None
    revoke_reason: str | None = None
    product: WireProduct | None = None


_PAGE: Final = msgspec.json.Decoder(list[WireItem]).decode
_ITEM: Final = msgspec.json.Decoder(WireItem).decode
# Only used as variables in commands: unreadable means not set. `_alone` tries which of them is broken.
_COSMETIC: Final[tuple[tuple[str, ...], ...]] = (("order_id",), ("quantity_index",), ("order_id", "quantity_index"))


def read_items(body: bytes, customer_id: str) -> list[Item]:
    """Every item of one page, in the page's order. A broken item that has an id becomes UNREADABLE.

    Raises NotAnAnswer when the page is not a JSON array, an item has no usable id, or an item is another customer's.
    """
    try:
        wires = _PAGE(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [
            _broken(wire, customer_id) if isinstance(wire, str) else _meanings([wire], customer_id)[0]
            for wire in _one_by_one(body)
        ]
    return _meanings(wires, customer_id)


def _one_by_one(body: bytes) -> Iterator[WireItem | str]:
    """The slow way, for a page with a fault: each item, or only its id when the item cannot be read."""
    try:
        page = json.loads(body.decode("utf-8", "replace"), **_NUMBERS)
    except (ValueError, RecursionError) as error:
        raise NotAnAnswer(f"broken JSON in {len(body)} bytes ({str(error)[:80]})") from None
    if not isinstance(page, list):
        raise NotAnAnswer(f"a JSON array was expected, found {type(page).__name__}")
    for place, raw in enumerate(page):
        if not isinstance(raw, dict) or isinstance(raw.get("id"), bool) or not isinstance(raw.get("id"), str | int):
            raise NotAnAnswer(f"element {place} has no id")
        yield _alone(raw) or str(raw["id"])


def _no_number(_text: str) -> float:
    """Replaces NaN and fractions: no field that perkd reads is one, and other fields may contain anything."""
    return 0.5


def _whole(text: str) -> float:
    """A whole number. A number longer than any field allows is replaced: Python refuses to read thousands of digits."""
    return int(text) if len(text) <= _LONGEST_NUMBER else 0.5


_LONGEST_NUMBER: Final = 40
_NUMBERS: Final[dict[str, Any]] = {"parse_int": _whole, "parse_float": _no_number, "parse_constant": _no_number}


def _alone(raw: dict[str, Any]) -> WireItem | None:
    """The item without its broken cosmetic fields; None when another field is broken."""
    for left_out in ((), *_COSMETIC):
        try:
            text = json.dumps({key: raw[key] for key in raw if key not in left_out}, ensure_ascii=False)
            return _ITEM(text.encode())
        except msgspec.ValidationError:
            continue
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):  # half a character, or nested too deeply
            break
    return None


def _meanings(wires: Sequence[WireItem], customer_id: str) -> list[Item]:
    stated = [wire.id for wire in wires]
    ids = stated if _all_plain(stated) else [_known_id(item_id) for item_id in stated]
    plain_orders = _all_plain([wire.order_id for wire in wires if wire.order_id is not None])
    items: list[Item] = []
    added_text = added_at = expires_text = expires_at = None  # items of one purchase often have the same times
    for item_id, wire in zip(ids, wires, strict=True):
        try:
            if wire.customer_id != customer_id:
                _check_owner(wire, item_id, customer_id)
            if (product := wire.product) is None or not wire.state:
                items.append(_broken(item_id, customer_id))
                continue
            if wire.added_at != added_text:
                added_at, added_text = _at(wire.added_at), wire.added_at
            ends_at = _at(override) if (override := wire.override_expires_at) else None
            if ends_at is None:
                if wire.expires_at != expires_text:
                    expires_at, expires_text = _at(wire.expires_at), wire.expires_at
                ends_at = expires_at
            order_id = wire.order_id
            item = Item(
                id=item_id,
                customer_id=customer_id,
                product_id=_shared_flake(product.id),
                slug=product.slug or "",
                product_name=product.name or "",
                state=wire.state,
                expirable=ends_at is not None if wire.expirable is None else wire.expirable,
                gift=wire.gift or False,
                added_at=added_at or flake_time(item_id),
                ends_at=ends_at,
                revoked_at=_at(wire.revoked_at),
                revoke_reason=wire.revoke_reason or None,
                order_id=order_id if plain_orders else _cosmetic_id(order_id),  # type: ignore[arg-type] # they are texts
                subscription_id=_optional_id(wire.subscription_id),
                gameserver_id=_optional_id(wire.execute_on_gameserver_id),
                quantity_index=wire.quantity_index,
            )
        except NotAnAnswer:
            raise
        except ValueError:
            item = _broken(item_id, customer_id)
        items.append(item)
    return items


def _all_plain(ids: list[Id]) -> TypeGuard[list[str]]:
    """Whether each id is text in the form that `flake` returns: one check for the whole page is faster."""
    try:
        text = ",".join(ids)  # type: ignore[arg-type] # a number among them raises
    except TypeError:
        return False
    return text.count(",") == len(ids) - 1 and _PLAIN(text) is not None  # counted: a text may contain a comma


def _at(text: str | None) -> datetime | None:
    """As `moment`, but fast for the usual time."""
    if text is None:
        return None
    at = _FROM_TEXT(text)
    return at if at.tzinfo is UTC and at.year > 1 else moment(text)


def _check_owner(wire: WireItem, item_id: str, customer_id: str) -> None:
    """Raises NotAnAnswer for another customer's item, because a cache in between mixed up the answers. Raises
    ValueError when the owner is not an id."""
    stated = wire.customer_id
    if stated is None and wire.customer is not None:
        stated = wire.customer.id
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
