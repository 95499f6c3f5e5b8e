"""What the ledger tells: summary, lists, history, the brake's window. Reads only.

`sqlite.py` runs these in the reading thread, on a connection that cannot write; `perkd plan` on one of its own.
"""

import json
import sqlite3
from datetime import datetime, timedelta
from typing import TypeVar

from ..core.changes import Hold
from ..core.model import Cause, Reason, Secret, State, Step, Target
from ..core.places import spoken, target_of
from .convert import micros, moment, text_id
from .queries import SQL
from .rows import (
    Brakes,
    CommandRow,
    CustomerRow,
    EventRow,
    ItemTrouble,
    ItemTroubleKind,
    Orphan,
    Polled,
    ServerQueue,
    Summary,
    Trouble,
    Unseen,
)

Row = TypeVar("Row")
USABLE_TOO_LONG = timedelta(hours=1)
ABSENT_TOO_LONG = timedelta(days=1)


def summary(connection: sqlite3.Connection, now: datetime) -> Summary:
    counts = dict.fromkeys(State, 0)
    counts |= {State(row["state"]): row[1] for row in connection.execute(SQL["count_commands"])}
    brake = connection.execute(SQL["brake"]).fetchone()
    stuck = {"usable_before": micros(now - USABLE_TOO_LONG)}
    return Summary(
        ledger_id=ledger_id(connection),
        created_at=moment(int(_meta(connection, "created_at"))),
        commands=counts,
        holdings=connection.execute(SQL["count_holdings"]).fetchone()[0],
        customers=connection.execute(SQL["count_customers"]).fetchone()[0],
        brake=Brakes(on_at=moment(brake["on_at"]), reason=brake["reason"], blocked=brake["blocked"])
        if brake
        else Brakes(blocked=connection.execute(SQL["braked"]).fetchone()[0]),
        queues=tuple(
            ServerQueue(server=row["server"], queue=row["queue"], oldest_at=moment(row["oldest_at"]))
            for row in connection.execute(SQL["queues"])
        ),
        troubles=tuple(_trouble(row) for row in connection.execute(SQL["troubles"])),
        items=tuple(
            ItemTrouble(
                kind=ItemTroubleKind(row["kind"]),
                product=row["product"],
                product_id=str(row["product_id"] or ""),
                word=row["word"],
                count=row["count"],
                customer_id=str(row["customer_id"]),
            )
            for row in connection.execute(SQL["item_troubles"], stuck)
        ),
        unseen=tuple(
            Unseen(
                player=row["player"],
                name=row["name"],
                server=row["server"],
                count=row["count"],
                since=moment(row["since"]),
            )
            for row in connection.execute(SQL["unseen"], {"absent_before": micros(now - ABSENT_TOO_LONG)})
        ),
        orphans=tuple(_plain(Orphan, row) for row in connection.execute(SQL["orphans"])),
        absent_servers=tuple(row["server"] for row in connection.execute(SQL["absent_servers"])),
        duplicate_tokens={str(row["customer_id"]): row["count"] for row in connection.execute(SQL["duplicate_tokens"])},
    )


def commands(
    connection: sqlite3.Connection,
    *,
    state: State | None = None,
    server: str | None = None,
    customer_id: str | None = None,
    limit: int = 100,
    before: int | None = None,
) -> list[CommandRow]:
    asked = {
        "state": state,
        "server": server,
        "customer_id": None if customer_id is None else int(customer_id),
        "limit": limit,
        "before": before,
    }
    return [_command(row) for row in connection.execute(SQL["commands"], asked)]


def command(connection: sqlite3.Connection, command_id: int) -> CommandRow | None:
    row = connection.execute(SQL["one_command"], {"id": command_id}).fetchone()
    return _command(row) if row else None


def customers(connection: sqlite3.Connection) -> list[CustomerRow]:
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
        for row in connection.execute(SQL["customers"])
    ]


