"""The facet of reports: summary, troubles, lists, history. Reads only, on the second connection.

`reports` and `control` use it.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from heapq import merge
from typing import Any, TypeVar

from ..core.changes import Hold, Origin
from ..core.model import Cause, Reason, State, Step, Target
from ..core.places import spoken, target_of
from .convert import micros, moment, text_id
from .facet import Facet, report
from .observations import brakes
from .rows import (
    BeingSent,
    CommandDetail,
    CommandRow,
    CustomerRow,
    EventRow,
    ItemTrouble,
    ItemTroubleKind,
    Orphan,
    Rarities,
    ServerQueue,
    Summary,
    Trouble,
    Unseen,
)
from .sqlite.queries import SQL

Row = TypeVar("Row")
USABLE_TOO_LONG = timedelta(hours=1)
ABSENT_TOO_LONG = timedelta(days=1)
WAITING = (State.PLANNED, State.SENDING)
_STATES, _CAUSES, _ORIGINS = ({one.value: one for one in words} for words in (State, Cause, Origin))
FIRST = 2**62  # above every id


class ReportsFacet(Facet):
    """`now` is aware UTC; a naive time is a TypeError."""

    @report
    def summary(self, db: sqlite3.Connection) -> Summary:
        """What every report shows, from kept counts and the indexes of the few odd rows."""
        counts, waiting = dict.fromkeys(State, 0), dict[str, int]()
        for row in db.execute(SQL["command_counts"]):
            counts[State(row["state"])] += row["count"]
            if row["state"] in WAITING:
                waiting[row["server"]] = waiting.get(row["server"], 0) + row["count"]
        return Summary(
            ledger_id=_meta(db, "ledger_id"),
            created_at=moment(int(_meta(db, "created_at"))),
            commands=counts,
            holdings=db.execute(SQL["count_held"]).fetchone()[0],
            brake=brakes(db),
            queues=tuple(_queue(db, server, count) for server, count in sorted(waiting.items())),
            troubles=tuple(_trouble(row) for row in db.execute(SQL["troubles"])),
            being_sent=tuple(
                BeingSent(id=row["id"], server=row["server"], text=row["text"], since=moment(row["sent_at"]))
                for row in db.execute(SQL["being_sent"])
            ),
            absent_servers=tuple(row["server"] for row in db.execute(SQL["absent_servers"])),
        )

    @report
    def rarities(self, db: sqlite3.Connection, now: datetime) -> Rarities:
        """Troubles that come slowly and cost more to find."""
        return Rarities(
            items=tuple(
                ItemTrouble(
                    kind=ItemTroubleKind(row["kind"]),
                    product=row["product"],
                    product_id=str(row["product_id"] or ""),
                    word=row["word"],
                    count=row["count"],
                    customer_id=str(row["customer_id"]),
                )
                for row in db.execute(SQL["item_troubles"], {"usable_before": micros(now - USABLE_TOO_LONG)})
            ),
            unseen=tuple(
                Unseen(
                    player=row["player"],
                    name=row["name"],
                    server=row["server"],
                    count=row["count"],
                    since=moment(row["since"]),
                )
                for row in db.execute(SQL["unseen"], {"absent_before": micros(now - ABSENT_TOO_LONG)})
            ),
            orphans=tuple(_plain(Orphan, row) for row in db.execute(SQL["orphans"])),
            duplicate_tokens={str(row["customer_id"]): row["count"] for row in db.execute(SQL["duplicate_tokens"])},
        )

    @report
    def commands(
        self,
        db: sqlite3.Connection,
        *,
        state: State | None = None,
        server: str | None = None,
        customer_id: str | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[CommandRow]:
        """Newest first. `server`: also what any server of a place may take, if it is one of them."""
        asked = {"limit": limit, "before": FIRST if before is None else before}
        places = None if server is None else [server, *_labels(db, server)]
        if customer_id is not None:
            states = list(State) if state is None else [state]
            of = {"customer_id": int(customer_id), "states": json.dumps(states)}
            ids = _ids(db, "ids_of_customer", {**asked, **of, "servers": places and json.dumps(places)})
        elif state is None and places is None:
            ids = _ids(db, "ids", asked)
        else:  # every list is in order: an index serves each pair of a state and a server
            ids = newest_first(db, [state] if state else State, places, asked)
        return of_ids(db, ids)

    @report
    def customers(
        self, db: sqlite3.Connection, *, customer_id: str | None = None, limit: int = 100, before: int | None = None
    ) -> list[CustomerRow]:
        """One row for each token, newest first."""
        asked = {"limit": limit, "before": FIRST if before is None else before}
        if customer_id is None:
            ids = _ids(db, "token_ids", asked)
        else:
            ids = _ids(db, "token_ids_of", {**asked, "customer_id": int(customer_id)})
        return [
            CustomerRow(
                token_id=row["token_id"],
                customer_id=text_id(row["customer_id"]),
                name=row["name"],
                label=row["label"],
                note=row["note"],
                source=row["source"],
                added_at=moment(row["added_at"]),
                removed_at=moment(row["removed_at"]),
                read_at=moment(row["read_at"]),
                items=row["items"],
                holdings=row["holdings"],
            )
            for row in db.execute(SQL["customers"], {"ids": json.dumps(ids)})
        ]

    @report
    def events(self, db: sqlite3.Connection, *, command_id: int) -> list[EventRow]:
        """The history of one command, oldest first."""
        return [
            EventRow(at=moment(row["at"]), kind=row["kind"], was=row["was"], became=row["became"], detail=row["detail"])
            for row in db.execute(SQL["command_events"], {"command_id": command_id})
        ]


def newest_first(
    db: sqlite3.Connection, states: Iterable[State], places: Collection[str] | None, asked: Mapping[str, object]
) -> list[int]:
    """The newest commands in one of these states at one of these places (None: at any); `asked`: before and limit."""
    wanted = set(states)
    pairs = [
        {"state": row["state"], "server": row["server"]}
        for row in db.execute(SQL["command_counts"])
        if row["state"] in wanted and (places is None or row["server"] in places)
    ]
    lists = [_ids(db, "ids_of_state", {**asked, **pair}) for pair in pairs]
    return list(merge(*lists, reverse=True))[: int(str(asked["limit"]))]


def of_ids(db: sqlite3.Connection, ids: Collection[int]) -> list[CommandRow]:
    """These commands, newest first."""
    found = db.execute(SQL["commands"], {"ids": json.dumps(list(ids))})
    names = [column[0] for column in found.description]
    return [CommandRow(**_fields(dict(zip(names, row, strict=True)))) for row in found]


def _ids(db: sqlite3.Connection, name: str, asked: Mapping[str, object]) -> list[int]:
    return [row["id"] for row in db.execute(SQL[name], asked)]


def _labels(db: sqlite3.Connection, server: str) -> list[str]:
    return [row["label"] for row in db.execute(SQL["labels_of"], {"server": server})]


def _queue(db: sqlite3.Connection, server: str, count: int) -> ServerQueue:
    oldest_at = db.execute(SQL["oldest_waiting"], {"server": server}).fetchone()[0]
    return ServerQueue(server=server, queue=count, oldest_at=moment(oldest_at))


def _meta(db: sqlite3.Connection, key: str) -> str:
    return str(db.execute(SQL["meta"], {"key": key}).fetchone()["value"])


def _plain(kind: type[Row], row: sqlite3.Row) -> Row:
    """A row whose columns are the fields."""
    return kind(**{name: row[name] for name in row.keys()})  # noqa: SIM118 - sqlite3.Row iterates over values


def _trouble(row: sqlite3.Row) -> Trouble:
    return Trouble(
        state=State(row["state"]),
        hold=_hold(row),
        origin=Origin(row["origin"]),
        perk=row["perk"],
        server=row["server"],
        count=row["count"],
        newest_id=row["newest_id"],
        text=row["text"],
        reason=row["reason"],
        reply=row["reply"],
    )


def _hold(row: sqlite3.Row | Mapping[str, Any]) -> Hold | None:
    return Hold(row["hold"]) if row["hold"] else None


def command_detail(row: sqlite3.Row) -> CommandDetail:
    return CommandDetail(
        **_fields({name: row[name] for name in row.keys()}),  # noqa: SIM118 - sqlite3.Row iterates over values
        effect=row["effect"],
        key_item=str(row["key_item"]) if row["key_item"] else "",
        identity=json.loads(row["identity"]),
        source=row["source"],
        step_size=row["step_size"],
    )


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "place": row["place"],
        "server": row["server"],
        "customer_id": str(row["customer_id"] or ""),
        "player": row["player"],
        "origin": _ORIGINS[row["origin"]],
        "perk": row["perk"],
        "item_id": str(row["item_id"] or ""),
        "step": row["step"],
        "generation": row["generation"],
        "position": row["position"],
        "text": row["text"],
        "state": _STATES[row["state"]],
        "hold": _hold(row),
        "reason": row["reason"] or _waits(row),
        "reply": row["reply"],
        "cause": _CAUSES[row["cause"]],
        "end_reason": Reason(row["end_reason"]) if row["end_reason"] else None,
        "repeatable": bool(row["repeatable"]),
        "online_s": None if row["online_us"] is None else row["online_us"] / 1_000_000,
        "superseded": bool(row["superseded"]),
        "absent": bool(row["absent"]),
        "attempts": row["attempts"],
        "created_at": moment(row["created_at"]),
        "due_at": moment(row["due_at"]),
        "sent_at": moment(row["sent_at"]),
        "settled_at": moment(row["settled_at"]),
        "holding_id": row["holding_id"],
    }


def _waits(row: Mapping[str, Any]) -> str | None:
    """What a planned command waits for when that is its player."""
    anywhere = target_of(row["server"]) is Target.ONLINE and row["step"] != Step.REVOKE
    if row["state"] != State.PLANNED or not (anywhere or row["absent"] or row["online_us"] is not None):
        return None
    where = spoken(row["server"])
    if row["online_us"]:
        return f"waits until the player has been on {where} for {row['online_us'] / 1_000_000:g} s"
    return f"waits for the player on {where}"
