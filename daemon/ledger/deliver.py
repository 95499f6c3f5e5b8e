"""What loop 2 needs from the ledger: claim the next command, record how it ended, and update the rest of its step.

`sqlite.py` runs these functions in the writing thread. Every change of state is one of `core/model.py`'s TRANSITIONS.
"""

import json
import sqlite3
from collections.abc import Collection, Mapping
from datetime import timedelta

from ..core.changes import Command, Outcome
from ..core.model import TRANSITIONS, State, Step
from . import convert, events
from .base import LedgerCode, NotPossible
from .convert import micros
from .queries import SQL

STOPPED = "perkd stopped while it sent this command, so it is not known whether the command ran"
AGAIN_AFTER_STOP = timedelta(minutes=1)
MOST_DOUBTS = 5  # as outcomes.UNKNOWN_AGAIN: perkd must not send a command for ever that stops it each time


def claim(connection: sqlite3.Connection, server: str, now: int, online: Mapping[str, int]) -> Command | None:
    again = connection.execute(SQL["plan_unknown"], {"server": server, "now": now}).fetchall()
    events.moved(
        connection,
        now,
        [row["id"] for row in again],
        State.UNKNOWN,
        State.PLANNED,
        "sent again: it may run twice",
    )
    asked = {"now": now, "online": json.dumps(online)}
    at = [server, *(found["label"] for found in connection.execute(SQL["labels_of"], {"server": server}))]
    rows = [connection.execute(SQL["claimable"], {**asked, "place": place}).fetchone() for place in at]
    row = min(filter(None, rows), key=lambda row: int(row["id"]), default=None)
    if row is None:
        return None
    connection.execute(SQL["send"], {"id": row["id"], "now": now})
    if row["server"] != server:
        connection.execute(SQL["bind"], {**place(row), "server": server})
    events.moved(connection, now, [row["id"]], State.PLANNED, State.SENDING)
    return Command(
        id=row["id"],
        server=server,
        place=row["place"],
        customer_id=str(row["customer_id"]),
        player=row["player"],
        perk=row["perk"],
        item_id=str(row["item_id"]),
        step=row["step"],
        text=row["text"],
        values=json.loads(row["filled"]),
        repeatable=bool(row["repeatable"]),
        online=row["online_us"] is not None,
        strict=bool(row["strict"]),
        success=row["success"],
        failure=row["failure"],
        attempts=row["attempts"] + 1,
        refusals=row["refusals"],
        doubts=row["doubts"],
    )


def settle(connection: sqlite3.Connection, command_id: int, outcome: Outcome, now: int) -> State:
    row = connection.execute(SQL["command"], {"id": command_id}).fetchone()
    possible = (State.SENDING, outcome.state) in TRANSITIONS and outcome.state is not State.VOID
    if row is None or State(row["state"]) is not State.SENDING or not possible:
        found = row["state"] if row else "not in the ledger"
        raise NotPossible(
            LedgerCode.NOT_IN_THIS_STATE, f"command {command_id} is {found}, so it cannot become {outcome.state}"
        )
    state, reason = outcome.state, outcome.reason
    if state is State.PLANNED and row["superseded"]:
        state, reason = State.VOID, "the opposite change came while perkd was sending it"
    again = state is State.UNKNOWN and outcome.due_at is not None  # `claim` does not take it while it is superseded
    connection.execute(
        SQL["settle"],
        {
            "id": command_id,
            "state": state.value,
            "reply": outcome.reply,
            "reason": reason,
            "due_at": micros(outcome.due_at),
            # Nothing was sent, so nothing is new: a command that waits for its absent player goes on waiting.
            "absent": state is State.PLANNED and (outcome.absent or bool(row["absent"] and outcome.reply is None)),
            "refused": outcome.reply is not None and outcome.state is State.PLANNED and not outcome.absent,
            "doubted": state is State.UNKNOWN,
            "settled_at": None if state is State.PLANNED or again else now,
        },
    )
    events.moved(connection, now, [command_id], State.SENDING, state, reason or outcome.reply)
    untouched = outcome.reply is None or outcome.absent
    if state is State.PLANNED and row["server"] != row["place"] and untouched:
        connection.execute(SQL["unbind"], place(row))
    _follow_up(connection, row, state, now)
    if state is State.PLANNED and command_id in hold_absent(connection, now):
        state = State.BLOCKED
    return state


def _follow_up(connection: sqlite3.Connection, row: sqlite3.Row, state: State, now: int) -> None:
    """Updates the rest of the command's step, and its holding."""
    if state is State.REFUSED or (state is State.ANSWERED and row["strict"]):
        reason = f"the server did not accept command {row['id']} before it: retry it, or close it as done or skipped"
        held = connection.execute(SQL["block_rest"], {**place(row), "reason": reason}).fetchall()
        events.moved(connection, now, [found["id"] for found in held], State.PLANNED, State.BLOCKED, reason)
    elif state in (State.DELIVERED, State.ANSWERED):
        delay_next(connection, row, now)
    if row["step"] == Step.GRANT and state in (State.DELIVERED, State.ANSWERED, State.REFUSED):
        delivered(connection, row["holding_id"], now)


def place(row: sqlite3.Row) -> dict[str, object]:
    """Which step a command belongs to, and where in it. A retry changes its generation, but not `created_at`."""
    return {key: row[key] for key in ("holding_id", "step", "created_at", "position")}


def delay_next(connection: sqlite3.Connection, row: sqlite3.Row, now: int) -> None:
    """The delay `after` starts when the command before it has ended."""
    connection.execute(SQL["delay_next"], {**place(row), "now": now})


def delivered(connection: sqlite3.Connection, holding_id: int, now: int) -> None:
    """Notes when the grant was delivered, as far as it can be without the operator. perkd's `lasts` time starts now."""
    if connection.execute(SQL["mark_delivered"], {"holding_id": holding_id, "now": now}).fetchone():
        connection.execute(SQL["start_clocks"], {"holding_id": holding_id, "now": now})


def braked(connection: sqlite3.Connection, ids: Collection[int] | None, now: int) -> int:
    """While the brake is on, blocks planned removals that follow a revocation or a missing item. `ids` None: all."""
    brake = connection.execute(SQL["brake"]).fetchone()
    if brake is None:
        return 0
    asked = {"reason": f"the brake is on: {brake['reason']}", "ids": None if ids is None else json.dumps(list(ids))}
    stopped = connection.execute(SQL["brake_planned"], asked).fetchall()
    return events.moved(connection, now, [row["id"] for row in stopped], State.PLANNED, State.BLOCKED, "brake")


def hold_absent(connection: sqlite3.Connection, now: int) -> list[int]:
    """Blocks what is planned for a server that is not in the config, so that an owner sees that it cannot be sent."""
    left = [row["id"] for row in connection.execute(SQL["block_absent_servers"]).fetchall()]
    events.moved(connection, now, left, State.PLANNED, State.BLOCKED, "the server is not in the config")
    return left


def recover(connection: sqlite3.Connection, now: int) -> int:
    """Commands in `sending` were interrupted: they become unknown, and repeatable ones are sent again soon."""
    rows = connection.execute(SQL["sending"]).fetchall()
    for row in rows:
        again = row["repeatable"] and row["doubts"] < MOST_DOUBTS
        due_at = convert.moment(now) + AGAIN_AFTER_STOP if again else None
        settle(connection, row["id"], Outcome(state=State.UNKNOWN, reason=STOPPED, due_at=due_at), now)
    return len(rows)
