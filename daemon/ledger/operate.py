"""The operator's writes: retry, done, skip, the brake, tokens and customers, and making a new config known.

`sqlite.py` runs these in the writing thread.
"""

import json
import sqlite3
from collections.abc import Sequence

from pydantic import TypeAdapter

from ..changes import Catalogue, Draft
from ..model import TRANSITIONS, Perk, Profile, Server, State
from ..tokensfile import TokenEntry
from . import convert, deliver, events, observe
from .base import NotPossible
from .convert import moment
from .queries import SQL

PERK: TypeAdapter[Perk] = TypeAdapter(Perk)


# --- commands ---------------------------------------------------------------------------------------------------------


def retry(connection: sqlite3.Connection, command_id: int, draft: Draft, now: int) -> str:
    row = _to(connection, command_id, State.PLANNED, "retried")
    if row["superseded"]:
        raise NotPossible(
            f"command {command_id} belongs to a step that is over: the opposite change came. Retrying it would undo "
            "what is wanted now; `perkd commands skip` or `done` closes it"
        )
    key = {"holding_id": row["holding_id"], **{k: row[k] for k in ("player", "perk", "server", "key_item")}}
    generation = connection.execute(SQL["next_generation"], key).fetchone()[0]
    connection.execute(
        SQL["retry"],
        {
            "id": command_id,
            "state": draft.state.value,
            "text": draft.text,
            "filled": convert.to_json(draft.values),
            "generation": generation,
            "hold": draft.hold.value if draft.hold else None,
            "reason": draft.reason,
            "repeatable": draft.repeatable,
            "strict": draft.strict,
            "success": draft.success,
            "failure": draft.failure,
            "now": now,
        },
    )
    events.moved(connection, now, [command_id], row["state"], draft.state.value, "the operator said retry")
    _free_rest(connection, row, now)
    return str(row["server"])


def close_command(connection: sqlite3.Connection, command_id: int, state: State, now: int) -> str:
    word = "done" if state is State.DELIVERED else "skip"
    row = _to(connection, command_id, state, "closed")
    said = f"the operator said {word}"
    connection.execute(SQL["close_command"], {"id": command_id, "state": state.value, "reason": said, "now": now})
    events.moved(connection, now, [command_id], row["state"], state.value, said)
    _free_rest(connection, row, now)
    deliver.delivered(connection, row["holding_id"], now)
    return str(row["server"])


def _to(connection: sqlite3.Connection, command_id: int, state: State, word: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(SQL["command"], {"id": command_id}).fetchone()
    if row is None:
        raise NotPossible(f"there is no command {command_id}: `perkd commands list` shows them")
    was = State(row["state"])
    if was in (State.PLANNED, State.SENDING) or (was, state) not in TRANSITIONS:
        raise NotPossible(
            f"command {command_id} is {was}: only blocked, refused, answered and unknown commands can be {word}"
        )
    return row


def _free_rest(connection: sqlite3.Connection, row: sqlite3.Row, now: int) -> None:
    freed = connection.execute(SQL["free_rest"], {"holding_id": row["holding_id"], "step": row["step"], "now": now})
    events.moved(connection, now, [found["id"] for found in freed.fetchall()], "blocked", "planned")


def release_brake(connection: sqlite3.Connection, now: int) -> int:
    connection.execute(SQL["release_brake"], {"now": now})
    freed = connection.execute(SQL["plan_braked"], {"now": now}).fetchall()
    events.note(connection, now, "brake_released", detail=f"{len(freed)} commands")
    return events.moved(connection, now, [row["id"] for row in freed], "blocked", "planned", "the brake was released")


# --- tokens and customers ---------------------------------------------------------------------------------------------


def sync_tokens(connection: sqlite3.Connection, entries: Sequence[TokenEntry], now: int) -> tuple[int, int]:
    before = {row["token"]: row["id"] for row in connection.execute(SQL["tokens_from_file"])}
    wanted = {entry.token.reveal(): entry for entry in entries}
    for token in before.keys() - wanted.keys():
        connection.execute(SQL["remove_token"], {"id": before[token], "now": now})
    for entry in wanted.values():
        _put_token(connection, entry, "file", None, now)
    return len(wanted.keys() - before.keys()), len(before.keys() - wanted.keys())


def add_token(connection: sqlite3.Connection, entry: TokenEntry, source: str, profile: Profile, now: int) -> bool:
    observe.put_profile(connection, profile, now)
    return _put_token(connection, entry, source, int(profile.customer_id), now)


def _put_token(
    connection: sqlite3.Connection, entry: TokenEntry, source: str, customer_id: int | None, now: int
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
        events.note(connection, now, "token_added", customer_id=customer_id, detail=source)
    return new


def identify(connection: sqlite3.Connection, token_id: int, profile: Profile, now: int) -> None:
    observe.put_profile(connection, profile, now)
    connection.execute(SQL["identify_token"], {"id": token_id, "customer_id": int(profile.customer_id)})
    events.note(
        connection, now, "customer_identified", customer_id=int(profile.customer_id), detail=profile.display_name
    )


def remove_customer(connection: sqlite3.Connection, customer_id: str, now: int) -> bool:
    done = connection.execute(SQL["remove_customer"], {"customer_id": int(customer_id), "now": now}).rowcount > 0
    if done:
        events.note(connection, now, "customer_removed", customer_id=int(customer_id))
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
    left = connection.execute(SQL["block_absent_servers"], {"names": names}).fetchall()
    events.moved(connection, now, [row["id"] for row in left], "planned", "blocked", "the server left the config")
    back = connection.execute(SQL["unblock_servers"], {"names": names, "now": now}).fetchall()
    events.moved(connection, now, [row["id"] for row in back], "blocked", "planned", "the server is back")
    every = tuple(server.name for server in servers)
    for perk in perks:
        for name in every if perk.servers == ("*",) else perk.servers:
            connection.execute(SQL["put_pair"], {"perk": perk.name, "server": name, "since": now})
    return catalogue(connection, servers, perks, adopt=adopt)


def catalogue(
    connection: sqlite3.Connection, servers: Sequence[Server], perks: Sequence[Perk], *, adopt: bool
) -> Catalogue:
    """Today's perks with what the ledger remembers; also for `plan`, which only reads."""
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
        games={row["name"]: row["game"] for row in connection.execute(SQL["servers"])},
    )


def _put_perk(connection: sqlite3.Connection, perk: Perk) -> None:
    if perk.was and connection.execute(SQL["perk_kind"], {"name": perk.was}).fetchone():
        _rename(connection, perk)
    before = connection.execute(SQL["perk_kind"], {"name": perk.name}).fetchone()
    if before is not None and before["kind"] != perk.kind.value:
        # Another kind is another perk: its cut-offs start now, or old purchases would be given as kits.
        connection.execute(SQL["forget_pairs"], {"perk": perk.name})
    definition = PERK.dump_json(perk).decode()
    connection.execute(SQL["put_perk"], {"name": perk.name, "kind": perk.kind.value, "definition": definition})


def _rename(connection: sqlite3.Connection, perk: Perk) -> None:
    """`was`: the holdings, cut-offs and keys of the old name go on under the new one."""
    if connection.execute(SQL["perk_kind"], {"name": perk.name}).fetchone():
        return  # renamed already: the config still says so, harmlessly
    words = {"name": perk.name, "was": perk.was, "effect": perk.effect}
    for query in ("rename_pairs", "rename_supports", "rename_commands", "rename_holdings"):
        connection.execute(SQL[query], words)
    connection.execute(SQL["forget_perk"], {"name": perk.was})
