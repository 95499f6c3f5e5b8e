"""Writes a large ledger of the first schema (0001), as years of use leave one: the same rows for the same numbers.

`tests/bench` measures with it, and a contract test migrates it. Everything is plain SQL in one transaction: 100,000
customers with their history take less than a minute, a thousand well under a second. The customers, their tokens and
their items are those that the store of `tests/bench/shop.py` has.
"""

import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from perkd.adapters import ADAPTERS
from perkd.daemon.config import SecretSources, Settings, load
from perkd.daemon.core import places
from perkd.daemon.core.changes import Hold
from perkd.daemon.core.model import Perk, State
from perkd.daemon.ledger.convert import micros
from perkd.daemon.ledger.sqlite.migrate import SCHEMA
from tests.bench.shop import ADDED, ENDS, FIRST_ITEM, STORE_ID, customer_id, gameserver_id, token

LEDGER_ID: Final = "5b1e0a1c-7d1f-4a52-9a53-0b1c2d3e4f50"
BORN: Final = datetime(2025, 12, 1, tzinfo=UTC)  # before any of the items was bought
SERVERS: Final = ("survival", "creative", "lobby", "skyblock")  # by the last number of their id in the store
ROWS: Final = Path(__file__).with_suffix(".sql")
ODD_EVERY: Final = 500  # one customer in so many has a command in each of the states in `ODD`
LINES: Final = 0.05  # lines of the store's queues for each customer
FIRST_ATTEMPT: Final = 1 << 58

CONFIG: Final = """
[[perk]]
name = "vip"
kind = "lasting"
products = ["product-0"]
servers = ["survival", "creative"]
grant = ["lp user {uuid} parent add vip"]
revoke = ["lp user {uuid} parent remove vip"]
[[perk]]
name = "kit"
kind = "once"
products = ["product-1"]
servers = "chosen"
grant = ["give {name} iron_sword 1", "give {name} bread 16"]
online = true
[[perk]]
name = "builder"
kind = "lasting"
products = ["product-2"]
servers = { where_online = ["creative", "lobby"] }
grant = ["lp user {uuid} parent add builder"]
revoke = ["lp user {uuid} parent remove builder"]
""" + "".join(
    f"""
[[server]]
name = "{name}"
game = "minecraft"
address = "127.0.0.1:9"
password = "x"
paynow_id = "{gameserver_id(number)}"
"""
    for number, name in enumerate(SERVERS)
)

_HELD: Final[dict[Hold, dict[str, object]]] = {
    Hold.VALUE: {"text": "lp user {uuid} parent add vip"},
    Hold.BRAKE: {"step": "revoke", "cause": "stated", "end_reason": "chargeback"},
    Hold.ABSENT: {"step": "revoke", "cause": "absent", "end_reason": "absent"},
    Hold.GIFT: {"step": "revoke", "cause": "stated", "end_reason": "refund"},
    Hold.SERVER: {"place": "gone", "server": "gone"},
    Hold.CHOSEN: {"place": "chosen:77", "server": "chosen:77"},
    Hold.STEP: {"position": 1},
}
_NEVER_SENT: Final = {"attempts": 0, "sent_at": None, "settled_at": None, "reply": None}
# What a few of the newest commands of vip on survival have become, as columns of `commands`.
ODD: Final[tuple[dict[str, object], ...]] = (
    *(
        {"state": State.BLOCKED, "hold": hold, "reason": f"blocked: {hold}", **_NEVER_SENT, **more}
        for hold, more in _HELD.items()
    ),
    {"state": State.PLANNED, **_NEVER_SENT},
    {"state": State.PLANNED, "absent": 1, "reply": "No player was found", "settled_at": None},
    {"state": State.SENDING, "reply": None, "settled_at": None},
    {"state": State.REFUSED, "reply": "Unknown or incomplete command, see below for error"},
    {"state": State.ANSWERED, "reply": "Something that no rule recognises"},
    {"state": State.UNKNOWN, "reply": None, "doubts": 5, "repeatable": 0},
    {"state": State.UNKNOWN, "reply": None, "doubts": 1, "settled_at": None},
    {"state": State.VOID, **_NEVER_SENT, "superseded": 1},
)


def config(path: Path, *parts: str) -> Path:
    """The configuration of this ledger with whole tables on top, as a private file."""
    path.touch(mode=0o600)
    path.write_text("\n".join(parts) + CONFIG)
    return path


