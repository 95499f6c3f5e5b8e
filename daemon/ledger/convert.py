"""Between the ledger's integers and the project's values: times, ids, items, holdings.

The modules beside it use this; nothing here runs a statement.
"""

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, overload

from ..changes import Holding, HoldingKey, HoldingState, KnownItem, Support
from ..model import Item, PerkKind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@overload
def micros(at: datetime) -> int: ...
@overload
def micros(at: None) -> None: ...
def micros(at: datetime | None) -> int | None:
    """Microseconds since 1970 UTC. A naive time is a TypeError."""
    return None if at is None else (at - _EPOCH) // MICROSECOND


def microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1_000_000)


@overload
def moment(value: int) -> datetime: ...
@overload
def moment(value: None) -> None: ...
def moment(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def text_id(value: int | None) -> str | None:
    return None if value is None else str(value)


def to_json(values: Mapping[str, str]) -> str:
    return json.dumps(dict(values), ensure_ascii=False, sort_keys=True)


def item_row(known: KnownItem) -> dict[str, Any]:
    item = known.item
    return {
        "item_id": int(item.id),
        "customer_id": int(item.customer_id),
        "product_id": int(item.product_id or 0),  # an item that cannot be read names none
        "slug": item.slug,
        "product_name": item.product_name,
        "state": item.state,
        "expirable": item.expirable,
        "gift": item.gift,
        "added_at": micros(item.added_at),
        "ends_at": micros(item.ends_at),
        "revoked_at": micros(item.revoked_at),
        "revoke_reason": item.revoke_reason,
        "order_id": _int(item.order_id),
        "subscription_id": _int(item.subscription_id),
        "gameserver_id": _int(item.gameserver_id),
        "quantity_index": item.quantity_index,
        "first_seen_at": micros(known.first_seen_at),
        "seen_live": known.seen_live,
        "renewed_at": micros(known.renewed_at),
        "missing_since": micros(known.missing_since),
    }


def known_item(row: sqlite3.Row) -> KnownItem:
    item = Item(
        id=str(row["item_id"]),
        customer_id=str(row["customer_id"]),
        product_id=str(row["product_id"] or ""),
        slug=row["slug"],
        product_name=row["product_name"],
        state=row["state"],
        expirable=bool(row["expirable"]),
        gift=bool(row["gift"]),
        added_at=moment(row["added_at"]),
        ends_at=moment(row["ends_at"]),
        revoked_at=moment(row["revoked_at"]),
        revoke_reason=row["revoke_reason"],
        order_id=text_id(row["order_id"]),
        subscription_id=text_id(row["subscription_id"]),
        gameserver_id=text_id(row["gameserver_id"]),
        quantity_index=row["quantity_index"],
    )
    return KnownItem(
        item=item,
        first_seen_at=moment(row["first_seen_at"]),
        seen_live=bool(row["seen_live"]),
        renewed_at=moment(row["renewed_at"]),
        missing_since=moment(row["missing_since"]),
    )


def support(row: sqlite3.Row) -> Support:
    return Support(
        item_id=str(row["item_id"]),
        customer_id=str(row["customer_id"]),
        perk=row["perk"],
        live=bool(row["live"]),
        joined_at=moment(row["joined_at"]),
        started_at=moment(row["started_at"]),
        ends_at=moment(row["ends_at"]),
    )


def holding(row: sqlite3.Row, supports: tuple[Support, ...]) -> Holding:
    return Holding(
        key=HoldingKey(row["player"], row["effect"], row["server"], str(row["item_id"]) if row["item_id"] else ""),
        kind=PerkKind(row["kind"]),
        perk=row["perk"],
        customer_id=str(row["customer_id"]),
        state=HoldingState(row["state"]),
        values=json.loads(row["identity"]),
        supports=supports,
        touched=bool(row["touched"]),
    )


def _int(value: str | None) -> int | None:
    return None if value is None else int(value)
