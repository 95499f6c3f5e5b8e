"""The codes are one list each: every code is used, none is made up elsewhere, and docs/codes.md lists them all."""

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from perkd.daemon.control.server import ControlCode
from perkd.daemon.core.mistakes import MistakeCode, WarningCode
from perkd.daemon.ledger.base import LedgerCode
from perkd.daemon.runtime.problem import ProblemCode
from perkd.daemon.runtime.start import StartCode

ROOT = Path(__file__).resolve().parents[2]
LISTED: dict[str, type[ProblemCode] | type[MistakeCode] | type[WarningCode]] = {
    "Problems": ProblemCode,
    "Mistakes": MistakeCode,
    "Warnings": WarningCode,
}


def used() -> Iterator[tuple[str, str]]:
    """Every `Enum.MEMBER` of the daemon's source."""
    for path in (ROOT / "daemon").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                yield node.value.id, node.attr


USED = set(used())


@pytest.mark.parametrize("codes", [ProblemCode, MistakeCode, WarningCode, LedgerCode, StartCode, ControlCode])
def test_every_code_is_used_and_is_its_name_in_small_letters(codes: type[StrEnum]) -> None:
    assert [code for code in codes if (codes.__name__, code.name) not in USED] == []
    assert [code for code in codes if code.value != code.name.lower()] == []
    assert len(set(codes.__members__)) == len(codes), "two names for one code"


@pytest.mark.parametrize("heading", LISTED)
def test_the_docs_list_every_code_with_what_it_means(heading: str) -> None:
    text = (ROOT / "docs" / "codes.md").read_text("utf-8")
    part = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"(?m)^\| `(\w+)` \| (.+) \|$", part)
    assert rows == [(code.value, code.meaning) for code in LISTED[heading]]