def read(path: Path) -> Settings:
    return load(path, ADAPTERS, SecretSources.of({}), need_secrets=True)


def write(
    path: Path,
    customers: int = 100_000,
    now: datetime | None = None,
    *,
    items: int = 3,
    holders: int | None = None,
    events: bool = True,
    digest: Callable[[int], bytes] = lambda number: b"\2" + bytes(8) + number.to_bytes(16, "big"),
    catalogue: str = "",
) -> None:
    """A new ledger at `path`, with its marker. `holders`: how many of the customers have holdings and commands (None:
    all). Without `items` nobody was read yet.
    `digest`: of each customer's newest inventory; `catalogue`: of the config they were compared with."""
    now, holders = now or datetime.now(UTC), customers if holders is None else holders
    schema = next(file for file in SCHEMA.iterdir() if file.name.startswith("0001")).read_text("utf-8")
    tables, *indexes = schema.split("CREATE INDEX ")  # an index that is made last is made quickly
    later = [index.partition(";") for index in indexes]
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.create_function("token", 1, token, deterministic=True)
        db.create_function("digest", 1, digest, deterministic=True)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -262144", "temp_store = MEMORY"):
            db.execute(f"PRAGMA {pragma}")
        db.executescript(tables + "".join(after for _, _, after in later))
        db.execute("BEGIN")
        db.execute("INSERT INTO meta VALUES ('ledger_id', ?), ('created_at', ?)", (LEDGER_ID, str(micros(BORN))))
        known: dict[str, object] = {
            "customers": customers,
            "now": micros(now),
            "born": micros(BORN),
            "added": micros(datetime.fromisoformat(ADDED)),
            "ends": micros(datetime.fromisoformat(ENDS)),
            "first_customer": customer_id(0),
            "first_gameserver": int(gameserver_id(0)),
            "first_item": FIRST_ITEM,
            "first_attempt": FIRST_ATTEMPT,
            "store": STORE_ID,
            "items": items,
            "holders": holders,
            "lines": round(holders * LINES),
            "catalogue": catalogue,
        }
        _configured(db, micros(BORN))
        _run(db, "people", known)
        if items:
            _run(db, "inventories", known)
        if holders:
            _run(db, "history", known)
            _odd(db, holders)
        if events:
            _run(db, "events", known)
        for index, _, _ in later:
            db.execute(f"CREATE INDEX {index}")
        db.execute("COMMIT")
        db.execute("PRAGMA user_version = 1")
        db.execute("PRAGMA journal_mode = WAL")
    path.with_name("ledger.id").write_text(LEDGER_ID + "\n")


def _run(db: sqlite3.Connection, section: str, known: dict[str, object]) -> None:
    text = ROWS.read_text("utf-8").partition(f"-- section: {section}\n")[2].partition("-- section: ")[0]
    for statement in text.split(";\n"):
        db.execute(statement, known)


def _configured(db: sqlite3.Connection, at: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = read(config(Path(folder) / "config.toml"))
    every = tuple(server.name for server in settings.servers)
    perks = settings.perks
    db.executemany("INSERT INTO servers VALUES (?, 'minecraft', ?)", [*((name, None) for name in every), ("gone", at)])
    dump = TypeAdapter(Perk).dump_json
    db.executemany("INSERT INTO perks VALUES (?, ?, ?, NULL)", [(p.name, p.kind, dump(p).decode()) for p in perks])
    db.executemany(
        "INSERT INTO pairs VALUES (?, ?, ?)", [(p.name, pair, at) for p in perks for pair in places.pairs_of(p, every)]
    )
    labels = {*every, *(place for perk in perks for place in places.places_of(perk, every))}
    db.executemany("INSERT INTO places VALUES (?, ?)", [(x, member) for x in labels for member in places.members(x)])


def _odd(db: sqlite3.Connection, customers: int) -> None:
    for first, columns in enumerate(ODD):
        ids = (n * 10 + 3 for n in range(first, customers, ODD_EVERY))
        changed = ", ".join(f"{column} = ?" for column in columns)
        db.executemany(
            f"UPDATE commands SET {changed} WHERE id = ?",  # noqa: S608 - the names are in ODD
            ((*columns.values(), command_id) for command_id in ids),
        )
