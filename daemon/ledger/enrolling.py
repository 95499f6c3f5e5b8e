"""Tokens that the store made for perkd, customers it made none for, and the bookmarks of enrolment and the feed.

`sqlite.py` runs these, the writes in the writing thread.
"""

import json
import sqlite3
from collections.abc import Iterable

from ..config import TokenEntry
from ..core.changes import EventKind
from ..core.model import Profile, Secret
from . import events, operate, report
from .convert import moment
from .queries import SQL
from .rows import Enrolled, Polled, RemovedBy, TokenSource, Unenrolled


def enrolled(connection: sqlite3.Connection, customer_ids: Iterable[str]) -> dict[str, Enrolled]:
    asked = {"customers": json.dumps([int(customer_id) for customer_id in customer_ids])}
    return {
        str(row["customer_id"]): Enrolled(
            polled=bool(row["polled"]),
            kept_out=not row["polled"] and row["removed_by"] == RemovedBy.OPERATOR,
            minted_at=moment(row["minted_at"]),
            tries=row["tries"] or 0,
        )
        for row in connection.execute(SQL["enrolled"], asked)
    }


def kept_out(connection: sqlite3.Connection) -> list[Profile]:
    return [
        Profile(str(row["customer_id"]), str(row["store_id"] or ""), json.loads(row["profile"]))
        for row in connection.execute(SQL["kept_out"])
    ]


def enrol(
    connection: sqlite3.Connection, profile: Profile, token: Secret, now: int, *, instead_of: int | None
) -> Polled | None:
    if instead_of is not None:
        dropped = {"id": instead_of, "by": RemovedBy.REPLACED, "now": now}
        if connection.execute(SQL["remove_token"], dropped).rowcount:
            events.note(
                connection,
                now,
                EventKind.TOKEN_REMOVED,
                customer_id=int(profile.customer_id),
                detail=RemovedBy.REPLACED,
            )
    connection.execute(SQL["forget_unenrolled"], {"customer_id": int(profile.customer_id)})
    state = enrolled(connection, [profile.customer_id])[profile.customer_id]
    if state.kept_out or (state.polled and instead_of is None):
        return None  # meanwhile the operator removed the customer, or somebody added them
    operate.add_token(connection, TokenEntry(token), TokenSource.ENROLLED, profile, now)
    return report.polled_row(connection.execute(SQL["polled_one"], {"token": token.reveal()}).fetchone())


def need_not(connection: sqlite3.Connection, customer_id: str) -> None:
    connection.execute(SQL["forget_unenrolled"], {"customer_id": int(customer_id)})


def not_enrolled(connection: sqlite3.Connection, customer_id: str, reason: str, again_at: int) -> None:
    row = {"customer_id": int(customer_id), "reason": reason, "again_at": again_at}
    connection.execute(SQL["put_unenrolled"], row)


def want_back(connection: sqlite3.Connection, now: int) -> int:
    return connection.execute(SQL["want_back"], {"now": now}).rowcount


def unenrolled(connection: sqlite3.Connection) -> Unenrolled:
    row = connection.execute(SQL["unenrolled"]).fetchone()
    return Unenrolled(count=row["count"], reason=row["reason"] or "", again_at=moment(row["again_at"]))


def unenrolled_due(connection: sqlite3.Connection, now: int, limit: int) -> list[str]:
    rows = connection.execute(SQL["unenrolled_due"], {"now": now, "limit": limit})
    return [str(row["customer_id"]) for row in rows]


def bookmark(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute(SQL["meta"], {"key": name}).fetchone()
    return None if row is None else str(row["value"])


def put_bookmark(connection: sqlite3.Connection, name: str, value: str) -> None:
    connection.execute(SQL["put_meta"], {"key": name, "value": value})


def listed(connection: sqlite3.Connection, item_ids: Iterable[str]) -> set[str]:
    asked = {"items": json.dumps([int(item_id) for item_id in item_ids])}
    return {str(row["item_id"]) for row in connection.execute(SQL["items_listed"], asked)}
