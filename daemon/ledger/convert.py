"""Between the ledger's integers and the project's values: times, ids, items, holdings.

The modules beside it use this; nothing here runs a statement.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, overload

from ..core.changes import Draft, Holding, HoldingKey, HoldingState, KnownItem, Support
from ..core.model import Item, PerkKind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode
MICROSECOND = timedelta(microseconds=1)
from_json = json.JSONDecoder().decode
_KINDS = {kind.value: kind for kind in PerkKind}
_STATES = {state.value: state for state in HoldingState}
HOLDING = 11  # columns of `holdings` before those of the item behind it


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
    return None if value is None else _EPOCH + value * MICROSECOND


def text_id(value: int | None) -> str | None:
    return None if value is None else str(value)


def to_json(values: Mapping[str, str]) -> str:
    return _encode(dict(values))


def draft_row(draft: Draft) -> dict[str, Any]:
    """The columns of a command that come from its draft."""
    return {
        "text": draft.text,
        "source": draft.source,
        "identity": to_json(draft.identity),
        "filled": to_json(draft.values),
        "repeatable": draft.repeatable,
        "online_us": microseconds(draft.online_s),
        "strict": draft.strict,
        "success": draft.success,
        "failure": draft.failure,
    }


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
    """Of a row of `items`."""
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


def holdings(rows: Iterable[Iterable[Any]]) -> tuple[Holding, ...]:
    """Of rows of `holdings`, in their order."""
    behind: dict[int, list[Support]] = {}
    first = []
    for row in map(tuple, rows):
        if row[0] not in behind:
            behind[row[0]] = []
            first.append(row[:HOLDING])
        if row[HOLDING] is not None:
            behind[row[0]].append(_support(*row[HOLDING:]))
    found = []
    for holding_id, player, effect, server, item_id, kind, perk, customer_id, state, identity, touched in first:
        found.append(
            Holding(
                key=HoldingKey(player, effect, server, str(item_id) if item_id else ""),
                kind=_KINDS[kind],
                perk=perk,
                customer_id=str(customer_id),
                state=_STATES[state],
                values=from_json(identity),
                supports=tuple(behind[holding_id]),
                touched=bool(touched),
            )
        )
    return tuple(found)


def _support(
    item_id: int, customer_id: int, perk: str, live: int, joined_at: int, started_at: int | None, ends_at: int | None
) -> Support:
    return Support(
        item_id=str(item_id),
        customer_id=str(customer_id),
        perk=perk,
        live=bool(live),
        joined_at=moment(joined_at),
        started_at=moment(started_at),
        ends_at=moment(ends_at),
    )


def _int(value: str | None) -> int | None:
    return None if value is None else int(value)
