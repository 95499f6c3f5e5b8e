"""Reads the CSV files of `perkd store`: assignments and new customers. It checks every row before one is sent.

`assign_bulk.py` and `create_bulk.py` call it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from ...config import SecretError, read_text
from ...core.mistakes import ConfigError, Findings, close_matches, quoted
from ...paynow import BulkAssignment, CustomerFields, Sent
from ..csv_rows import Row, csv_rows
from ..errors import Code, WrongUse
from ..output import many
from .fields import LONGEST_SHOWN, Fault, Faulty, end_time, faults

S = TypeVar("S", bound=Sent)

ASSIGNMENT_COLUMNS = (
    "customer_id",
    "product_version_id",
    "quantity",
    "execute_on_gameserver_id",
    "override_expires_at",
    "skip_commands",
)
CUSTOMER_COLUMNS = ("steam_id", "minecraft_uuid", "minecraft_platform", "xbox_xuid", "name")
Fields = tuple[dict[str, object], list[Fault]]  # the fields of the body, and what is wrong with the fields left out

METADATA = "metadata."  # a column for each key: `metadata.KEY`


@dataclass(frozen=True, slots=True)
class FileRow(Generic[S]):
    """One row: its line number, its cells, and the body to send."""

    number: int
    cells: Mapping[str, str]
    body: S


@dataclass(frozen=True, slots=True)
class Rows(Generic[S]):
    """A whole file without mistakes."""

    file: Path
    header: tuple[str, ...]
    lines: tuple[FileRow[S], ...]


def read_assignments(file: Path, now: datetime) -> Rows[BulkAssignment]:
    """Reads assignments. Raises WrongUse with every row that is wrong."""

    def fields(cells: Mapping[str, str]) -> Fields:
        given: dict[str, object] = {column: text for column, text in cells.items() if text}
        if text := str(given.pop("override_expires_at", "")):
            try:
                given["override_expires_at"] = end_time(text, now)
            except Faulty as error:
                return given, [error.fault]
        return given, []

    needed = ("customer_id", "product_version_id")
    return _read(file, BulkAssignment, ASSIGNMENT_COLUMNS, needed, fields, lambda _: ())


def read_new_customers(file: Path) -> Rows[CustomerFields]:
    """Reads new customers. Raises WrongUse with every row that is wrong, and with rows that are the same customer."""

    def fields(cells: Mapping[str, str]) -> Fields:
        filled = {column: text for column, text in cells.items() if text}
        given: dict[str, object] = {column: text for column, text in filled.items() if not _is_metadata(column)}
        metadata = {column[len(METADATA) :]: text for column, text in filled.items() if _is_metadata(column)}
        return (given | {"metadata": metadata} if metadata else given), []

    return _read(file, CustomerFields, CUSTOMER_COLUMNS, (), fields, _same)


def _same(lines: Sequence[FileRow[CustomerFields]]) -> Iterable[tuple[int, str]]:
    """The rows with a SteamID64 or UUID of an earlier row: a store has each only once."""
    first_at: dict[tuple[str, str], int] = {}
    for line in lines:
        for field, value in (("steam_id", line.body.steam_id), ("minecraft_uuid", line.body.minecraft_uuid)):
            if value:
                key = field, value.replace("-", "").lower()
                if first_at.setdefault(key, line.number) != line.number:
                    yield (
                        line.number,
                        f"the same {field} as in line {first_at[key]}: only one customer of a store can have it",
                    )


def _read(
    file: Path,
    kind: type[S],
    columns: tuple[str, ...],
    needed: tuple[str, ...],
    fields: Callable[[Mapping[str, str]], Fields],
    across: Callable[[Sequence[FileRow[S]]], Iterable[tuple[int, str]]],
) -> Rows[S]:
    """Reads and checks the file. `fields` turns a row's cells into a body's fields; `across` compares the rows."""
    header, rows = _table(file, columns, needed)
    lines: list[FileRow[S]] = []
    bad: list[tuple[int, str]] = []
    for row in rows:
        if len(row.cells) > len(header) and any(cell.strip() for cell in row.cells[len(header) :]):
            bad.append((row.line, f"{len(row.cells)} cells, expected {len(header)}, as in the first line"))
            continue
        texts = [cell.strip() for cell in row.cells] + [""] * (len(header) - len(row.cells))
        cells = dict(zip(header, texts, strict=False))
        given, found = fields(cells)
        if found := [*found, *faults(kind, given)]:
            bad.append((row.line, "; ".join(map(str, found))))
            continue
        lines.append(FileRow(row.line, cells, kind.model_validate(given)))
    _refuse(file, len(rows), sorted([*bad, *across(lines)]))
    if not rows:
        raise WrongUse(Code.BAD_FILE, f"nothing was sent. {file}: there is no row below the header")
    return Rows(file, header, tuple(lines))


def _refuse(file: Path, rows: int, bad: Sequence[tuple[int, str]]) -> None:
    if bad:
        text = "\n".join(f"line {number}: {sentence}" for number, sentence in bad)
        raise WrongUse(
            Code.BAD_FILE,
            f"nothing was sent. {file}: {len(bad)} of {many(rows, 'row')} cannot be sent:\n{text}",
            lines=[number for number, _ in bad],
        )


def _table(file: Path, columns: tuple[str, ...], needed: tuple[str, ...]) -> tuple[tuple[str, ...], list[Row]]:
    """The columns of the header, and the rows below. Raises WrongUse."""
    findings = Findings()
    try:
        rows = list(csv_rows(read_text(file, bom_allowed=True), findings))
    except SecretError as problem:
        raise WrongUse(Code.FILE_UNREADABLE, f"nothing was sent. Found {problem.found}; {problem.fix}") from problem
    except ConfigError as error:
        raise WrongUse(Code.BAD_FILE, f"nothing was sent. {error.render(file)}") from error
    known = ", ".join([*columns, *([f"{METADATA}KEY"] if columns is CUSTOMER_COLUMNS else [])])
    if not rows:
        text = f"nothing was sent. {file} is empty. Its first line must name columns. Possible columns: {known}"
        raise WrongUse(Code.BAD_FILE, text)
    header = [cell.strip().lower() if not _is_metadata(cell) else _metadata(cell) for cell in rows[0].cells]
    while header and not header[-1]:  # a spreadsheet leaves empty columns at the end
        header.pop()
    problems = [
        f"{_word(name)} is not a column{_meant(name, columns)}"
        for name in header
        if name not in columns and not (columns is CUSTOMER_COLUMNS and _is_metadata(name))
    ]
    problems += [f"the column {name} is there twice" for name in dict.fromkeys(header) if header.count(name) > 1]
    problems += [f"the column {name} is missing" for name in needed if name not in header]
    if problems:
        raise WrongUse(
            Code.BAD_FILE,
            f"nothing was sent. {file}, line {rows[0].line}: {'; '.join(problems)}. Possible columns: {known}",
            lines=[rows[0].line],
        )
    return tuple(header), rows[1:]


def _is_metadata(cell: str) -> bool:
    return cell.strip().lower().startswith(METADATA)


def _metadata(cell: str) -> str:
    """The name of a metadata column; the case of its key is kept."""
    return METADATA + cell.strip()[len(METADATA) :]


def _word(name: str) -> str:
    return quoted(name) if len(name) <= LONGEST_SHOWN else f"a text of {len(name)} characters"


def _meant(name: str, columns: tuple[str, ...]) -> str:
    matches = close_matches(name, columns)
    return f" (did you mean {matches[0]}?)" if matches else ""
