"""The facet of the roll: whose inventory perkd may read, who gets a token, and whom an operator removed.

`polling`, `enrolment` and `control` use it.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime

from ..config import TokenEntry
from ..core.changes import EventKind
from ..core.model import Profile, Secret
from . import events
from .convert import micros, moment, text_id
from .facet import Facet, read, report, write
from .observations import put_profile
from .rows import Enrolled, Polled, RemovedBy, TokenSource, Unenrolled
from .sqlite.queries import SQL


class RollFacet(Facet):
    """`now` is aware UTC; a naive time is a TypeError."""

    # Who is polled

    async def pages(self, most: int) -> AsyncIterator[list[Polled]]:
        """Everybody who must be looked at, at most so many at a time: each customer with a token in use, and each
        removed one whose ends still come. 100,000 at once would take a hundred times the room they need later."""
        after = 0
        while page := await self._page(after, most):
            yield page
            after = page[-1].token_id

    @read
    def _page(self, db: sqlite3.Connection, after: int, most: int) -> list[Polled]:
        return [_polled(row) for row in db.execute(SQL["polled"], {"after": after, "most": most})]

    @read
    def with_tokens(self, db: sqlite3.Connection, tokens: Collection[Secret]) -> dict[Secret, Polled]:
        """Those of these tokens that are in use."""
        found = {token: db.execute(SQL["token"], {"token": token.reveal()}).fetchone() for token in tokens}
        in_use = {row["id"]: token for token, row in found.items() if row is not None and row["removed_at"] is None}
        return {in_use[row.token_id]: row for row in _of_ids(db, in_use)}

    @write
    def add(
        self, db: sqlite3.Connection, entry: TokenEntry, source: TokenSource, profile: Profile, now: datetime
    ) -> tuple[bool, Polled]:
        """Adds a token whose customer is known. False: it was there and polled already. It takes the place of the other
        ones, but for those of the customers' file. Returns with it how the customer is polled now."""
        return _add(db, entry, source, profile, micros(now))

    @write
    def identify(self, db: sqlite3.Connection, token_id: int, profile: Profile, now: datetime) -> None:
        """The store said whose token it is: the customer is known from now on."""
        at = micros(now)
        put_profile(db, profile, at)
        ids = {"id": token_id, "customer_id": int(profile.customer_id)}
        if db.execute(SQL["identify_token"], ids).rowcount:  # profiles are read daily: only a change is an event
            events.note(
                db,
                at,
                EventKind.CUSTOMER_IDENTIFIED,
                customer_id=int(profile.customer_id),
                detail=profile.display_name,
            )

    @write
    def remove(self, db: sqlite3.Connection, customer_id: str, now: datetime) -> tuple[bool, Polled | None]:
        """Stops polling; sends nothing. False: nobody of that id is polled. Returns with it how the customer is still
        looked at, if known ends still come."""
        at, ids = micros(now), {"customer_id": int(customer_id)}
        done = db.execute(SQL["remove_customer"], {**ids, "now": at}).rowcount > 0
        if done:
            events.note(db, at, EventKind.CUSTOMER_REMOVED, customer_id=int(customer_id))
        return done, _of_customer(db, customer_id)

    @read
    def of(self, db: sqlite3.Connection, customer_id: str) -> Polled | None:
        """How the customer is looked at; None: not at all."""
        return _of_customer(db, customer_id)

    # Enrolment

    @read
    def enrolled(self, db: sqlite3.Connection, customer_ids: Iterable[str]) -> dict[str, Enrolled]:
        """The enrolment of each of these customers, also of unknown ones."""
        return _enrolled(db, customer_ids)

    @report
    def kept_out(self, db: sqlite3.Connection) -> list[Profile]:
        """Customers whom an operator removed and nobody added again, if the store ever said who they are."""
        return [
            Profile(str(row["customer_id"]), str(row["store_id"] or ""), json.loads(row["profile"]))
            for row in db.execute(SQL["kept_out"])
        ]

    @write
    def enrol(
        self, db: sqlite3.Connection, profile: Profile, token: Secret, now: datetime, *, instead_of: int | None = None
    ) -> Polled | None:
        """Stores a token the store made for perkd, and drops the one it replaces. None: nobody needs it now, because
        somebody else added the customer meanwhile, or an operator removed them."""
        at, customer_id = micros(now), int(profile.customer_id)
        if instead_of is not None:
            _remove(db, instead_of, RemovedBy.REPLACED, at, customer_id)
        db.execute(SQL["forget_unenrolled"], {"customer_id": customer_id})
        state = _enrolled(db, [profile.customer_id])[profile.customer_id]
        if state.kept_out or (state.polled and instead_of is None):
            return None  # meanwhile the operator removed the customer, or somebody added them
        return _add(db, TokenEntry(token), TokenSource.ENROLLED, profile, at)[1]

    @write
    def not_enrolled(self, db: sqlite3.Connection, customer_id: str, reason: str, again_at: datetime) -> None:
        """No token could be made for the customer, who counts as `unenrolled` until one is."""
        row = {"customer_id": int(customer_id), "reason": reason, "again_at": micros(again_at)}
        db.execute(SQL["put_unenrolled"], row)

    @write
    def need_not_enrol(self, db: sqlite3.Connection, customer_id: str) -> None:
        """The customer is polled, or must not be polled: no longer `unenrolled`."""
        db.execute(SQL["forget_unenrolled"], {"customer_id": int(customer_id)})

    @write
    def want_back(self, db: sqlite3.Connection, now: datetime) -> int:
        """Customers without a token whom no operator removed are due for a new one. Returns how many."""
        return db.execute(SQL["want_back"], {"now": micros(now)}).rowcount

    @report
    def unenrolled(self, db: sqlite3.Connection) -> Unenrolled:
        row = db.execute(SQL["unenrolled"]).fetchone()
        return Unenrolled(count=row["count"], reason=row["reason"] or "", again_at=moment(row["again_at"]))

    @read
    def unenrolled_due(self, db: sqlite3.Connection, now: datetime, limit: int) -> list[str]:
        """Customers to try again. Those who waited longest come first."""
        rows = db.execute(SQL["unenrolled_due"], {"now": micros(now), "limit": limit})
        return [str(row["customer_id"]) for row in rows]


