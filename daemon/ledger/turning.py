"""One change of a holding in the ledger: which commands become void, which are planned (laws 8 and 10).

`observations.record` runs one `Turning` for each change of an observation, inside its transaction.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..core import places
from ..core.changes import (
    Draft,
    EventKind,
    HoldingChange,
    HoldingKey,
    HoldingState,
    Observation,
    Origin,
    PlannedChange,
    Turn,
)
from ..core.model import TOUCHED, Cause, PerkKind, State, Step, Target
from . import convert, events, steps
from .convert import micros
from .sqlite.queries import SQL

UNSENT = frozenset({State.PLANNED, State.BLOCKED})
OPPOSITE_CAME = "the opposite change came before it was sent"


@dataclass(slots=True)
class Tally:
    planned: int = 0
    blocked: int = 0
    voided: int = 0
    servers: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Turning:
    """One change of a holding. Decided with the command states of this same transaction (laws 8 and 10)."""

    connection: sqlite3.Connection
    seen: Observation
    planned: PlannedChange
    now: int
    tally: Tally
    together: events.Together
    generation: int = 1  # of the holding's next step

    def apply(self) -> None:
        change = self.planned.change
        row = self._find(change.key)
        if self._given_meanwhile(row):
            return
        match change.turn:
            case Turn.OPEN | Turn.ADOPT:
                row = row or self._put_holding(
                    HoldingState.ADOPTED if change.turn is Turn.ADOPT else HoldingState.ENDED
                )
                if change.turn is Turn.OPEN and row["state"] != HoldingState.HELD:
                    self._open(row)
            case Turn.END if row is not None and row["state"] == HoldingState.HELD:
                self._end(row)
            case Turn.REGRANT if row is not None and row["state"] == HoldingState.HELD and self._values_differ(row):
                self._revoke_step(row)
                self._grant_step(row)
            case Turn.KEEP if row is not None and row["state"] == HoldingState.HELD and change.learned is not None:
                self._learn(row)
            case _:
                pass
        if row is not None:
            self._put_supports(row["id"])

    def _given_meanwhile(self, row: sqlite3.Row | None) -> bool:
        """A once-item whose command was claimed after the comparison belongs to the player it was sent to (law 10)."""
        change = self.planned.change
        if change.kind is not PerkKind.ONCE:
            return False
        if change.turn is Turn.OPEN:  # the other half of a move: the same item ends at its old place
            ends = [one.change for one in self.seen.planned if one.change.key.item_id == change.key.item_id]
            left = [self._holding(end.key) for end in ends if end.perk == change.perk and self._moves(end)]
        else:
            left = [row] if change.turn is Turn.REGRANT or self._moves(change) else []
        return any(self._touched(old) for old in left if old is not None)

    def _touched(self, row: sqlite3.Row) -> bool:
        grant = _of(self._commands(row), Step.GRANT, row["opened"])
        return any(one["state"] in TOUCHED for one in grant)

    @staticmethod
    def _moves(change: HoldingChange) -> bool:
        return change.turn is Turn.END and change.cause in (Cause.IDENTITY, Cause.MOVED)

    def _learn(self, row: sqlite3.Row) -> None:
        if not self._values_differ(row):
            return
        identity = convert.to_json(self.planned.values)
        ids = {"id": row["id"], "customer_id": int(self.seen.customer_id)}
        self.connection.execute(SQL["learn_identity"], {**ids, "identity": identity})
        self._event(row["id"], EventKind.IDENTITY, row["identity"], identity)

    def _open(self, row: sqlite3.Row) -> None:
        """Grants, unless the perk is still in place because no command of its removal reached the game. A removal that
        needed no command (the game ends such a perk by itself) leaves nothing in place."""
        if row["ended"]:
            commands = self._commands(row)
            removal = self._give_up(row, Step.REVOKE, row["ended"], commands)
            grant = {one["state"] for one in _of(commands, Step.GRANT, row["opened"])}
            if removal and not (removal & TOUCHED) and grant & TOUCHED and State.VOID not in grant:
                self.connection.execute(SQL["reopen_holding"], {"id": row["id"]})
                self.connection.execute(SQL["want_again"], {"holding_id": row["id"], "generation": row["opened"]})
                self._event(row["id"], EventKind.REMOVAL_VOIDED, HoldingState.ENDED, HoldingState.HELD)
                return
        self._grant_step(row)

    def _grant_step(self, row: sqlite3.Row) -> None:
        change = self.planned.change
        generation = self.generation
        self.connection.execute(
            SQL["open_holding"],
            {
                "id": row["id"],
                "perk": change.perk,
                "customer_id": int(self.seen.customer_id),
                "identity": convert.to_json(self.planned.values),
                "generation": generation,
                "now": self.now,
            },
        )
        self._event(row["id"], EventKind.GRANT, row["state"], HoldingState.HELD)
        self._put_commands(row["id"], generation, self.planned.grant)

    def _end(self, row: sqlite3.Row) -> None:
        generation = self._revoke_step(row)
        self.connection.execute(SQL["end_holding"], {"id": row["id"], "generation": generation, "now": self.now})

    def _revoke_step(self, row: sqlite3.Row) -> int:
        """Voids what was not sent; plans the whole revoke only if anything of the grant may have reached the game."""
        commands = self._commands(row)
        touched = self._give_up(row, Step.GRANT, row["opened"], commands) & TOUCHED
        grant = _of(commands, Step.GRANT, row["opened"])
        # The server that took the grant in force, or may have.
        bound = [one["server"] for one in grant if one["state"] in TOUCHED and one["server"] != one["place"]]
        generation = self.generation
        self._event(row["id"], EventKind.REMOVAL, self.planned.change.cause, State.PLANNED if touched else "not needed")
        if touched:
            self._put_commands(row["id"], generation, self.planned.revoke, bound[-1] if bound else None)
        return generation

    def _put_commands(
        self, holding_id: int, generation: int, drafts: Sequence[Draft], bound: str | None = None
    ) -> None:
        """`bound`: the server that sent the grant. For `where_online` the removal goes to that server; for `any`, every
        server of the list may send it."""
        change = self.planned.change
        place = change.key.server
        server = bound if bound is not None and places.target_of(place) is Target.ONLINE else place
        due_at = self.now
        for draft in drafts:
            after_us = round(draft.after_s * 1_000_000)
            due_at += after_us
            row = self.connection.execute(
                SQL["put_command"],
                {
                    **convert.draft_row(draft),
                    "origin": Origin.PERK.value,
                    "holding_id": holding_id,
                    "player": change.key.player,
                    "perk": change.perk,
                    "place": place,
                    "key_item": int(change.key.item_id or 0),
                    "server": server,
                    "customer_id": int(self.seen.customer_id),
                    "item_id": int(change.item_id or 0),
                    "step": draft.step.value,
                    "generation": generation,
                    "position": draft.position,
                    "state": draft.state.value,
                    "hold": draft.hold.value if draft.hold else None,
                    "reason": draft.reason,
                    "cause": change.cause.value,
                    "end_reason": change.reason.value if change.reason else None,
                    "after_us": after_us,
                    "now": self.now,
                    "due_at": due_at,
                },
            ).fetchone()
            if row is None:
                continue  # the key is there: recording twice is recording once
            self.together.moved(row["id"], None, draft.state, draft.reason)
            if draft.state is State.PLANNED:
                self.tally.planned += 1
                self.tally.servers.add(server)
            else:
                self.tally.blocked += 1
        if drafts:
            self.generation = generation + 1
        if server != place:
            self.together.flush()
            steps.block_for_absent_servers(self.connection, self.now)  # the server may be gone, others of its place not

    def _put_supports(self, holding_id: int) -> None:
        for support in self.planned.change.supports:
            row = {
                "holding_id": holding_id,
                "item_id": int(support.item_id),
                "customer_id": int(support.customer_id),
                "perk": support.perk,
                "live": support.live,
                "joined_at": micros(support.joined_at),
                "started_at": micros(support.started_at),
                "ends_at": micros(support.ends_at),
                "now": self.now,
            }
            if not self.connection.execute(SQL["put_support"], row).rowcount:
                self.connection.execute(SQL["move_support"], row)
                self.connection.execute(SQL["put_support"], row)

    def _find(self, key: HoldingKey) -> sqlite3.Row | None:
        """The row of the holding, if there is one."""
        change = self.planned.change
        row = self._holding(key, None if change.turn is Turn.KEEP else change.perk)
        self.generation = 1 if row is None else row["generation"]
        return row

    def _holding(self, key: HoldingKey, perk: str | None = None) -> sqlite3.Row | None:
        """`perk`: what its next commands would be for."""
        asked = {"player": key.player, "effect": key.effect, "server": key.server, "item_id": int(key.item_id or 0)}
        row: sqlite3.Row | None = self.connection.execute(SQL["holding"], {**asked, "perk": perk}).fetchone()
        return row

    def _put_holding(self, state: HoldingState) -> sqlite3.Row:
        """A new holding: adopted, or ended until the grant right after opens it."""
        change = self.planned.change
        self.connection.execute(
            SQL["put_holding"],
            {
                "player": change.key.player,
                "effect": change.key.effect,
                "server": change.key.server,
                "item_id": int(change.key.item_id or 0),
                "kind": PerkKind(change.kind).value,
                "perk": change.perk,
                "customer_id": int(self.seen.customer_id),
                "state": state.value,
                "identity": convert.to_json(self.planned.values),
                "now": self.now,
            },
        ).fetchall()
        row = self._find(change.key)
        assert row is not None  # noqa: S101 - inserted a line above, in this transaction
        if state is HoldingState.ADOPTED:
            self._event(row["id"], EventKind.ADOPTED, None, state)
        return row

    def _commands(self, row: sqlite3.Row) -> list[sqlite3.Row]:
        """All commands of both steps in force, oldest first."""
        since = min(row["opened"], row["ended"] or row["opened"])
        return self.connection.execute(SQL["commands_since"], {"holding_id": row["id"], "generation": since}).fetchall()

    def _give_up(self, row: sqlite3.Row, step: Step, generation: int, commands: Iterable[sqlite3.Row]) -> set[str]:
        """Voids what was not sent of the step in force, because it is not wanted any more. A removal for an earlier
        identity is still wanted. Returns the states of its commands as they are now."""
        states, wanted = set(), False
        for one in _of(commands, step, generation):
            if one["state"] in UNSENT:
                self.connection.execute(SQL["void"], {"id": one["id"], "reason": OPPOSITE_CAME, "now": self.now})
                self.together.moved(one["id"], State(one["state"]), State.VOID, OPPOSITE_CAME)
                self.tally.voided += 1
                states.add(State.VOID.value)
            else:
                states.add(one["state"])
                wanted = wanted or not one["superseded"]
        if wanted:
            place = {"holding_id": row["id"], "step": step.value, "generation": generation}
            self.connection.execute(SQL["supersede"], place)
        return states

    def _values_differ(self, row: sqlite3.Row) -> bool:
        """Whether the identity really changed: the same change recorded twice counts once."""
        return bool(json.loads(row["identity"]) != dict(self.planned.values))

    def _event(self, holding_id: int, kind: EventKind, was: str | None, became: str) -> None:
        change = self.planned.change
        self.together.note(
            kind,
            customer_id=int(self.seen.customer_id),
            holding_id=holding_id,
            item_id=int(change.item_id) if change.item_id else None,
            was=was,
            became=became,
            detail=change.reason.value if change.reason else None,
        )


def _of(commands: Iterable[sqlite3.Row], step: Step, generation: int) -> list[sqlite3.Row]:
    return [one for one in commands if one["step"] == step and one["generation"] >= generation]
