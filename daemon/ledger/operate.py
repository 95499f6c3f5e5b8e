"""What an operator changes: retry, done, skip, the brake, tokens and customers, a new config.

`sqlite.py` runs these functions in the writing thread.
"""

import json
import sqlite3
from collections.abc import Sequence

from pydantic import TypeAdapter

from ..config import TokenEntry
from ..core import places
from ..core.changes import Catalogue, Draft, EventKind
from ..core.model import TRANSITIONS, Perk, PerkKind, Profile, Server, State, Step
from ..core.queue_lines import STORE_PERK
from . import attempts, convert, deliver, events, observe
from .base import LedgerCode, NotPossible
from .convert import moment
from .queries import SQL
from .rows import RemovedBy, TokenSource

PERK: TypeAdapter[Perk] = TypeAdapter(Perk)


# --- commands ---------------------------------------------------------------------------------------------------------


def retry(connection: sqlite3.Connection, command_id: int, draft: Draft, now: int) -> str:
    row = _to(connection, command_id, State.PLANNED, "retried")
    if row["superseded"]:
        raise NotPossible(
            LedgerCode.STEP_IS_OVER,
            f"command {command_id} is out of date: the perk was given or taken back again after it. To retry it would "
            f"undo that newer change. Close it with `perkd commands skip {command_id}` or "
            f"`perkd commands done {command_id}`",
        )
    if draft.state is not State.PLANNED:
        raise NotPossible(
            LedgerCode.BLOCKED_AGAIN, f"perkd cannot send command {command_id}, it would block again: {draft.reason}"
        )
    key = {"holding_id": row["holding_id"], **{k: row[k] for k in ("player", "perk", "place", "key_item")}}
    generation = connection.execute(SQL["next_generation"], key).fetchone()[0]
    connection.execute(
        SQL["retry"],
        {
            "id": command_id,
            "text": draft.text,
            "source": draft.source,
            "identity": convert.to_json(draft.identity),
            "filled": convert.to_json(draft.values),
            "generation": generation,
            "repeatable": draft.repeatable,
            "online_us": convert.microseconds(draft.online_s),
            "strict": draft.strict,
            "success": draft.success,
            "failure": draft.failure,
            "now": now,
        },
    )
    events.moved(connection, now, [command_id], State(row["state"]), State.PLANNED, "retried by the operator")
    _free_rest(connection, row, now)
    return str(row["server"])


def close_command(connection: sqlite3.Connection, command_id: int, state: State, now: int) -> str:
    if state not in (State.DELIVERED, State.VOID):
        raise NotPossible(
            LedgerCode.NOT_IN_THIS_STATE, f"an operator can close a command as delivered or void, not as {state}"
        )
    word = "done" if state is State.DELIVERED else "skip"
    row = _to(connection, command_id, state, "closed")
    said = f"closed by the operator: {word}"
    connection.execute(SQL["close_command"], {"id": command_id, "state": state.value, "reason": said, "now": now})
    events.moved(connection, now, [command_id], State(row["state"]), state, said)
    _free_rest(connection, row, now)
    deliver.delay_next(connection, row, now)
    if row["step"] == Step.GRANT:
        deliver.delivered(connection, row["holding_id"], now)
    return str(row["server"])