def sync_tokens(db: sqlite3.Connection, entries: Sequence[TokenEntry], now: int) -> tuple[int, int]:
    """Makes the tokens of source `file` exactly these. Returns how many were added and how many removed."""
    before = {row["token"]: row["id"] for row in db.execute(SQL["tokens_from_file"])}
    wanted = {entry.token.reveal(): entry for entry in entries}
    gone = before.keys() - wanted.keys()
    for token in gone:
        _remove(db, before[token], RemovedBy.FILE, now)
    return sum(_put_token(db, entry, TokenSource.FILE, None, now) for entry in wanted.values()), len(gone)


def _add(
    db: sqlite3.Connection, entry: TokenEntry, source: TokenSource, profile: Profile, now: int
) -> tuple[bool, Polled]:
    put_profile(db, profile, now)
    customer_id = int(profile.customer_id)
    new = _put_token(db, entry, source, customer_id, now)
    others = {"customer_id": customer_id, "token": entry.token.reveal(), "now": now}
    for _ in range(db.execute(SQL["replace_others"], others).rowcount):
        events.note(db, now, EventKind.TOKEN_REMOVED, customer_id=customer_id, detail=RemovedBy.REPLACED)
    row = _of_customer(db, profile.customer_id)
    assert row is not None  # noqa: S101 - its token was stored a moment ago, in this transaction
    return new, row


def _remove(db: sqlite3.Connection, token_id: int, by: RemovedBy, now: int, customer_id: int | None = None) -> None:
    if db.execute(SQL["remove_token"], {"id": token_id, "by": by, "now": now}).rowcount:
        events.note(db, now, EventKind.TOKEN_REMOVED, customer_id=customer_id, detail=by)


def _put_token(
    db: sqlite3.Connection, entry: TokenEntry, source: TokenSource, customer_id: int | None, now: int
) -> bool:
    row = db.execute(SQL["token"], {"token": entry.token.reveal()}).fetchone()
    db.execute(
        SQL["put_token"],
        {
            "token": entry.token.reveal(),
            "customer_id": customer_id,
            "source": source,
            "label": entry.name or None,
            "note": entry.note or None,
            "now": now,
        },
    )
    new = row is None or row["removed_at"] is not None
    if new:
        events.note(db, now, EventKind.TOKEN_ADDED, customer_id=customer_id, detail=source)
    return new


def _enrolled(db: sqlite3.Connection, customer_ids: Iterable[str]) -> dict[str, Enrolled]:
    asked = {"customers": json.dumps([int(customer_id) for customer_id in customer_ids])}
    return {
        str(row["customer_id"]): Enrolled(
            polled=bool(row["polled"]),
            kept_out=not row["polled"] and row["removed_by"] == RemovedBy.OPERATOR,
            minted_at=moment(row["minted_at"]),
            tries=row["tries"] or 0,
        )
        for row in db.execute(SQL["enrolled"], asked)
    }


def _of_customer(db: sqlite3.Connection, customer_id: str) -> Polled | None:
    first = db.execute(SQL["tokens_of"], {"customer_id": int(customer_id)}).fetchone()
    row = next(iter(_of_ids(db, [first["id"]])), None) if first is not None else None
    return row if row is not None and (row.token is not None or row.deadline_at is not None) else None


def _of_ids(db: sqlite3.Connection, token_ids: Iterable[int]) -> list[Polled]:
    return [_polled(row) for row in db.execute(SQL["polled_of_ids"], {"ids": json.dumps(list(token_ids))})]


def _polled(row: sqlite3.Row) -> Polled:
    return Polled(
        token_id=row["token_id"],
        token=Secret(row["token"]) if row["removed_at"] is None else None,
        customer_id=text_id(row["customer_id"]),
        label=row["label"],
        profile_at=moment(row["profile_at"]),
        read_at=moment(row["read_at"]),
        digest=row["digest"],
        etag=row["etag"],
        catalogue=row["catalogue"],
        recheck_at=moment(row["recheck_at"]),
        deadline_at=moment(row["deadline_at"]),
        incomplete=bool(row["incomplete"]),
        store_id=str(row["store_id"] or ""),
        identity=row["profile"],
    )