def polled(connection: sqlite3.Connection) -> list[Polled]:
    return [*polled_page(connection, 0, -1), *removed_with_ends(connection)]


def polled_page(connection: sqlite3.Connection, after: int, most: int) -> list[Polled]:
    """Those with a token in use, by its id; all that are left when `most` is -1."""
    return list(map(polled_row, connection.execute(SQL["polled"], {"after": after, "most": most})))


def removed_with_ends(connection: sqlite3.Connection) -> list[Polled]:
    return list(map(polled_row, connection.execute(SQL["removed_with_ends"])))


def polled_row(row: sqlite3.Row) -> Polled:
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


def events(connection: sqlite3.Connection, command_id: int) -> list[EventRow]:
    return [
        EventRow(at=moment(row["at"]), kind=row["kind"], was=row["was"], became=row["became"], detail=row["detail"])
        for row in connection.execute(SQL["command_events"], {"command_id": command_id})
    ]


def window(connection: sqlite3.Connection, since: datetime) -> list[tuple[str, datetime, int, int]]:
    return [
        (str(row["customer_id"]), moment(row["read_at"]), row["held"], row["removals"])
        for row in connection.execute(SQL["window"], {"since": micros(since)})
    ]


def ledger_id(connection: sqlite3.Connection) -> str:
    return _meta(connection, "ledger_id")


def _meta(connection: sqlite3.Connection, key: str) -> str:
    return str(connection.execute(SQL["meta"], {"key": key}).fetchone()["value"])


def _plain(kind: type[Row], row: sqlite3.Row) -> Row:
    """A row whose columns are the fields."""
    return kind(**{name: row[name] for name in row.keys()})  # noqa: SIM118 - sqlite3.Row iterates over values


def _trouble(row: sqlite3.Row) -> Trouble:
    return Trouble(
        state=State(row["state"]),
        hold=_hold(row),
        perk=row["perk"],
        server=row["server"],
        count=row["count"],
        newest_id=row["newest_id"],
        text=row["text"],
        reason=row["reason"],
        reply=row["reply"],
    )


def _hold(row: sqlite3.Row) -> Hold | None:
    return Hold(row["hold"]) if row["hold"] else None


def _command(row: sqlite3.Row) -> CommandRow:
    return CommandRow(
        id=row["id"],
        place=row["place"],
        server=row["server"],
        customer_id=str(row["customer_id"] or ""),
        player=row["player"],
        perk=row["perk"],
        item_id=str(row["item_id"] or ""),
        step=row["step"],
        generation=row["generation"],
        position=row["position"],
        text=row["text"],
        state=State(row["state"]),
        hold=_hold(row),
        reason=row["reason"] or _waits(row),
        reply=row["reply"],
        cause=Cause(row["cause"]),
        end_reason=Reason(row["end_reason"]) if row["end_reason"] else None,
        repeatable=bool(row["repeatable"]),
        online_s=None if row["online_us"] is None else row["online_us"] / 1_000_000,
        superseded=bool(row["superseded"]),
        absent=bool(row["absent"]),
        attempts=row["attempts"],
        created_at=moment(row["created_at"]),
        due_at=moment(row["due_at"]),
        sent_at=moment(row["sent_at"]),
        settled_at=moment(row["settled_at"]),
        holding_id=row["holding_id"],
        effect=row["effect"],
        key_item=str(row["key_item"]) if row["key_item"] else "",
        identity=json.loads(row["identity"]),
        source=row["source"],
        step_size=row["step_size"],
    )


def _waits(row: sqlite3.Row) -> str | None:
    """What a planned command waits for when that is its player."""
    anywhere = target_of(row["server"]) is Target.ONLINE and row["step"] != Step.REVOKE
    if row["state"] != State.PLANNED or not (anywhere or row["absent"] or row["online_us"] is not None):
        return None
    where = spoken(row["server"])
    if row["online_us"]:
        return f"waits until the player has been on {where} for {row['online_us'] / 1_000_000:g} s"
    return f"waits for the player on {where}"
