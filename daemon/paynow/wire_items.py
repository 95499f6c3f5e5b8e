"""The inventory item as the store writes it, and what it means. `storefront.py` calls this for every body that changed.

A changed inventory of a hundred items is the most perkd ever has to read at once, so its JSON is checked and made into
structs in one go, by msgspec (docs/decisions/0011).
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
    "unreadable"  # the state word of an item that has an id and little else: no known state, so it changes nothing
)
_PLAIN: Final = re.compile(r"[1-9][0-9]{0,17}+(?:,[1-9][0-9]{0,17}+)*+").fullmatch
_FROM_TEXT: Final = datetime.fromisoformat

_shared_flake = lru_cache(maxsize=1024)(flake)  # products and servers are few and come again and again


Count = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]  # int32, as PayNow describes it: SQLite takes no more


class WireOwner(msgspec.Struct, gc=False):
    id: Id


class WireProduct(msgspec.Struct, gc=False):
    id: Id
    slug: str | None = None
    name: str | None = None


class WireItem(msgspec.Struct, gc=False):
    """One element of the inventory's array: today's storefront document, the older ones, and the management API's.

    Fields stand as the store writes them: msgspec looks first for the one after the last it found. Times stay texts:
    msgspec would round what perkd cuts.
    """

    id: Id
    customer_id: Id | None = None
    customer: WireOwner | None = None  # the management API embeds the owner
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
# Only command variables: unreadable is the same as not set. Which of the two is, is tried out.
_COSMETIC: Final[tuple[tuple[str, ...], ...]] = (("order_id",), ("quantity_index",), ("order_id", "quantity_index"))


def read_items(body: bytes, customer_id: str) -> list[Item]:
    """Every item of one page, in the page's order. An item that has an id and is broken elsewhere becomes UNREADABLE.

    Raises NotAnAnswer when the page is no JSON array, an element has no usable id, or an item is another customer's.
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
    """The slow way, for a page with something wrong in it: each item alone, or its id when that is all it gives."""
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
    """What stands for NaN and for any fraction: no field here is one, and the fields nobody reads may be anything."""
    return 0.5


def _whole(text: str) -> float:
    """A number that is longer than any field here takes is none: Python itself reads none of thousands of digits."""
    return int(text) if len(text) <= _LONGEST_NUMBER else 0.5


_LONGEST_NUMBER: Final = 40
_NUMBERS: Final[dict[str, Any]] = {"parse_int": _whole, "parse_float": _no_number, "parse_constant": _no_number}


def _alone(raw: dict[str, Any]) -> WireItem | None:
    """The item, without those of its cosmetic fields that are broken; None when it is broken elsewhere."""
    for left_out in ((), *_COSMETIC):
        try:
            text = json.dumps({key: raw[key] for key in raw if key not in left_out}, ensure_ascii=False)
            return _ITEM(text.encode())
        except msgspec.ValidationError:
            continue
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):  # half a character, or nested beyond reason
            break
    return None


def _meanings(wires: Sequence[WireItem], customer_id: str) -> list[Item]:
    stated = [wire.id for wire in wires]
    ids = stated if _all_plain(stated) else [_known_id(item_id) for item_id in stated]
    plain_orders = _all_plain([wire.order_id for wire in wires if wire.order_id is not None])
    items: list[Item] = []
    added_text = added_at = expires_text = expires_at = None  # what came in one purchase often has the same times
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
    """Whether each is a text and written as `flake` would: one look at the whole page instead of one at each item."""
    try:
        text = ",".join(ids)  # type: ignore[arg-type] # that is what is found out
    except TypeError:  # a number is among them
        return False
    return text.count(",") == len(ids) - 1 and _PLAIN(text) is not None  # counted: a comma may be in a text


def _at(text: str | None) -> datetime | None:
    """As `moment`; the usual time first."""
    if text is None:
        return None
    at = _FROM_TEXT(text)
    return at if at.tzinfo is UTC and at.year > 1 else moment(text)


def _check_owner(wire: WireItem, item_id: str, customer_id: str) -> None:
    """Raises NotAnAnswer for another customer's item: some cache in between mixed up the answers. ValueError: the owner
    is no id."""
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
