"""The store's command queues in the ledger: what perkd answers for, written before it acts, and what the store is owed.

`sqlite.py` runs these in the writing thread. A line becomes a command of a holding of its own, which no item stands
behind, so that sending, judging, doubt and the operator's decisions are those of every command.
"""

import json
import sqlite3
from collections.abc import Iterable

from ..changes import Hold
from ..model import Cause, State, Step
from ..queuelines import STORE_PERK, Decided, StoreCommand
from . import deliver, events
from .queries import SQL
from .rows import HandedOut


def hand_out(connection: sqlite3.Connection, server: str, decided: Iterable[Decided], now: int) -> HandedOut:
    """Writes what is new. What is known is owed again: the store would not hand it out if it knew."""
    for_perkd, planned, blocked = [], 0, 0
    for one in decided:
        ids = {"attempt_id": int(one.attempt_id), "server": server, "now": now}
        if connection.execute(SQL["attempt"], ids).fetchone():
            connection.execute(SQL["owe_attempt"], ids)
            continue
        sent = connection.execute(SQL["attempt_command"], {**ids, "perk": STORE_PERK}).fetchone()
        if sent is not None:
            connection.execute(SQL["put_attempt"], {**ids, "command_id": sent["id"]})
            continue
        if one.command is None:
            connection.execute(SQL["put_attempt"], {**ids, "command_id": None})
            events.note(connection, now, "activation", detail=f"attempt {one.attempt_id} on {server}")
            for_perkd.append(one.attempt_id)
            continue
        command_id = _put_command(connection, server, one.attempt_id, one.command, now)
        connection.execute(SQL["put_attempt"], {**ids, "command_id": command_id})
        planned, blocked = (planned + 1, blocked) if one.command.problem is None else (planned, blocked + 1)
    if planned:
        deliver.hold_absent(connection, now)  # the server may have left the config just now
    return HandedOut(tuple(for_perkd), planned, blocked)


def owed(connection: sqlite3.Connection, server: str) -> list[str]:
    return [str(row["attempt_id"]) for row in connection.execute(SQL["owed"], {"server": server})]


def acknowledged(connection: sqlite3.Connection, attempt_ids: Iterable[str], now: int) -> None:
    ids = json.dumps([int(attempt_id) for attempt_id in attempt_ids])
    connection.execute(SQL["acknowledged"], {"ids": ids, "now": now})


def _put_command(connection: sqlite3.Connection, server: str, attempt_id: str, command: StoreCommand, now: int) -> int:
    customer_id = int(command.customer_id or 0)
    key = {"player": command.player, "perk": STORE_PERK, "server": server, "customer_id": customer_id, "now": now}
    holding = connection.execute(SQL["put_store_holding"], {**key, "attempt_id": int(attempt_id)}).fetchone()
    state = State.PLANNED if command.problem is None else State.BLOCKED
    row = connection.execute(
        SQL["put_command"],
        {
            **key,
            "holding_id": holding["id"],
            "place": server,
            "item_id": 0,  # the store does not say which item it is for
            "key_item": int(attempt_id),
            "step": Step.GRANT.value,
            "generation": 1,
            "position": 0,
            "text": command.text,
            "source": command.text,
            "identity": "{}",
            "state": state.value,
            "hold": None if command.problem is None else Hold.LINE.value,
            "reason": command.problem,
            "cause": Cause.GRANT.value,
            "end_reason": None,
            "filled": "{}",
            "repeatable": False,
            "online_us": 0 if command.online_only else None,
            "strict": False,
            "success": "",
            "failure": "",
            "after_us": 0,
            "due_at": now,
        },
    ).fetchone()
    command_id = int(row["id"])
    events.moved(connection, now, [command_id], None, state.value, command.problem or f"attempt {attempt_id}")
    return command_id