def _to(connection: sqlite3.Connection, command_id: int, state: State, word: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(SQL["command"], {"id": command_id}).fetchone()
    if row is None:
        raise NotPossible(
            LedgerCode.NO_COMMAND, f"there is no command {command_id}: run `perkd commands list` to see all commands"
        )
    was = State(row["state"])
    if was is State.PLANNED and state is State.VOID and row["perk"] == STORE_PERK:
        return row  # nothing else ever voids such a command: if its player never comes, it would wait for ever
    if was in (State.PLANNED, State.SENDING) or (was, state) not in TRANSITIONS:
        raise NotPossible(
            LedgerCode.NOT_IN_THIS_STATE,
            f"command {command_id} is {was}: only a blocked, refused, answered or unknown command can be {word}",
        )
    return row


def _free_rest(connection: sqlite3.Connection, row: sqlite3.Row, now: int) -> None:
    freed = connection.execute(SQL["free_rest"], {**deliver.place(row), "now": now}).fetchall()
    _planned_again(connection, freed, now, "the command before it is closed or retried")
    deliver.hold_absent(connection, now)


def release_brake(connection: sqlite3.Connection, now: int) -> int:
    connection.execute(SQL["release_brake"], {"now": now})
    freed = connection.execute(SQL["plan_braked"], {"now": now}).fetchall()
    events.note(connection, now, EventKind.BRAKE_RELEASED, detail=f"{len(freed)} commands")
    _planned_again(connection, freed, now, "the brake was released")
    deliver.hold_absent(connection, now)
    return len(freed)


def _planned_again(connection: sqlite3.Connection, freed: Sequence[sqlite3.Row], now: int, why: str) -> None:
    """Records that the commands are planned again. The brake may still block them."""
    ids = [row["id"] for row in freed]
    events.moved(connection, now, ids, State.BLOCKED, State.PLANNED, why)
    deliver.braked(connection, ids, now)


# --- tokens and customers ---------------------------------------------------------------------------------------------


def sync_tokens(connection: sqlite3.Connection, entries: Sequence[TokenEntry], now: int) -> tuple[int, int]:
    before = {row["token"]: row["id"] for row in connection.execute(SQL["tokens_from_file"])}
    wanted = {entry.token.reveal(): entry for entry in entries}
    gone = before.keys() - wanted.keys()
    for token in gone:
        connection.execute(SQL["remove_token"], {"id": before[token], "by": RemovedBy.FILE, "now": now})
        events.note(connection, now, EventKind.TOKEN_REMOVED, detail=RemovedBy.FILE)
    added = sum(_put_token(connection, entry, TokenSource.FILE, None, now) for entry in wanted.values())
    return added, len(gone)


def add_token(
    connection: sqlite3.Connection, entry: TokenEntry, source: TokenSource, profile: Profile, now: int
) -> bool:
    observe.put_profile(connection, profile, now)
    customer_id = int(profile.customer_id)
    new = _put_token(connection, entry, source, customer_id, now)
    others = {"customer_id": customer_id, "token": entry.token.reveal(), "now": now}
    for _ in range(connection.execute(SQL["replace_others"], others).rowcount):
        events.note(connection, now, EventKind.TOKEN_REMOVED, customer_id=customer_id, detail=RemovedBy.REPLACED)
    return new


def _put_token(
    connection: sqlite3.Connection, entry: TokenEntry, source: TokenSource, customer_id: int | None, now: int
) -> bool:
    row = connection.execute(SQL["token"], {"token": entry.token.reveal()}).fetchone()
    connection.execute(
        SQL["put_token"],
        {
            "token": entry.token.reveal(),
            "customer_id": customer_id,
            "source": source,
            "label": entry.name or None,
            "note": entry.note or None,
            "now": now,
        },
    )
    new = row is None or row["removed_at"] is not None
    if new:
        events.note(connection, now, EventKind.TOKEN_ADDED, customer_id=customer_id, detail=source)
    return new


def identify(connection: sqlite3.Connection, token_id: int, profile: Profile, now: int) -> None:
    observe.put_profile(connection, profile, now)
    ids = {"id": token_id, "customer_id": int(profile.customer_id)}
    if connection.execute(SQL["identify_token"], ids).rowcount:  # profiles are read daily: only a change is an event
        events.note(
            connection,
            now,
            EventKind.CUSTOMER_IDENTIFIED,
            customer_id=int(profile.customer_id),
            detail=profile.display_name,
        )


def remove_customer(connection: sqlite3.Connection, customer_id: str, now: int) -> bool:
    done = connection.execute(SQL["remove_customer"], {"customer_id": int(customer_id), "now": now}).rowcount > 0
    if done:
        events.note(connection, now, EventKind.CUSTOMER_REMOVED, customer_id=int(customer_id))
    return done


# --- the config -------------------------------------------------------------------------------------------------------


def configure(
    connection: sqlite3.Connection, servers: Sequence[Server], perks: Sequence[Perk], now: int, *, adopt: bool
) -> Catalogue:
    names = json.dumps([server.name for server in servers])
    for server in servers:
        connection.execute(SQL["put_server"], {"name": server.name, "game": server.game})
    connection.execute(SQL["drop_servers"], {"names": names, "now": now})
    for perk in perks:
        _put_perk(connection, perk)
    connection.execute(SQL["drop_perks"], {"names": json.dumps([perk.name for perk in perks]), "now": now})
    every = tuple(server.name for server in servers)
    _put_places(connection, every, perks)
    deliver.hold_absent(connection, now)
    back = connection.execute(SQL["unblock_servers"], {"now": now}).fetchall()
    _planned_again(connection, back, now, "the server is back")
    attempts.hold_lines(connection, (server.name for server in servers if not server.run_store_commands), now)
    for perk in perks:
        for pair in places.pairs_of(perk, every):
            connection.execute(SQL["put_pair"], {"perk": perk.name, "server": pair, "since": now})
    return catalogue(connection, servers, perks, adopt=adopt)


def catalogue(
    connection: sqlite3.Connection, servers: Sequence[Server], perks: Sequence[Perk], *, adopt: bool
) -> Catalogue:
    """Today's perks and what the ledger knows about them. `perkd plan` uses it too; it only reads."""
    games = {row["name"]: row["game"] for row in connection.execute(SQL["servers"])}
    for row in connection.execute(SQL["places"]):
        if row["server"] in games:
            games.setdefault(row["label"], games[row["server"]])
    created = int(connection.execute(SQL["meta"], {"key": "created_at"}).fetchone()["value"])
    current = {perk.name: perk for perk in perks}
    retired = {row["name"]: PERK.validate_json(row["definition"]) for row in connection.execute(SQL["retired_perks"])}
    return Catalogue(
        perks=current,
        retired={name: perk for name, perk in retired.items() if name not in current},
        servers=tuple(server.name for server in servers),
        cutoffs={
            (row["perk"], row["server"]): moment(max(row["since"], created)) for row in connection.execute(SQL["pairs"])
        },
        slugs={row["slug"]: str(row["product_id"]) for row in connection.execute(SQL["slugs"])},
        adopt=adopt,
        games=games,
        chosen={server.paynow_id: server.name for server in servers if server.paynow_id},
    )


def _put_places(connection: sqlite3.Connection, every: tuple[str, ...], perks: Sequence[Perk]) -> None:
    """Each server is a place of its own. The labels come from today's perks and from holdings at other places."""
    connection.execute(SQL["forget_places"])
    labels = {place for perk in perks for place in places.places_of(perk, every)}
    labels |= {row["name"] for row in connection.execute(SQL["servers"])}
    labels |= {row["label"] for row in connection.execute(SQL["labels"])}
    rows = [{"label": label, "server": server} for label in sorted(labels) for server in places.members(label)]
    connection.executemany(SQL["put_place"], rows)


def _put_perk(connection: sqlite3.Connection, perk: Perk) -> None:
    before = connection.execute(SQL["perk_kind"], {"name": perk.name}).fetchone()
    if before is None and perk.was:  # after the rename `was` may stay in the config
        before = connection.execute(SQL["perk_kind"], {"name": perk.was}).fetchone()
        if before is not None:
            _rename(connection, perk)
    if before is not None and before["kind"] != perk.kind.value:
        # A perk of another kind counts as a new perk with new cut-offs. Else old purchases would be given as kits.
        connection.execute(SQL["forget_pairs"], {"perk": perk.name})
    elif before is not None and perk.kind is PerkKind.LASTING:
        effect = PERK.validate_json(before["definition"]).effect
        if effect != perk.effect:  # holdings move to the new effect; else the end of the old one would take them away
            connection.execute(SQL["move_effect"], {"name": perk.name, "was": effect, "effect": perk.effect})
    definition = PERK.dump_json(perk).decode()
    connection.execute(SQL["put_perk"], {"name": perk.name, "kind": perk.kind.value, "definition": definition})


def _rename(connection: sqlite3.Connection, perk: Perk) -> None:
    """Moves the holdings, cut-offs and keys of the old name (`was`) to the new name."""
    effect = perk.effect if perk.kind is PerkKind.LASTING else perk.name  # as HoldingKey has it
    words = {"name": perk.name, "was": perk.was, "effect": effect}
    for query in ("rename_pairs", "rename_supports", "rename_commands", "rename_holdings"):
        connection.execute(SQL[query], words)
    connection.execute(SQL["forget_perk"], {"name": perk.was})
