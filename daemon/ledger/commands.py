"""The facet of whoever sends commands or decides about them: claim, settle, retry, done, skip, release the brake.

`servers` and `control` use it. Every change of a state is one of `core/model.py`'s TRANSITIONS.
"""

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta

from ..core.changes import Command, Draft, EventKind, Origin, Outcome
from ..core.model import TRANSITIONS, State, Step, Target
from ..core.places import target_of
from . import convert, events, steps
from .base import LedgerCode, NotPossible
from .convert import micros, moment
from .facet import Facet, read, write
from .reports import command_detail
from .rows import CommandDetail
from .sqlite.engine import Engine
from .sqlite.queries import SQL

STOPPED = "perkd stopped while it sent this command, so it is not known whether the command ran"
AGAIN_AFTER_STOP = timedelta(minutes=1)
MOST_DOUBTS = 5  # as outcomes.UNKNOWN_AGAIN: perkd must not send a command for ever that stops it each time


class CommandsFacet(Facet):
    """`now` is aware UTC; a naive time is a TypeError."""

    def __init__(self, writer: Engine, reader: Engine) -> None:
        super().__init__(writer, reader)
        self._there: dict[
            str, tuple[Mapping[str, datetime], int, str]
        ] = {}  # server → who is online, how many, as JSON

    def _online(self, server: str, online: Mapping[str, datetime]) -> str:
        """JSON: player → since when. The same players are asked about many times, until the next list of the server."""
        known, count, text = self._there.get(server, (None, 0, ""))
        if known is not online or count != len(online):
            text = json.dumps({player: micros(since) for player, since in online.items()})
            self._there[server] = online, len(online), text
        return text

    @write
    def claim(
        self, db: sqlite3.Connection, server: str, now: datetime, online: Mapping[str, datetime]
    ) -> Command | None:
        """The next due command of the server by laws 7 and 8, committed as `sending`; None when nothing may go now.
        `online`: player → since when they are there. A step that any server of a place may take is this one's from now
        on, until nothing of it was sent."""
        at = micros(now)
        again = db.execute(SQL["plan_unknown"], {"server": server, "now": at}).fetchall()
        events.moved(db, at, [row["id"] for row in again], State.UNKNOWN, State.PLANNED, "sent again: it may run twice")
        there = self._online(server, online)
        found = [one for place in _places(db, server) for one in _claimable(db, place, at, there)]
        if not found:
            return None
        row = db.execute(SQL["command"], {"id": min(found)}).fetchone()
        db.execute(SQL["send"], {"id": row["id"], "now": at})
        if row["server"] != server:
            db.execute(SQL["bind"], {**steps.step_of(row), "server": server})
        events.moved(db, at, [row["id"]], State.PLANNED, State.SENDING)
        return _command(row, server)

    @read
    def next_due(
        self, db: sqlite3.Connection, server: str, now: datetime, online: Mapping[str, datetime]
    ) -> datetime | None:
        """When the next waiting command of the server becomes due, also by a player having been there long enough;
        None: nothing waits for time."""
        asked = {"now": micros(now), "online": self._online(server, online)}
        found = [db.execute(SQL["next_due"], {**asked, "place": place}).fetchone()[0] for place in _places(db, server)]
        return moment(min((at for at in found if at is not None), default=None))

    @write
    def settle(self, db: sqlite3.Connection, command_id: int, outcome: Outcome, now: datetime) -> State:
        """Writes how it ended and what follows for its step. Returns the state it is in now: VOID instead of PLANNED
        when the opposite change came meanwhile. Raises NotPossible unless it is `sending`."""
        return _settle(db, command_id, outcome, micros(now))

    @write
    def recover(self, db: sqlite3.Connection, now: datetime) -> int:
        """At start: each command in `sending` becomes unknown, because perkd stopped; a repeatable one is sent again
        soon. Returns how many."""
        rows = db.execute(SQL["sending"]).fetchall()
        for row in rows:
            again = row["repeatable"] and row["doubts"] < MOST_DOUBTS
            due_at = now + AGAIN_AFTER_STOP if again else None
            _settle(db, row["id"], Outcome(state=State.UNKNOWN, reason=STOPPED, due_at=due_at), micros(now))
        return len(rows)

    @read
    def get(self, db: sqlite3.Connection, command_id: int) -> CommandDetail | None:
        row = db.execute(SQL["command_detail"], {"id": command_id}).fetchone()
        return command_detail(row) if row else None

    @write
    def retry(self, db: sqlite3.Connection, command_id: int, draft: Draft, now: datetime) -> str:
        """Plans it again as a new generation with the text of `draft`, and what waited behind it. Returns its place.
        Raises NotPossible."""
        at = micros(now)
        row = _to(db, command_id, State.PLANNED, "retried")
        if row["superseded"]:
            raise NotPossible(
                LedgerCode.STEP_IS_OVER,
                f"command {command_id} is out of date: the perk was given or taken back again after it. To retry it "
                f"would undo that newer change. Close it with `perkd commands skip {command_id}` or "
                f"`perkd commands done {command_id}`",
            )
        if draft.state is not State.PLANNED:
            raise NotPossible(
                LedgerCode.BLOCKED_AGAIN,
                f"perkd cannot send command {command_id}, it would block again: {draft.reason}",
            )
        key = {key: row[key] for key in ("holding_id", "player", "perk", "place", "key_item")}
        generation = db.execute(SQL["next_generation"], key).fetchone()[0]
        db.execute(SQL["retry"], {**convert.draft_row(draft), "id": command_id, "generation": generation, "now": at})
        events.moved(db, at, [command_id], State(row["state"]), State.PLANNED, "retried by the operator")
        _free_rest(db, row, at)
        return str(row["server"])

    @write
    def close(self, db: sqlite3.Connection, command_id: int, state: State, now: datetime) -> str:
        """`done` (DELIVERED) or `skip` (VOID) by the operator; frees what waited behind it. Returns its place. Raises
        NotPossible."""
        at = micros(now)
        if state not in (State.DELIVERED, State.VOID):
            raise NotPossible(
                LedgerCode.NOT_IN_THIS_STATE, f"an operator can close a command as delivered or void, not as {state}"
            )
        row = _to(db, command_id, state, "closed")
        said = f"closed by the operator: {'done' if state is State.DELIVERED else 'skip'}"
        db.execute(SQL["close_command"], {"id": command_id, "state": state.value, "reason": said, "now": at})
        events.moved(db, at, [command_id], State(row["state"]), state, said)
        _free_rest(db, row, at)
        steps.delay_next(db, row, at)
        if row["step"] == Step.GRANT:
            steps.delivered(db, row["holding_id"], at)
        return str(row["server"])

    @write
    def release_brake(self, db: sqlite3.Connection, now: datetime) -> int:
        """Plans what the brake blocked. Returns how many."""
        at = micros(now)
        db.execute(SQL["release_brake"], {"now": at})
        freed = db.execute(SQL["plan_braked"], {"now": at}).fetchall()
        events.note(db, at, EventKind.BRAKE_RELEASED, detail=f"{len(freed)} commands")
        steps.planned_again(db, freed, at, "the brake was released")
        steps.block_for_absent_servers(db, at)
        return len(freed)


