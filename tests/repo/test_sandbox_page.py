"""docs/sandbox.md lists the verbs, faults and switches of the control interface."""

import re
from pathlib import Path

from perkd.daemon.sandbox.store.bodies import Switched
from perkd.daemon.sandbox.store.faults import MEANING, Fault
from perkd.daemon.sandbox.store.overview import SWITCHES
from perkd.daemon.sandbox.verbs import VERBS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "sandbox.md").read_text("utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> set[str]:
    """Every word in backquotes in the first cells of a table."""
    return {
        word
        for line in text.splitlines()
        if line.startswith("| `")
        for word in re.findall("`(.+?)`", line[: line.index(" |")])
    }


def test_every_fault_is_on_the_page_with_the_meaning_the_sandbox_gives_it() -> None:
    assert set(Fault) == set(MEANING)
    wanted = {f"| `{fault}` | {meaning} |" for fault, meaning in MEANING.items()}
    assert {line for line in section("What can go wrong").splitlines() if line.startswith("| `")} == wanted


def test_every_switch_is_on_the_page() -> None:
    assert first_cells(section("Switches")) == set(Switched.model_fields)
    assert set(Switched.model_fields) > SWITCHES


def test_every_verb_on_the_page_exists() -> None:
    named = {f"{method} {path}" for method, path in re.findall(r"`(GET|POST|PATCH|DELETE) (/[A-Za-z/]*)", PAGE)}
    known = {re.sub("(?<=servers/)[a-z]+", "SERVER", one) for one in named}
    assert known <= set(VERBS)
    assert {one for one in VERBS if one.startswith(("POST /items/", "POST /products/"))} <= known | {
        "POST /items/ITEM/restore"
    }
