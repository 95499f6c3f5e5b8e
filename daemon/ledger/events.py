"""Writes rows of `events`: history is data. Every module that changes a state calls one of the two functions, or notes
it in `Together`."""

import sqlite3
from collections.abc import Iterable
from typing import Any

from ..core.changes import EventKind
from ..core.model import State
from .sqlite.queries import SQL

_EMPTY: dict[str, Any] = dict.fromkeys(
    ("customer_id", "holding_id", "item_id", "command_id", "was", "became", "detail")
)


def note(connection: sqlite3.Connection, at: int, kind: EventKind, **facts: object) -> None:
    """One event. `facts` are columns of the table."""
    connection.execute(SQL["put_event"], _EMPTY | {"at": at, "kind": kind} | facts)


def moved(
    connection: sqlite3.Connection,
    at: int,
    ids: Iterable[int],
    was: State | None,
    became: State,
    detail: str | None = None,
) -> int:
    """One `command` event for each command that changed its state. Returns how many."""
    rows = [
        _EMPTY | {"at": at, "kind": EventKind.COMMAND, "command_id": i, "was": was, "became": became, "detail": detail}
        for i in ids
    ]
    connection.executemany(SQL["put_event"], rows)
    return len(rows)


class Together:
    """The events of one long unit of work, written in their order by one statement. Call `flush` at its end, and before
    somebody else writes an event."""

    def __init__(self, connection: sqlite3.Connection, at: int) -> None:
        self._connection, self._at = connection, at
        self._rows: list[dict[str, Any]] = []

    def note(self, kind: EventKind, **facts: object) -> None:
        self._rows.append({**_EMPTY, "at": self._at, "kind": kind, **facts})

    def moved(self, command_id: int, was: State | None, became: State, detail: str | None = None) -> None:
        self.note(EventKind.COMMAND, command_id=command_id, was=was, became=became, detail=detail)

    def flush(self) -> None:
        if self._rows:
            self._connection.executemany(SQL["put_event"], self._rows)
            self._rows = []
