"""Each list of codes is complete: every code is used, none is defined elsewhere, docs/codes.md has them all."""

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

import perkd.daemon.cli.store.sending
import perkd.daemon.paynow.items_api
from perkd.daemon.cli.errors import Code
from perkd.daemon.control.server import ControlCode
from perkd.daemon.core.mistakes import MistakeCode, WarningCode
from perkd.daemon.ledger.base import LedgerCode
from perkd.daemon.paynow.errors import StoreError
from perkd.daemon.runtime.problem import ProblemCode
from perkd.daemon.runtime.start import StartCode

ROOT = Path(__file__).resolve().parents[2]
MODULES = (perkd.daemon.cli.store.sending, perkd.daemon.paynow.items_api)  # they define their own store errors
LISTED: dict[str, type[ProblemCode] | type[MistakeCode] | type[WarningCode] | type[Code]] = {
    "Problems": ProblemCode,
    "Mistakes": MistakeCode,
    "Warnings": WarningCode,
    "Errors of a verb": Code,
}


def used() -> Iterator[tuple[str, str]]:
    """Every `Enum.MEMBER` of the daemon's source."""
    for path in (ROOT / "daemon").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                yield node.value.id, node.attr


USED = set(used())


@pytest.mark.parametrize("codes", [ProblemCode, MistakeCode, WarningCode, LedgerCode, StartCode, ControlCode, Code])
def test_every_code_is_used_and_is_its_name_in_small_letters(codes: type[StrEnum]) -> None:
    assert [code for code in codes if (codes.__name__, code.name) not in USED] == []
    assert [code for code in codes if code.value != code.name.lower() and code is not Code.FAULT] == []
    assert len(set(codes.__members__)) == len(codes), "two names for one code"


def rows(heading: str) -> list[tuple[str, str]]:
    """Code and meaning of each row under a heading of docs/codes.md."""
    text = (ROOT / "docs" / "codes.md").read_text("utf-8")
    part = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"(?m)^\| `(\w+)` \| (.+) \|$", part)


def store_errors(kind: type[StoreError] = StoreError) -> Iterator[type[StoreError]]:
    """The store errors that a verb can end with. Errors of the enrolment never leave the daemon."""
    if kind.__module__.startswith(("perkd.daemon.paynow.", "perkd.daemon.cli.")):
        yield kind
    for more in kind.__subclasses__():
        yield from store_errors(more)


@pytest.mark.parametrize("heading", LISTED)
def test_the_docs_list_every_code_with_what_it_means(heading: str) -> None:
    assert rows(heading) == [(code.value, code.meaning) for code in LISTED[heading]]


def test_the_docs_list_the_code_of_every_error_of_the_store() -> None:
    listed = [code for code, _ in rows("Errors of the store")]
    assert sorted(listed) == sorted(kind.code for kind in store_errors())


def test_the_docs_list_every_code_that_the_running_daemon_answers_with() -> None:
    assert [code for code, _ in rows("Errors of the running daemon")] == [*ControlCode, *LedgerCode]
