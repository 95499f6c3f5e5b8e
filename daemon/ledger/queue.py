"""The facet of the store's command queues: each line is written down before perkd acts, with what it must acknowledge.

`store_queue` uses it. A line becomes a command of its own, with no holding and no item behind it; it is sent, judged
and decided by the operator like every other command.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from ..core.changes import EventKind, Hold, Origin
from ..core.model import Cause, State, Step
from ..core.queue_lines import LEFT_ALONE, Decided, StoreCommand
from . import convert, events, steps
from .convert import micros, moment
from .facet import Facet, read, write
from .rows import HandedOut
from .sqlite.queries import SQL


class QueueFacet(Facet):
    """`now` is aware UTC; a naive time is a TypeError."""

    @write
    def hand_out(self, db: sqlite3.Connection, server: str, decided: Sequence[Decided], now: datetime) -> HandedOut:
        """Records one answer of the server's queue. New lines are decided now and their commands recorded; older lines
        must be acknowledged again: the store would not send them if it knew. However often an attempt comes, it becomes
        one command. A waiting command moves to the server that got the line this time; a blocked one takes the line's
        new text."""
        at = micros(now)
        for_perkd, planned, blocked, again = [], 0, 0, 0
        for one in decided:
            ids = {"attempt_id": int(one.attempt_id), "server": server, "now": at}
            if db.execute(SQL["attempt"], ids).fetchone():
                db.execute(SQL["owe_attempt"], ids)
                again += _see_again(db, server, one, at)
                continue
            sent = db.execute(SQL["attempt_command"], ids).fetchone()
            if sent is not None:
                db.execute(SQL["put_attempt"], {**ids, "command_id": sent["id"]})
                again += _see_again(db, server, one, at)
                continue
            if one.command is None:
                db.execute(SQL["put_attempt"], {**ids, "command_id": None})
                events.note(db, at, EventKind.ACTIVATION, detail=f"attempt {one.attempt_id} on {server}")
                for_perkd.append(one.attempt_id)
                continue
            command_id = _put_command(db, server, one.attempt_id, one.command, at)
            db.execute(SQL["put_attempt"], {**ids, "command_id": command_id})
            planned, blocked = (planned + 1, blocked) if one.command.problem is None else (planned, blocked + 1)
        if planned or again:
            steps.block_for_absent_servers(db, at)  # the server may have left the config just now
        return HandedOut(tuple(for_perkd), planned, blocked, again)

    @write
    def lines_run_since(self, db: sqlite3.Connection, queue: str, now: datetime, *, runs: bool) -> datetime | None:
        """Since when perkd runs the lines of this queue: since now, if it did not before. `runs` False: perkd does not
        run them, and forgets the time."""
        key = {"key": f"lines_run_since:{queue}"}
        if not runs:
            db.execute(SQL["forget_meta"], key)
            return None
        row = db.execute(SQL["meta"], key).fetchone()
        if row is None:
            db.execute(SQL["put_meta"], {**key, "value": str(micros(now))})
        return moment(micros(now) if row is None else int(row["value"]))

    @read
    def owed(self, db: sqlite3.Connection, server: str) -> list[str]:
        """What perkd must acknowledge: lines for perkd, and commands delivered, answered, done or skipped."""
        return [str(row["attempt_id"]) for row in db.execute(SQL["owed"], {"server": server})]

    @write
    def acknowledged(self, db: sqlite3.Connection, attempt_ids: Sequence[str], now: datetime) -> None:
        """Notes that the store knows."""
        ids = json.dumps([int(attempt_id) for attempt_id in attempt_ids])
        db.execute(SQL["acknowledged"], {"ids": ids, "now": micros(now)})


def block_lines(db: sqlite3.Connection, servers: Iterable[str], now: int) -> None:
    """Blocks the lines that were not sent yet for the operator: the configuration says to leave them alone."""
    key = {"servers": json.dumps(list(servers)), "hold": Hold.BACKLOG.value, "reason": LEFT_ALONE}
    held = [row["id"] for row in db.execute(SQL["block_lines"], key).fetchall()]
    events.moved(db, now, held, State.PLANNED, State.BLOCKED, LEFT_ALONE)


def _see_again(db: sqlite3.Connection, server: str, one: Decided, now: int) -> int:
    """For a command that was never sent: it moves to the server that got the line now, with the line's new text.
    Returns 1 when it may be sent from now on."""
    row = db.execute(SQL["attempt_waits"], {"attempt_id": int(one.attempt_id)}).fetchone()
    if row is None:
        return 0
    known = {"id": row["id"], "server": server, "now": now}
    was = became = State(row["state"])
    if row["place"] != server:
        db.execute(SQL["move_line"], known)
        became = State.PLANNED if row["hold"] == Hold.SERVER else became
        events.moved(db, now, [row["id"]], was, became, f"its queue is {server}'s now")
    if one.command is not None and row["hold"] == Hold.LINE and not row["attempts"] and one.command.hold != Hold.LINE:
        became = _state(one.command)
        db.execute(SQL["rewrite_line"], {**known, **_words(one.command)})
        events.moved(db, now, [row["id"]], was, became, one.command.problem or "the line can be sent now")
    return int(became is State.PLANNED and (was is not became or row["place"] != server))


def _state(command: StoreCommand) -> State:
    return State.PLANNED if command.problem is None else State.BLOCKED


def _words(command: StoreCommand) -> dict[str, object]:
    """The columns of a command that come from the line."""
    return {
        "text": command.text,
        "source": command.text,
        "player": command.player,
        "customer_id": int(command.customer_id or 0),
        "state": _state(command).value,
        "hold": command.hold,
        "reason": command.problem,
        "online_us": 0 if command.online_only else None,
    }


def _put_command(db: sqlite3.Connection, server: str, attempt_id: str, command: StoreCommand, now: int) -> int:
    row = db.execute(
        SQL["put_command"],
        {
            **_words(command),
            "origin": Origin.STORE.value,
            "holding_id": None,
            "place": server,
            "server": server,
            "perk": "",
            "item_id": 0,  # the store does not say which item it is for
            "key_item": int(attempt_id),
            "step": Step.GRANT.value,
            "generation": 1,
            "position": 0,
            "identity": convert.to_json({}),
            "cause": Cause.GRANT.value,
            "end_reason": None,
            "filled": convert.to_json({}),
            "repeatable": False,
            "strict": False,
            "success": "",
            "failure": "",
            "after_us": 0,
            "now": now,
            "due_at": now,
        },
    ).fetchone()
    command_id = int(row["id"])
    events.moved(db, now, [command_id], None, _state(command), command.problem or f"attempt {attempt_id}")
    return command_id