def _places(db: sqlite3.Connection, server: str) -> list[str]:
    """The places whose commands the server may take: itself, and the labels it belongs to."""
    return [server, *(row["label"] for row in db.execute(SQL["labels_of"], {"server": server}))]


def _claimable(db: sqlite3.Connection, place: str, now: int, online: str) -> list[int]:
    """The first command at this place that waits for nobody, and the first for a player who is there."""
    asked = {"place": place, "now": now, "online": online, "anywhere": target_of(place) is Target.ONLINE}
    rows = [db.execute(SQL[name], asked).fetchone() for name in ("claim_free", "claim_for_players")]
    return [row["id"] for row in rows if row is not None and row["id"] is not None]


def _command(row: sqlite3.Row, server: str) -> Command:
    return Command(
        id=row["id"],
        server=server,
        place=row["place"],
        customer_id=str(row["customer_id"]),
        player=row["player"],
        origin=Origin(row["origin"]),
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


def _settle(db: sqlite3.Connection, command_id: int, outcome: Outcome, now: int) -> State:
    row = db.execute(SQL["command"], {"id": command_id}).fetchone()
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
    db.execute(
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
    events.moved(db, now, [command_id], State.SENDING, state, reason or outcome.reply)
    untouched = outcome.reply is None or outcome.absent
    if state is State.PLANNED and row["server"] != row["place"] and untouched:
        db.execute(SQL["unbind"], steps.step_of(row))
    _follow_up(db, row, state, now)
    if state is State.PLANNED and command_id in steps.block_for_absent_servers(db, now):
        state = State.BLOCKED
    return state


def _follow_up(db: sqlite3.Connection, row: sqlite3.Row, state: State, now: int) -> None:
    """Updates the rest of the command's step, and its holding."""
    if state is State.REFUSED or (state is State.ANSWERED and row["strict"]):
        reason = f"the server did not accept command {row['id']} before it: retry it, or close it as done or skipped"
        held = db.execute(SQL["block_rest"], {**steps.step_of(row), "reason": reason}).fetchall()
        events.moved(db, now, [found["id"] for found in held], State.PLANNED, State.BLOCKED, reason)
    elif state in (State.DELIVERED, State.ANSWERED):
        steps.delay_next(db, row, now)
    if row["step"] == Step.GRANT and state in (State.DELIVERED, State.ANSWERED, State.REFUSED):
        steps.delivered(db, row["holding_id"], now)


def _to(db: sqlite3.Connection, command_id: int, state: State, word: str) -> sqlite3.Row:
    """The command, if an operator may bring it into this state. Raises NotPossible."""
    row: sqlite3.Row | None = db.execute(SQL["command"], {"id": command_id}).fetchone()
    if row is None:
        raise NotPossible(
            LedgerCode.NO_COMMAND, f"there is no command {command_id}: run `perkd commands list` to see all commands"
        )
    was = State(row["state"])
    if was is State.PLANNED and state is State.VOID and row["origin"] == Origin.STORE:
        return row  # nothing else ever voids such a command: if its player never comes, it would wait for ever
    if was in (State.PLANNED, State.SENDING) or (was, state) not in TRANSITIONS:
        raise NotPossible(
            LedgerCode.NOT_IN_THIS_STATE,
            f"command {command_id} is {was}: only a blocked, refused, answered or unknown command can be {word}",
        )
    return row


def _free_rest(db: sqlite3.Connection, row: sqlite3.Row, now: int) -> None:
    freed = db.execute(SQL["free_rest"], {**steps.step_of(row), "now": now}).fetchall()
    steps.planned_again(db, freed, now, "the command before it is closed or retried")
    steps.block_for_absent_servers(db, now)
