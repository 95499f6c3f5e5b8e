"""Makes the config known to the ledger: servers, perks, cut-offs, places, renames.

`ledger.py` runs it in one transaction.
"""

import json
import sqlite3
from collections.abc import Sequence

from pydantic import TypeAdapter

from ..core import places
from ..core.changes import Catalogue
from ..core.model import Perk, PerkKind, Server
from . import queue, steps
from .convert import moment
from .sqlite.queries import SQL

PERK: TypeAdapter[Perk] = TypeAdapter(Perk)


def configure(
    db: sqlite3.Connection, servers: Sequence[Server], perks: Sequence[Perk], now: int, *, adopt: bool
) -> Catalogue:
    names = json.dumps([server.name for server in servers])
    for server in servers:
        db.execute(SQL["put_server"], {"name": server.name, "game": server.game})
    db.execute(SQL["drop_servers"], {"names": names, "now": now})
    for perk in perks:
        _put_perk(db, perk)
    db.execute(SQL["drop_perks"], {"names": json.dumps([perk.name for perk in perks]), "now": now})
    every = tuple(server.name for server in servers)
    _put_places(db, every, perks)
    steps.block_for_absent_servers(db, now)
    back = db.execute(SQL["unblock_servers"], {"now": now}).fetchall()
    steps.planned_again(db, back, now, "the server is back")
    queue.block_lines(db, (server.name for server in servers if not server.run_store_commands), now)
    for perk in perks:
        for pair in places.pairs_of(perk, every):
            db.execute(SQL["put_pair"], {"perk": perk.name, "server": pair, "since": now})
    return catalogue(db, servers, perks, adopt=adopt)


def catalogue(db: sqlite3.Connection, servers: Sequence[Server], perks: Sequence[Perk], *, adopt: bool) -> Catalogue:
    """Today's perks and what the ledger knows about them. `perkd plan` uses it too; it only reads."""
    games = {row["name"]: row["game"] for row in db.execute(SQL["servers"])}
    for row in db.execute(SQL["places"]):
        if row["server"] in games:
            games.setdefault(row["label"], games[row["server"]])
    created = int(db.execute(SQL["meta"], {"key": "created_at"}).fetchone()["value"])
    current = {perk.name: perk for perk in perks}
    retired = {row["name"]: PERK.validate_json(row["definition"]) for row in db.execute(SQL["retired_perks"])}
    return Catalogue(
        perks=current,
        retired={name: perk for name, perk in retired.items() if name not in current},
        servers=tuple(server.name for server in servers),
        cutoffs={(row["perk"], row["server"]): moment(max(row["since"], created)) for row in db.execute(SQL["pairs"])},
        slugs={row["slug"]: str(row["product_id"]) for row in db.execute(SQL["slugs"])},
        adopt=adopt,
        games=games,
        chosen={server.paynow_id: server.name for server in servers if server.paynow_id},
    )


def _put_places(db: sqlite3.Connection, every: tuple[str, ...], perks: Sequence[Perk]) -> None:
    """Each server is a place of its own. The labels come from today's perks and from holdings at other places."""
    db.execute(SQL["forget_places"])
    labels = {place for perk in perks for place in places.places_of(perk, every)}
    labels |= {row["name"] for row in db.execute(SQL["servers"])}
    labels |= {row["label"] for row in db.execute(SQL["labels"])}
    rows = [{"label": label, "server": server} for label in sorted(labels) for server in places.members(label)]
    db.executemany(SQL["put_place"], rows)


def _put_perk(db: sqlite3.Connection, perk: Perk) -> None:
    before = db.execute(SQL["perk_kind"], {"name": perk.name}).fetchone()
    if before is None and perk.was:  # after the rename `was` may stay in the config
        before = db.execute(SQL["perk_kind"], {"name": perk.was}).fetchone()
        if before is not None:
            _rename(db, perk)
    if before is not None and before["kind"] != perk.kind.value:
        # A perk of another kind counts as a new perk with new cut-offs. Else old purchases would be given as kits.
        db.execute(SQL["forget_pairs"], {"perk": perk.name})
    elif before is not None and perk.kind is PerkKind.LASTING:
        effect = PERK.validate_json(before["definition"]).effect
        if effect != perk.effect:  # holdings move to the new effect; else the end of the old one would take them away
            db.execute(SQL["move_effect"], {"name": perk.name, "was": effect, "effect": perk.effect})
    definition = PERK.dump_json(perk).decode()
    db.execute(SQL["put_perk"], {"name": perk.name, "kind": perk.kind.value, "definition": definition})


def _rename(db: sqlite3.Connection, perk: Perk) -> None:
    """Moves the holdings, cut-offs and keys of the old name (`was`) to the new name."""
    effect = perk.effect if perk.kind is PerkKind.LASTING else perk.name  # as HoldingKey has it
    words = {"name": perk.name, "was": perk.was, "effect": effect}
    for query in ("rename_pairs", "rename_supports", "rename_commands", "rename_holdings"):
        db.execute(SQL[query], words)
    db.execute(SQL["forget_perk"], {"name": perk.was})
