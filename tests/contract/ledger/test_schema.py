"""The ledger's SQL agrees with the state table, with itself, and with its indexes."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from perkd.daemon.core.model import TRANSITIONS, State
from perkd.daemon.ledger import files, queries
from perkd.daemon.ledger.queries import SQL

SCHEMA = "".join(f.read_text("utf-8") for f in sorted(files.SCHEMA.iterdir(), key=lambda f: f.name))
QUERIES = (Path(queries.__file__).with_name("queries.sql")).read_text("utf-8")
WORD = r"'(\w+)'"


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        yield connection


def test_the_check_in_sql_holds_exactly_the_states() -> None:
    table = SCHEMA[SCHEMA.index("CREATE TABLE commands") :]
    check = re.search(r"CHECK \(state IN\s*\(([^)]*)\)", table)
    assert check is not None
    words = re.findall(WORD, check[1])
    assert sorted(words) == sorted(state.value for state in State)
    assert set(words) == {state.value for pair in TRANSITIONS for state in pair if state}


def test_the_database_itself_refuses_a_state_that_is_none(database: sqlite3.Connection) -> None:
    values = dict.fromkeys(re.findall(r":(\w+)", SQL["put_command"]), 0)
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


HOT = (
    *("claimable", "plan_unknown", "next_due", "send", "settle", "command", "block_rest", "free_rest", "delay_next"),
    *("mark_delivered", "start_clocks", "sending", "profile", "items", "holdings", "holding"),
    *("next_generation", "commands_since", "void", "supersede", "want_again", "update_item", "put_item", "put_support"),
    *(
        "compared",
        "sighted",
        "one_command",
        "command_events",
        "token",
        "identify_token",
        "brake_planned",
        "plan_braked",
        "enrolled",
        "polled_one",
        "items_listed",
        "unenrolled_due",
    ),
)


@pytest.mark.parametrize("name", HOT)
def test_what_runs_for_every_command_or_customer_never_reads_a_whole_table(
    database: sqlite3.Connection, name: str
) -> None:
    scans = [line for line in plan(database, name) if re.match("SCAN (?!json_each|CONSTANT|\\w+ VIRTUAL TABLE)", line)]
    assert scans == []


def test_claiming_looks_only_at_what_is_planned_for_the_server(database: sqlite3.Connection) -> None:
    for name in ("claimable", "plan_unknown", "next_due"):
        assert any("commands_by_state (state=? AND server=?" in line for line in plan(database, name)), name


def test_two_statements_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="names x twice"):
        queries.parse("-- name: x\nSELECT 1;\n-- name: x\nSELECT 2;\n")
