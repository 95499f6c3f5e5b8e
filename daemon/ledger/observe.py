"""Loop 1's half of the ledger: what is known of a customer, and recording what a comparison wants, in one transaction.

`sqlite.py` runs these in the writing thread.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ..changes import Draft, HoldingKey, Known, Observation, PlannedChange, Turn
from ..model import TOUCHED, PerkKind, Profile, State, Step
from . import convert, events
from .base import Recorded
from .convert import micros
from .queries import SQL

OPPOSITE_CAME = "the opposite change came before it was sent"


def known(connection: sqlite3.Connection, customer_id: str, players: Callable[[Profile], Iterable[str]]) -> Known:
    ids = {"customer_id": int(customer_id)}
    row = connection.execute(SQL["profile"], ids).fetchone()
    profile = Profile(customer_id, str(row["store_id"]), json.loads(row["profile"])) if row else None
    items = [convert.known_item(found) for found in connection.execute(SQL["items"], ids)]
    names = json.dumps(sorted(set(players(profile)))) if profile else "[]"
    holdings = []
    for found in connection.execute(SQL["holdings"], {**ids, "players": names}).fetchall():
        behind = connection.execute(SQL["supports"], {"holding_id": found["id"]})
        holdings.append(convert.holding(found, tuple(map(convert.support, behind))))
    return Known(
        customer_id=customer_id,
        profile=profile,
        items={item.item.id: item for item in items},
        holdings=tuple(holdings),
        incomplete=bool(connection.execute(SQL["incomplete"], ids).fetchone()[0]),
    )


def put_profile(connection: sqlite3.Connection, profile: Profile, now: int) -> None:
    connection.execute(
        SQL["put_customer"],
        {
            "customer_id": int(profile.customer_id),
            "store_id": int(profile.store_id),
            "profile": convert.to_json(profile.values),
            "name": profile.display_name,
            "now": now,
        },
    )


def record(connection: sqlite3.Connection, seen: Observation) -> Recorded:
    """Everything of one observation. The order matters: the brake last, so that it also stops what this one planned."""
    now, customer_id = micros(seen.at), int(seen.customer_id)
    if seen.profile is not None:
        put_profile(connection, seen.profile, now)
    for item in seen.changes.items:
        connection.execute(SQL["put_item"], convert.item_row(item))
        slug = {"slug": item.item.slug, "product_id": int(item.item.product_id), "now": now}
        if item.item.slug:
            connection.execute(SQL["bind_slug"], slug)
    for found in seen.changes.notes:
        events.note(connection, now, found.kind, customer_id=customer_id, item_id=int(found.item_id), detail=found.text)
    tally = _Tally()
    for planned in seen.planned:
        _Turning(connection, seen, planned, now, tally).apply()
    if seen.braked is not None:
        connection.execute(SQL["put_brake"], {"now": now, "reason": seen.braked})
        events.note(connection, now, "brake_on", customer_id=customer_id, detail=seen.braked)
        stopped = connection.execute(SQL["brake_planned"], {"reason": f"the brake is on: {seen.braked}"})
        tally.blocked += events.moved(
            connection, now, [row["id"] for row in stopped.fetchall()], "planned", "blocked", "brake"
        )
    connection.execute(
        SQL["compared"],
        {
            "customer_id": customer_id,
            "read_at": micros(seen.read_at),
            "digest": seen.digest,
            "etag": seen.etag,
            "catalogue": seen.catalogue,
            "recheck_at": micros(seen.changes.recheck_at),
            "deadline_at": micros(seen.changes.deadline_at),
        },
    )
    return Recorded(tally.planned, tally.blocked, tally.voided, frozenset(tally.servers))


@dataclass(slots=True)
class _Tally:
    planned: int = 0
    blocked: int = 0
    voided: int = 0
    servers: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Turning:
    """One holding's turn: laws 8 and 10, decided on the command states as they are in this very transaction."""

    connection: sqlite3.Connection
    seen: Observation
    planned: PlannedChange
    now: int
    tally: _Tally

    def apply(self) -> None:
        change = self.planned.change
        row = self._holding()
        match change.turn:
            case Turn.OPEN | Turn.ADOPT:
                row = row or self._put_holding("adopted" if change.turn is Turn.ADOPT else "ended")
                if change.turn is Turn.OPEN and row["state"] != "held":
                    self._open(row)
            case Turn.END if row is not None and row["state"] == "held":
                self._end(row)
            case Turn.REGRANT if row is not None and row["state"] == "held":
                self._revoke_step(row)
                self._grant_step(row)
            case _:
                pass
        if row is not None:
            self._put_supports(row["id"])

    def _open(self, row: sqlite3.Row) -> None:
        """Grants, unless the perk is still in place because its removal was never sent."""
        if row["ended"]:
            voided = self._void(row["id"], Step.REVOKE, row["ended"])
            removal = self._states(row["id"], Step.REVOKE, row["ended"])
            grant = self._states(row["id"], Step.GRANT, row["opened"])
            self._supersede(row["id"], Step.REVOKE)
            if voided and not (removal & TOUCHED) and grant & TOUCHED and State.VOID not in grant:
                self.connection.execute(SQL["hold_again"], {"id": row["id"]})
                self.connection.execute(SQL["want_again"], {"holding_id": row["id"], "generation": row["opened"]})
                self._event(row["id"], "removal_voided", "ended", "held")
                return
        self._grant_step(row)

    def _grant_step(self, row: sqlite3.Row) -> None:
        change = self.planned.change
        generation = self._next_generation(row["id"])
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
        self._event(row["id"], "grant", row["state"], "held")
        self._put_commands(row["id"], generation, self.planned.grant)

    def _end(self, row: sqlite3.Row) -> None:
        generation = self._revoke_step(row)
        self.connection.execute(SQL["end_holding"], {"id": row["id"], "generation": generation, "now": self.now})

    def _revoke_step(self, row: sqlite3.Row) -> int:
        """Voids what was not sent; plans the whole revoke only if anything of the grant may have reached the game."""
        self._void(row["id"], Step.GRANT, row["opened"])
        touched = self._states(row["id"], Step.GRANT, row["opened"]) & TOUCHED
        self._supersede(row["id"], Step.GRANT)
        generation = self._next_generation(row["id"])
        self._event(row["id"], "removal", self.planned.change.cause.value, "planned" if touched else "not needed")
        if touched:
            self._put_commands(row["id"], generation, self.planned.revoke)
        return generation

    def _put_commands(self, holding_id: int, generation: int, drafts: Sequence[Draft]) -> None:
        change = self.planned.change
        due_at = self.now
        for draft in drafts:
            after_us = round(draft.after_s * 1_000_000)
            due_at += after_us
            row = self.connection.execute(
                SQL["put_command"],
                {
                    "holding_id": holding_id,
                    **self._key(change.key, change.perk),
                    "customer_id": int(self.seen.customer_id),
                    "item_id": int(change.item_id or 0),
                    "step": draft.step.value,
                    "generation": generation,
                    "position": draft.position,
                    "text": draft.text,
                    "state": draft.state.value,
                    "hold": draft.hold.value if draft.hold else None,
                    "reason": draft.reason,
                    "cause": change.cause.value,
                    "end_reason": change.reason.value if change.reason else None,
                    "filled": convert.to_json(draft.values),
                    "repeatable": draft.repeatable,
                    "online": draft.online,
                    "strict": draft.strict,
                    "success": draft.success,
                    "failure": draft.failure,
                    "after_us": after_us,
                    "now": self.now,
                    "due_at": due_at,
                },
            ).fetchone()
            if row is None:
                continue  # the key is there: recording twice is recording once
            events.moved(self.connection, self.now, [row["id"]], None, draft.state.value, draft.reason)
            if draft.state is State.PLANNED:
                self.tally.planned += 1
                self.tally.servers.add(change.key.server)
            else:
                self.tally.blocked += 1

    def _put_supports(self, holding_id: int) -> None:
        for support in self.planned.change.supports:
            self.connection.execute(
                SQL["put_support"],
                {
                    "holding_id": holding_id,
                    "item_id": int(support.item_id),
                    "customer_id": int(support.customer_id),
                    "perk": support.perk,
                    "live": support.live,
                    "joined_at": micros(support.joined_at),
                    "started_at": micros(support.started_at),
                    "ends_at": micros(support.ends_at),
                    "now": self.now,
                },
            )

    def _holding(self) -> sqlite3.Row | None:
        key = self.planned.change.key
        row: sqlite3.Row | None = self.connection.execute(
            SQL["holding"],
            {"player": key.player, "effect": key.effect, "server": key.server, "item_id": int(key.item_id or 0)},
        ).fetchone()
        return row

    def _put_holding(self, state: str) -> sqlite3.Row:
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
                "state": state,
                "identity": convert.to_json(self.planned.values),
                "now": self.now,
            },
        ).fetchall()
        row = self._holding()
        assert row is not None  # noqa: S101 - inserted a line above, in this transaction
        if state == "adopted":
            self._event(row["id"], "adopted", None, "adopted")
        return row

    def _void(self, holding_id: int, step: Step, generation: int) -> int:
        rows = self.connection.execute(
            SQL["void_unsent"],
            {
                "holding_id": holding_id,
                "step": step.value,
                "generation": generation,
                "reason": OPPOSITE_CAME,
                "now": self.now,
            },
        ).fetchall()
        count = events.moved(self.connection, self.now, [row["id"] for row in rows], "unsent", "void", OPPOSITE_CAME)
        self.tally.voided += count
        return count

    def _states(self, holding_id: int, step: Step, generation: int) -> set[State]:
        rows = self.connection.execute(
            SQL["step_states"], {"holding_id": holding_id, "step": step.value, "generation": generation}
        )
        return {State(row["state"]) for row in rows}

    def _supersede(self, holding_id: int, step: Step) -> None:
        self.connection.execute(SQL["supersede"], {"holding_id": holding_id, "step": step.value})

    def _next_generation(self, holding_id: int) -> int:
        change = self.planned.change
        key = {"holding_id": holding_id, **self._key(change.key, change.perk)}
        generation: int = self.connection.execute(SQL["next_generation"], key).fetchone()[0]
        return generation

    @staticmethod
    def _key(key: HoldingKey, perk: str) -> dict[str, object]:
        return {"player": key.player, "perk": perk, "server": key.server, "key_item": int(key.item_id or 0)}

    def _event(self, holding_id: int, kind: str, was: str | None, became: str) -> None:
        change = self.planned.change
        events.note(
            self.connection,
            self.now,
            kind,
            customer_id=int(self.seen.customer_id),
            holding_id=holding_id,
            item_id=int(change.item_id) if change.item_id else None,
            was=was,
            became=became,
            detail=change.reason.value if change.reason else None,
        )
