"""Loop 1's half of the ledger: what is known about a customer, and the result of a comparison, in one transaction.

`sqlite.py` runs these in the writing thread.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable

from ..core.changes import EventKind, Known, KnownItem, Observation
from ..core.model import Profile, State
from . import convert, deliver, events
from .base import Recorded
from .convert import micros
from .queries import SQL
from .turning import Tally, Turning


def known(connection: sqlite3.Connection, customer_id: str, players: Callable[[Profile], Iterable[str]]) -> Known:
    ids = {"customer_id": int(customer_id)}
    store_id, values, incomplete = connection.execute(SQL["profile"], ids).fetchone()
    profile = Profile(customer_id, str(store_id or ""), convert.from_json(values)) if values is not None else None
    items = map(convert.known_item, connection.execute(SQL["items"], ids))
    names = json.dumps(sorted(set(players(profile)))) if profile else "[]"
    return Known(
        customer_id=customer_id,
        profile=profile,
        items={item.item.id: item for item in items},
        holdings=convert.holdings(connection.execute(SQL["holdings"], {**ids, "players": names})),
        incomplete=bool(incomplete),
    )


def put_profile(connection: sqlite3.Connection, profile: Profile, now: int) -> None:
    connection.execute(
        SQL["put_customer"],
        {
            "customer_id": int(profile.customer_id),
            "store_id": int(profile.store_id or 0),
            "profile": convert.to_json(profile.values),
            "name": profile.display_name,
            "now": now,
        },
    )


def _put_item(connection: sqlite3.Connection, known: KnownItem, now: int) -> None:
    row = convert.item_row(known)
    if connection.execute(SQL["update_item"], row).rowcount:
        return
    connection.execute(SQL["put_item"], row)
    if known.item.slug and known.item.product_id:
        slug = {"slug": row["slug"], "product_id": row["product_id"], "now": now}
        connection.execute(SQL["bind_slug"], slug)


def _carry_out_absent(connection: sqlite3.Connection, item_id: int, now: int, together: events.Together) -> None:
    """Plans a removal that waited for a person because its item was missing: now the store states the end (law 5)."""
    for row in connection.execute(SQL["plan_absent"], {"item_id": item_id, "now": now}).fetchall():
        together.moved(row["id"], State.BLOCKED, State.PLANNED, "the store says revoked")


def record(connection: sqlite3.Connection, seen: Observation) -> Recorded:
    """Records one observation. The order matters: the brake comes last, so that it also stops what this one planned."""
    now, customer_id = micros(seen.at), int(seen.customer_id)
    together = events.Together(connection, now)
    if seen.profile is not None:
        put_profile(connection, seen.profile, now)
    for item in seen.changes.items:
        _put_item(connection, item, now)
        if item.item.revoked:
            _carry_out_absent(connection, int(item.item.id), now, together)
    for found in seen.changes.notes:
        together.note(found.kind, customer_id=customer_id, item_id=int(found.item_id), detail=found.text)
    tally = Tally()
    for planned in seen.planned:
        Turning(connection, seen, planned, now, tally, together).apply()
    if seen.braked is not None and connection.execute(SQL["put_brake"], {"now": now, "reason": seen.braked}).rowcount:
        together.note(EventKind.BRAKE_ON, customer_id=customer_id, detail=seen.braked)
    together.flush()
    if seen.braked is not None:
        tally.blocked += deliver.braked(connection, None, now)
    connection.execute(
        SQL["compared"],
        {
            "customer_id": customer_id,
            "digest": seen.digest,
            "etag": seen.etag,
            "catalogue": seen.catalogue,
            "recheck_at": micros(seen.changes.recheck_at),
            "deadline_at": micros(seen.changes.deadline_at),
        },
    )
    if seen.read_at is not None:
        connection.execute(SQL["put_reading"], {"customer_id": customer_id, "read_at": micros(seen.read_at)})
    return Recorded(tally.planned, tally.blocked, tally.voided, frozenset(tally.servers))
