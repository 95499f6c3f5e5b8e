"""Checks the names of servers and perks: which characters are allowed, and that no name is used twice.

`servers` and `perks` check every name with it.
"""

import re

from ..core.mistakes import Findings, MistakeCode, quoted
from .file_tables import PerkTable, ServerTable
from .tables import Read

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
EXPECTED_NAME = "1 to 64 letters (a-z), digits, - or _; the first is a letter or a digit"


class Names:
    """The names of one sort so far. Two names that differ only in capital letters are too easy to confuse."""

    def __init__(self, sort: str) -> None:
        self._sort = sort
        self._first: dict[str, str] = {}

    def check(self, read: Read[ServerTable] | Read[PerkTable], findings: Findings) -> str | None:
        """The table's name, or None when it is missing, bad or taken."""
        name = read.table.name
        if not read.sound("name"):
            return None
        if not name:
            findings.mistake(
                read.at("name"),
                MistakeCode.MISSING,
                found="no name",
                expected=EXPECTED_NAME,
                fix=f'write name = "…" in this {self._sort}',
            )
            return None
        if not check_name(name, read.at("name"), findings):
            return None
        first = self._first.setdefault(name.lower(), read.where)
        if first != read.where:
            findings.mistake(
                read.at("name"),
                MistakeCode.NAME_TAKEN,
                found=f"{quoted(name)}, which {first} has already",
                expected=f"a name that no other {self._sort} has; capital and small letters count as the same",
                fix="give one of the two another name",
            )
            return None
        return name


def check_name(name: str, where: str, findings: Findings) -> bool:
    """Whether the name can be typed in a command line and used as a metric's label; notes a mistake if not."""
    if NAME.fullmatch(name):
        return True
    better = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:64]
    findings.mistake(
        where,
        MistakeCode.NOT_A_NAME,
        found=quoted(name),
        expected=EXPECTED_NAME,
        fix=f"write {quoted(better)}" if NAME.fullmatch(better) else "choose another name",
    )
    return False
