"""The ledger's SQL agrees with the state table, with itself, and with its indexes."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from perkd.daemon.core.model import TRANSITIONS, State
from perkd.daemon.ledger.sqlite import migrate, queries
from perkd.daemon.ledger.sqlite.queries import SQL

SCHEMA = "".join(f.read_text("utf-8") for f in sorted(migrate.SCHEMA.iterdir(), key=lambda f: f.name))
QUERIES = "\n".join(queries.texts())
WORD = r"'(\w+)'"


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        yield connection


def test_the_check_in_sql_holds_exactly_the_states() -> None:
    table = SCHEMA[SCHEMA.index("CREATE TABLE commands_0002") :]
    check = re.search(r"CHECK \(state IN\s*\(([^)]*)\)", table)
    assert check is not None
    words = re.findall(WORD, check[1])
    assert sorted(words) == sorted(state.value for state in State)
    assert set(words) == {state.value for pair in TRANSITIONS for state in pair if state}


def test_the_database_itself_refuses_a_state_that_is_none(database: sqlite3.Connection) -> None:
    values = dict.fromkeys(re.findall(r":(\w+)", SQL["put_command"]), 0) | {"origin": "store", "holding_id": None}
    with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed: state"):
        database.execute(SQL["put_command"], values | {"state": "lost"})
    database.execute(SQL["put_command"], values | {"state": "void"})


def announced() -> dict[str, str]:
    """Each statement's own comment: the last comment line before its name."""
    found, comment = {}, ""
    for line in QUERIES.splitlines():
        if line.startswith("-- name: "):
            found[line.removeprefix("-- name: ")], comment = comment, ""
        elif line.startswith("--"):
            comment += line.removeprefix("--") + " "
    return found


MOVES = [name for name, text in SQL.items() if re.search(r"UPDATE commands SET state = '", text)]


@pytest.mark.parametrize("name", MOVES)
def test_a_statement_that_moves_a_command_says_so_and_moves_it_as_the_table_allows(name: str) -> None:
    became = re.search(rf"SET state = {WORD}", SQL[name])
    said = re.search(r"([\w, ]+) → (\w+)", announced()[name])
    assert became is not None
    assert said is not None, f"{name}: no comment `from → to` above it"
    assert said[2] == became[1]
    sources = [State(word.strip()) for word in said[1].split(",")]
    assert {(source, State(said[2])) for source in sources} <= TRANSITIONS
    where = SQL[name].partition("WHERE")[2]
    if "state" in where:  # the others are given an id whose state their caller has read
        assert set(re.findall(rf"(?<![.\w])state = {WORD}", where)) == {source.value for source in sources}


def test_every_statement_is_one_sqlite_can_read(database: sqlite3.Connection) -> None:
    for name, text in SQL.items():
        assert plan(database, name), f"{name}: {text}"


def plan(database: sqlite3.Connection, name: str) -> list[str]:
    """How SQLite would run a statement, one line for each table it visits; at least one line."""
    values = dict.fromkeys(re.findall(r":(\w+)", SQL[name]))
    lines = [row[3] for row in database.execute("EXPLAIN QUERY PLAN " + SQL[name], values)]
    return lines or ["(nothing to look up)"]


# What may read a whole table: at the start, at a reload, once a night, or every five minutes on the second connection.
SELDOM = frozenset(
    {
        *(
            "servers",
            "drop_servers",
            "retired_perks",
            "drop_perks",
            "pairs",
            "slugs",
            "places",
            "forget_places",
            "labels",
        ),
        *("rename_pairs", "rename_supports", "rename_commands", "rename_holdings", "move_effect", "unblock_servers"),
        *("block_absent_servers", "tokens_from_file", "polled", "want_back", "unenrolled", "kept_out", "window"),
        *("put_brake", "brake", "release_brake", "brake_planned"),
        *("command_counts", "count_held", "orphans", "duplicate_tokens", "item_troubles", "unseen", "troubles"),
        *("purge_events", "purge_attempts", "purge_commands"),
    }
)
# The index that each of these must use, on the table it reads most of.
BY = {
    "claim_free": "commands_free (server=?)",
    "claim_for_players": "commands_by_player (server=? AND player=?)",
    "plan_unknown": "commands_again (server=? AND due_at<?)",
    "sending": "commands_sending",
    "being_sent": "commands_sending",
    "plan_braked": "commands_blocked (hold=?)",
    "plan_absent": "commands_blocked (hold=? AND item_id=?)",
    "unblock_servers": "commands_blocked (hold=?)",
    "braked": "commands_blocked (hold=?)",
    "absent_servers": "commands_blocked (hold=?)",
    "profile": "commands_incomplete (customer_id=?)",
    "polled": "commands_incomplete (customer_id=?)",
    "polled_of_ids": "commands_incomplete (customer_id=?)",
    "ids_of_state": "commands_by_state (state=? AND server=? AND id<?)",
    "ids_of_customer": "commands_by_customer (customer_id=? AND id<?)",
    "attempt_command": "commands_by_attempt (key_item=?)",
    "oldest_waiting": "commands_by_state (state=? AND server=?)",
    "troubles": "COVERING INDEX commands_odd (state=?)",
    "unseen": "commands_absent (created_at<?)",
    "duplicate_tokens": "tokens_in_use",
}


@pytest.mark.parametrize("name", sorted(SQL.keys() - SELDOM))
def test_what_runs_often_never_reads_a_whole_table(database: sqlite3.Connection, name: str) -> None:
    small = "\\(subquery|json_each|there|w|CONSTANT|\\w+ VIRTUAL TABLE|brakes|\\w+ USING INDEX commands_sending"
    scans = [line for line in plan(database, name) if re.match(f"SCAN (?!{small})", line)]
    assert scans == []


@pytest.mark.parametrize("name", BY)
def test_a_statement_finds_its_few_rows_by_their_index(database: sqlite3.Connection, name: str) -> None:
    assert any(BY[name] in line for line in plan(database, name))


def test_what_is_due_next_is_one_step_into_an_index(database: sqlite3.Connection) -> None:
    lines = "\n".join(plan(database, "next_due"))
    for index in (
        "commands_due (server=? AND due_at>?)",
        "commands_again (server=? AND due_at>?)",
        "commands_by_player",
    ):
        assert index in lines


@pytest.mark.parametrize(
    "index", ["items_usable", "items_of_unknown_state", "items_missing", "holdings_returned", "items_by_slug"]
)
def test_odd_items_are_found_by_indexes_that_hold_only_them(database: sqlite3.Connection, index: str) -> None:
    assert any(index in line for line in plan(database, "item_troubles"))


def test_two_statements_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="statement x"):
        queries.parse(["-- name: x\nSELECT 1;\n", "-- name: x\nSELECT 2;\n"])
