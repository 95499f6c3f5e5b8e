"""Loop 2's half of the ledger: claiming the next command, settling how it ended, and what that means for its step.

`sqlite.py` runs these in the writing thread. Every transition made here is one of model.TRANSITIONS.
"""

import json
import sqlite3
from collections.abc import Collection
from datetime import timedelta

from ..changes import Command, Outcome
from ..model import TRANSITIONS, State, Step
from . import convert, events
from .base import NotPossible
from .convert import micros
from .queries import SQL

STOPPED = "perkd stopped while this was being sent: whether it ran is not known"
AGAIN_AFTER_STOP = timedelta(minutes=1)


def claim(connection: sqlite3.Connection, server: str, now: int, online: Collection[str]) -> Command | None:
    again = connection.execute(SQL["plan_unknown"], {"server": server, "now": now}).fetchall()
    events.moved(connection, now, [row["id"] for row in again], "unknown", "planned", "repeatable, and due again")
    players = json.dumps(sorted(online))
    row = connection.execute(SQL["claimable"], {"server": server, "now": now, "online": players}).fetchone()
    if row is None:
        return None
    connection.execute(SQL["send"], {"id": row["id"], "now": now})
    events.moved(connection, now, [row["id"]], "planned", "sending")
    return Command(
        id=row["id"],
        server=server,
        customer_id=str(row["customer_id"]),
        player=row["player"],
        perk=row["perk"],
        item_id=str(row["item_id"]),
        step=row["step"],
        text=row["text"],
        values=json.loads(row["filled"]),
        repeatable=bool(row["repeatable"]),
        online=bool(row["online"]),
        strict=bool(row["strict"]),
        success=row["success"],
        failure=row["failure"],
        attempts=row["attempts"] + 1,
        refusals=row["refusals"],
        doubts=row["doubts"],
    )


def settle(connection: sqlite3.Connection, command_id: int, outcome: Outcome, now: int) -> State:
    row = connection.execute(SQL["command"], {"id": command_id}).fetchone()
    if row is None or State(row["state"]) is not State.SENDING or (State.SENDING, outcome.state) not in TRANSITIONS:
        found = row["state"] if row else "not there"
        raise NotPossible(f"command {command_id} is {found}: it cannot become {outcome.state}")
    state, reason = outcome.state, outcome.reason
    if state is State.PLANNED and row["superseded"]:
        state, reason = State.VOID, "the opposite change came while it was being sent"
    again = state is State.UNKNOWN and outcome.due_at is not None and not row["superseded"]
    connection.execute(
        SQL["settle"],
        {
            "id": command_id,
            "state": state.value,
            "reply": outcome.reply,
            "reason": reason,
            "due_at": micros(outcome.due_at),
            "absent": outcome.absent and state is State.PLANNED,
            "refused": outcome.reply is not None and outcome.state is State.PLANNED and not outcome.absent,
            "doubted": state is State.UNKNOWN,
            "settled_at": None if state is State.PLANNED or again else now,
        },
    )
    events.moved(connection, now, [command_id], "sending", state.value, reason or outcome.reply)
    _follow_up(connection, row, state, now)
    return state


def _follow_up(connection: sqlite3.Connection, row: sqlite3.Row, state: State, now: int) -> None:
    """What the end of one command means for the rest of its step and for its holding."""
    place = {key: row[key] for key in ("holding_id", "step", "created_at", "position")}
    if state is State.REFUSED or (state is State.ANSWERED and row["strict"]):
        reason = f"command {row['id']} before it was not accepted: `perkd commands retry`, `done` or `skip` that one"
        held = connection.execute(SQL["block_rest"], {**place, "reason": reason}).fetchall()
        events.moved(connection, now, [found["id"] for found in held], "planned", "blocked", reason)
    elif state in (State.DELIVERED, State.ANSWERED):
        connection.execute(SQL["delay_next"], {**place, "now": now})
        if row["step"] == Step.GRANT and not row["superseded"]:
            delivered(connection, row["holding_id"], now)


def delivered(connection: sqlite3.Connection, holding_id: int, now: int) -> None:
    """Notes when the last command of the grant went through: perkd's own clocks start here (`lasts`)."""
    if connection.execute(SQL["mark_delivered"], {"holding_id": holding_id, "now": now}).fetchone():
        connection.execute(SQL["start_clocks"], {"holding_id": holding_id, "now": now})


def recover(connection: sqlite3.Connection, now: int) -> int:
    """Whatever is `sending` was cut off: unknown, and planned again soon where repeating is harmless."""
    rows = connection.execute(SQL["sending"]).fetchall()
    for row in rows:
        again = convert.moment(now) + AGAIN_AFTER_STOP if row["repeatable"] else None
        settle(connection, row["id"], Outcome(state=State.UNKNOWN, reason=STOPPED, due_at=again), now)
    return len(rows)
