"""The rows of a CSV file as a spreadsheet saves it, each with its line. `customerfile`, `storerows` call this."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..core.mistakes import Findings, MistakeCode


@dataclass(frozen=True, slots=True)
class Row:
    """`line` is the one it begins in, counted from 1."""

    line: int
    cells: Sequence[str]


def csv_rows(text: str, findings: Findings) -> Iterator[Row]:
    """The rows that hold anything, the header first. Excel separates by semicolons in many countries. Raises
    ConfigError at a row that is no CSV."""
    first = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    source = io.StringIO(text, newline="")
    reader = csv.reader(source, delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            findings.mistake(
                f"line {line}",
                MistakeCode.NOT_CSV,
                found=f"a row that is no CSV ({error})",
                expected="cells apart by commas, quoted where they hold one",
                fix="look for a quote that is not closed",
            )
            findings.raise_mistakes()
        if any(cell.strip() for cell in cells):
            yield Row(line, cells)
