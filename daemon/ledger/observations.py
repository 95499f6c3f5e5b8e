"""The facet of loop 1: what is known about a customer, and the result of a comparison, in one transaction.

`polling` and the feed use it.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from ..core.changes import EventKind, Known, KnownItem, Observation
from ..core.model import Profile, State
from . import convert, events, steps
from .base import Recorded
from .convert import micros, moment
from .facet import Facet, read, report, write
from .rows import Brakes
from .sqlite.queries import SQL
from .turning import Tally, Turning


class ObservationsFacet(Facet):
    """`now` is aware UTC; a naive time is a TypeError."""

    @read
    def known(self, db: sqlite3.Connection, customer_id: str, players: Callable[[Profile], Iterable[str]]) -> Known:
        """All that is known about the customer. `players` finds their players in the profile, for shared holdings."""
        ids = {"customer_id": int(customer_id)}
        store_id, values, incomplete = db.execute(SQL["profile"], ids).fetchone()
        profile = Profile(customer_id, str(store_id or ""), convert.from_json(values)) if values is not None else None
        items = map(convert.known_item, db.execute(SQL["items"], ids))
        names = json.dumps(sorted(set(players(profile)))) if profile else "[]"
        return Known(
            customer_id=customer_id,
            profile=profile,
            items={item.item.id: item for item in items},
            holdings=convert.holdings(db.execute(SQL["holdings"], {**ids, "players": names})),
            incomplete=bool(incomplete),
        )

    @write
    def record(self, db: sqlite3.Connection, seen: Observation) -> Recorded:
        """One transaction: items, holdings, commands, events, digest. A grant or revoke is planned only where law 8
        says the opposite step needs one; recording twice is recording once. The order matters: the brake comes last, so
        that it also stops what this one planned."""
        now, customer_id = micros(seen.at), int(seen.customer_id)
        together = events.Together(db, now)
        if seen.profile is not None:
            put_profile(db, seen.profile, now)
        for item in seen.changes.items:
            _put_item(db, item, now)
            if item.item.revoked:
                _carry_out_absent(db, int(item.item.id), now, together)
        for found in seen.changes.notes:
            together.note(found.kind, customer_id=customer_id, item_id=int(found.item_id), detail=found.text)
        tally = Tally()
        for planned in seen.planned:
            Turning(db, seen, planned, now, tally, together).apply()
        if seen.braked is not None and db.execute(SQL["put_brake"], {"now": now, "reason": seen.braked}).rowcount:
            together.note(EventKind.BRAKE_ON, customer_id=customer_id, detail=seen.braked)
        together.flush()
        if seen.braked is not None:
            tally.blocked += steps.braked(db, None, now)
        db.execute(
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
            db.execute(SQL["put_reading"], {"customer_id": customer_id, "read_at": micros(seen.read_at)})
        return Recorded(tally.planned, tally.blocked, tally.voided, frozenset(tally.servers))

    @write
    def sighted(self, db: sqlite3.Connection, read_at: Mapping[str, datetime]) -> None:
        """Unchanged complete inventories, read at these times."""
        seen = json.dumps([(int(customer), micros(at)) for customer, at in read_at.items()])
        db.execute(SQL["sighted"], {"seen": seen})

    @report
    def listed(self, db: sqlite3.Connection, item_ids: Iterable[str]) -> set[str]:
        """Which of these items a complete inventory had."""
        asked = {"items": json.dumps([int(item_id) for item_id in item_ids])}
        return {str(row["item_id"]) for row in db.execute(SQL["items_listed"], asked)}

    @report
    def window(self, db: sqlite3.Connection, since: datetime) -> list[tuple[str, datetime, int, int]]:
        """For the brake at start: (customer, read_at, holdings held, removals counted) of all customers read since."""
        return [
            (str(row["customer_id"]), moment(row["read_at"]), row["held"], row["removals"])
            for row in db.execute(SQL["window"], {"since": micros(since)})
        ]

    @report
    def brake(self, db: sqlite3.Connection) -> Brakes:
        """The brake as it is now."""
        return brakes(db)


def brakes(db: sqlite3.Connection) -> Brakes:
    row = db.execute(SQL["brake"]).fetchone()
    blocked: int = db.execute(SQL["braked"]).fetchone()[0]
    if row is None:
        return Brakes(blocked=blocked)
    return Brakes(on_at=moment(row["on_at"]), reason=row["reason"], blocked=blocked)


def put_profile(db: sqlite3.Connection, profile: Profile, now: int) -> None:
    db.execute(
        SQL["put_customer"],
        {
            "customer_id": int(profile.customer_id),
            "store_id": int(profile.store_id or 0),
            "profile": convert.to_json(profile.values),
            "name": profile.display_name,
            "now": now,
        },
    )


def _put_item(db: sqlite3.Connection, known: KnownItem, now: int) -> None:
    row = convert.item_row(known)
    if db.execute(SQL["update_item"], row).rowcount:
        return
    db.execute(SQL["put_item"], row)
    if known.item.slug and known.item.product_id:
        slug = {"slug": row["slug"], "product_id": row["product_id"], "now": now}
        db.execute(SQL["bind_slug"], slug)


def _carry_out_absent(db: sqlite3.Connection, item_id: int, now: int, together: events.Together) -> None:
    """Plans a removal that waited for a person because its item was missing: now the store states the end (law 5)."""
    for row in db.execute(SQL["plan_absent"], {"item_id": item_id, "now": now}).fetchall():
        together.moved(row["id"], State.BLOCKED, State.PLANNED, "the store says revoked")
