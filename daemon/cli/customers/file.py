"""Reads a file of customers for `customers import`: CSV with a header, or TOML like the file of [customers] tokens.

It reads every row before anything is done with one, and no message holds a token.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ...config import TokenEntry, TokenList, clean_token, read_text, read_tokens
from ...core.mistakes import Findings, MistakeCode, WarningCode, quoted
from ...core.model import Secret
from ..csv_rows import Row, csv_rows

COLUMNS = ("token", "name", "note")
LONGEST = 1000  # characters of a name or note
_HEADER = re.compile(r"\s*\[\[\s*customer\s*\]\]")
_KINDS = {".csv": "csv", ".tsv": "csv", ".txt": "", ".toml": "toml"}


def read_customers(path: Path) -> TokenList:
    """The customers in the file, each token once. Raises SecretError when the file cannot be read, and ConfigError with
    every mistake in it."""
    text = read_text(path)
    kind = _KINDS.get(path.suffix.lower()) or ("toml" if _headers(text) else "csv")
    found = _read_toml(text) if kind == "toml" else _read_csv(text)
    findings = Findings()
    for entry in found.entries:
        for key, value in (("name", entry.name), ("note", entry.note)):
            if len(value) > LONGEST:
                findings.mistake(
                    entry.where,
                    MistakeCode.TOO_LONG,
                    found=f"a {key} of {len(value)} characters",
                    expected=f"at most {LONGEST}",
                    fix=f"shorten the {key}",
                )
    findings.raise_mistakes()
    return found


def _headers(text: str) -> list[int]:
    """The line numbers, counted from 1, where a `[[customer]]` begins."""
    return [number for number, line in enumerate(text.split("\n"), 1) if _HEADER.match(line)]


def _read_toml(text: str) -> TokenList:
    """Reads it like the file of `[customers] tokens`. An entry gets its line number where that is certain."""
    found = read_tokens(text, "")
    lines = _headers(text)
    return TokenList(tuple(_with_line(entry, lines) for entry in found.entries), found.warnings)


def _with_line(entry: TokenEntry, lines: Sequence[int]) -> TokenEntry:
    if entry.place is None or entry.place >= len(lines):
        return entry
    return replace(entry, where=f"line {lines[entry.place]}")


def _read_csv(text: str) -> TokenList:
    findings = Findings()
    rows = list(csv_rows(text, findings))
    header = [cell.strip().lower() for cell in rows[0].cells] if rows else []
    if "token" not in header:  # the first line may hold a token instead, so it is not shown
        findings.mistake(
            f"line {rows[0].line}" if rows else "the file",
            MistakeCode.NO_TOKEN_COLUMN,
            found="no column `token` in the first line" if rows else "an empty file",
            expected="a header with token, and if you like also name and note; or [[customer]] entries in TOML",
            fix="add `token,name,note` as the first line",
        )
        findings.raise_mistakes()
    for column in header:
        if header.count(column) > 1 and column in COLUMNS:
            findings.mistake(
                f"line {rows[0].line}",
                MistakeCode.DUPLICATE,
                found=f"the column {quoted(column)} more than once",
                expected="each column once",
                fix="remove one of them",
            )
            findings.raise_mistakes()
        if column not in COLUMNS:
            findings.warn(
                f"line {rows[0].line}", WarningCode.COLUMN_NOT_USED, f"the column {quoted(column)} is not used"
            )
    entries = list(_entries(header, rows[1:], findings))
    findings.raise_mistakes()
    if not entries:
        findings.warn("the file", WarningCode.NO_CUSTOMER, "there is no customer below the header")
    return TokenList(tuple(entries), tuple(findings.warnings))


def _entries(header: Sequence[str], rows: Sequence[Row], findings: Findings) -> Iterator[TokenEntry]:
    first_at: dict[Secret, int] = {}
    for row in rows:
        where = f"line {row.line}"
        if len(row.cells) > len(header):
            findings.mistake(
                where,
                MistakeCode.TOO_MANY_CELLS,
                found=f"{len(row.cells)} cells",
                expected=f"{len(header)}, as in the first line",
                fix='put a text with a comma in it into quotes: "…"',
            )
            continue
        cells = dict(zip(header, row.cells, strict=False))
        token = clean_token(cells.get("token", ""), where, findings)
        if token is None:
            continue
        if token in first_at:
            findings.warn(
                where, WarningCode.DUPLICATE_TOKEN, f"the same token as in line {first_at[token]}: perkd skips it"
            )
            continue
        first_at[token] = row.line
        yield TokenEntry(token, name=cells.get("name", "").strip(), note=cells.get("note", "").strip(), where=where)
