"""Tests assert codes and facts. Texts for people are compared whole, and once, in snapshots beside the tests.

So a new wording changes only snapshots. This test searches every assertion for a phrase: four plain words in a row.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITES = ("unit", "contract", "flow")  # `repo` checks texts of this repository
PHRASE = re.compile(r"(?:\b[A-Za-z][a-z']*[,.:;?!]*\s+){3,}[A-Za-z][a-z']*\b")

# Texts of other programs, commands in backticks, and texts that a test made up are data, not phrases.
GAMES = (
    "No player was found|That player does not exist|Unknown or incomplete command|of a max of|could not be found"
    "|Added Ann to the whitelist|now inherits permissions from|no longer inherits permissions|A Minecraft Server at"
    "|lp user [Aa]nn parent"
)
SYSTEM = "database or disk is full|database disk image is malformed|can't start new thread|no route to host"
MADE_UP = "one of a kind|blocked for the test|give in the same place|a game server token|store command on survival"
ALLOWED = re.compile(f"`perkd [a-z -]+|{GAMES}|{SYSTEM}|{MADE_UP}")


def phrases(source: str) -> Iterator[tuple[int, str]]:
    """The line and text of each phrase in an assertion, or in what an exception is expected to say."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assert):
            looked_at: list[ast.expr] = [node.test]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.raises":
            looked_at = [keyword.value for keyword in node.keywords if keyword.arg == "match"]
        else:
            continue
        for inner in (inner for part in looked_at for inner in ast.walk(part)):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                found = PHRASE.search(inner.value)
                if found and not ALLOWED.search(inner.value):
                    yield inner.lineno, found[0]


def test_no_test_asserts_a_phrase() -> None:
    files = {path for suite in SUITES for path in (ROOT / "tests" / suite).rglob("test_*.py")}
    assert len(files) > 100
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sorted(files)
        for line, text in phrases(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("assert 'the store failed again' in said", ["the store failed again"]),
        ("assert said == f'{path}: is not a directory'", ["is not a directory"]),
        ("with pytest.raises(E, match='is not known, look'): pass", ["is not known, look"]),
        ("text = 'this is no assertion'", []),
        ("assert 'three words only' in said", []),
        ("assert 'lp user 7 parent add vip' in sent", []),
        ("assert 'see `perkd store inventory show`' in said", []),
        ("assert code == 'store_unreachable'", []),
    ],
)
def test_what_counts_as_a_phrase(source: str, found: list[str]) -> None:
    assert [text for _, text in phrases(source)] == found
