"""The store's command queues in the ledger: perkd writes each line down before it acts, and what it must acknowledge.

`sqlite.py` runs these in the writing thread. A line becomes a command with a holding of its own
and no item behind it. So it is sent, judged and decided by the operator like every other command.
"""

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime

from ..core.changes import EventKind, Hold
from ..core.model import Cause, State, Step
from ..core.queue_lines import LEFT_ALONE, STORE_PERK, Decided, StoreCommand
from . import deliver, events
from .convert import moment
from .queries import SQL
from .rows import HandedOut


def hand_out(connection: sqlite3.Connection, server: str, decided: Iterable[Decided], now: int) -> HandedOut:
    """Records new lines. A known line must be acknowledged again: the store would not send it if it knew."""
    for_perkd, planned, blocked, again = [], 0, 0, 0
    for one in decided:
        ids = {"attempt_id": int(one.attempt_id), "server": server, "now": now}
        if connection.execute(SQL["attempt"], ids).fetchone():
            connection.execute(SQL["owe_attempt"], ids)
            again += _see_again(connection, server, one, now)
            continue
        sent = connection.execute(SQL["attempt_command"], {**ids, "perk": STORE_PERK}).fetchone()
        if sent is not None:
            connection.execute(SQL["put_attempt"], {**ids, "command_id": sent["id"]})
            again += _see_again(connection, server, one, now)
            continue
        if one.command is None:
            connection.execute(SQL["put_attempt"], {**ids, "command_id": None})
            events.note(connection, now, EventKind.ACTIVATION, detail=f"attempt {one.attempt_id} on {server}")
            for_perkd.append(one.attempt_id)
            continue
        command_id = _put_command(connection, server, one.attempt_id, one.command, now)
        connection.execute(SQL["put_attempt"], {**ids, "command_id": command_id})
        planned, blocked = (planned + 1, blocked) if one.command.problem is None else (planned, blocked + 1)
    if planned or again:
        deliver.hold_absent(connection, now)  # the server may have left the config just now
    return HandedOut(tuple(for_perkd), planned, blocked, again)


def lines_run_since(connection: sqlite3.Connection, queue: str, now: int, *, runs: bool) -> datetime | None:
    key = {"key": f"lines_run_since:{queue}"}
    if not runs:
        connection.execute(SQL["forget_meta"], key)
        return None
    row = connection.execute(SQL["meta"], key).fetchone()
    if row is None:
        connection.execute(SQL["put_meta"], {**key, "value": str(now)})
    return moment(now if row is None else int(row["value"]))


def hold_lines(connection: sqlite3.Connection, servers: Iterable[str], now: int) -> None:
    """Blocks the lines that were not sent yet for the operator: the configuration says to leave them alone."""
    key = {"servers": json.dumps(list(servers)), "perk": STORE_PERK, "hold": Hold.BACKLOG.value, "reason": LEFT_ALONE}
    held = [row["id"] for row in connection.execute(SQL["hold_lines"], key).fetchall()]
    events.moved(connection, now, held, State.PLANNED, State.BLOCKED, LEFT_ALONE)


def owed(connection: sqlite3.Connection, server: str) -> list[str]:
    return [str(row["attempt_id"]) for row in connection.execute(SQL["owed"], {"server": server})]


def acknowledged(connection: sqlite3.Connection, attempt_ids: Iterable[str], now: int) -> None:
    ids = json.dumps([int(attempt_id) for attempt_id in attempt_ids])
    connection.execute(SQL["acknowledged"], {"ids": ids, "now": now})


def _see_again(connection: sqlite3.Connection, server: str, one: Decided, now: int) -> int:
    """For a command that was never sent: it moves to the server that got the line now, with the line's new text.
    Returns 1 when it may be sent from now on."""
    row = connection.execute(SQL["attempt_waits"], {"attempt_id": int(one.attempt_id)}).fetchone()
    if row is None:
        return 0
    known = {"id": row["id"], "holding_id": row["holding_id"], "server": server, "now": now}
    was = became = State(row["state"])
    if row["place"] != server:
        connection.execute(SQL["move_attempt"], known)
        connection.execute(SQL["move_attempt_holding"], known)
        became = State.PLANNED if row["hold"] == Hold.SERVER else became
        events.moved(connection, now, [row["id"]], was, became, f"its queue is {server}'s now")
    if one.command is not None and row["hold"] == Hold.LINE and not row["attempts"] and one.command.hold != Hold.LINE:
        became = _state(one.command)
        who = {"player": one.command.player, "customer_id": int(one.command.customer_id or 0)}
        connection.execute(SQL["rewrite_attempt"], {**known, **who, **_words(one.command)})
        connection.execute(SQL["rewrite_attempt_holding"], {**known, **who})
        said = one.command.problem or "the line can be sent now"
        events.moved(connection, now, [row["id"]], was, became, said)
    return int(became is State.PLANNED and (was is not became or row["place"] != server))


def _state(command: StoreCommand) -> State:
    return State.PLANNED if command.problem is None else State.BLOCKED


def _words(command: StoreCommand) -> dict[str, object]:
    """The columns of a command that come from the line."""
    return {
        "text": command.text,
        "source": command.text,
        "state": _state(command).value,
        "hold": command.hold,
        "reason": command.problem,
        "online_us": 0 if command.online_only else None,
    }


def _put_command(connection: sqlite3.Connection, server: str, attempt_id: str, command: StoreCommand, now: int) -> int:
    customer_id = int(command.customer_id or 0)
    key = {"player": command.player, "perk": STORE_PERK, "server": server, "customer_id": customer_id, "now": now}
    holding = connection.execute(SQL["put_store_holding"], {**key, "attempt_id": int(attempt_id)}).fetchone()
    row = connection.execute(
        SQL["put_command"],
        {
            **key,
            **_words(command),
            "holding_id": holding["id"],
            "place": server,
            "item_id": 0,  # the store does not say which item it is for
            "key_item": int(attempt_id),
            "step": Step.GRANT.value,
            "generation": 1,
            "position": 0,
            "identity": "{}",
            "cause": Cause.GRANT.value,
            "end_reason": None,
            "filled": "{}",
            "repeatable": False,
            "strict": False,
            "success": "",
            "failure": "",
            "after_us": 0,
            "due_at": now,
        },
    ).fetchone()
    command_id = int(row["id"])
    events.moved(connection, now, [command_id], None, _state(command), command.problem or f"attempt {attempt_id}")
    return command_id
