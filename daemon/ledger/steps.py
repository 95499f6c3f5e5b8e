"""What several facets do with the commands of a step: the step's rest, its holding, the brake, servers that left.

All of it runs inside the caller's transaction.
"""

import json
import sqlite3
from collections.abc import Collection

from ..core.model import State
from . import events
from .sqlite.queries import SQL


def step_of(row: sqlite3.Row) -> dict[str, object]:
    """Which step a command belongs to, and where in it. A retry changes its generation, but not `created_at`."""
    return {key: row[key] for key in ("holding_id", "step", "created_at", "position")}


def delay_next(connection: sqlite3.Connection, row: sqlite3.Row, now: int) -> None:
    """The delay `after` starts when the command before it has ended."""
    connection.execute(SQL["delay_next"], {**step_of(row), "now": now})


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


def block_for_absent_servers(connection: sqlite3.Connection, now: int) -> list[int]:
    """Blocks what is planned for a server that is not in the config, so that an owner sees that it cannot be sent."""
    left = [row["id"] for row in connection.execute(SQL["block_absent_servers"]).fetchall()]
    events.moved(connection, now, left, State.PLANNED, State.BLOCKED, "the server is not in the config")
    return left


def planned_again(connection: sqlite3.Connection, freed: Collection[sqlite3.Row], now: int, why: str) -> None:
    """Records that the commands are planned again. The brake may still block them."""
    ids = [row["id"] for row in freed]
    events.moved(connection, now, ids, State.BLOCKED, State.PLANNED, why)
    braked(connection, ids, now)


# --- tokens and customers ---------------------------------------------------------------------------------------------
