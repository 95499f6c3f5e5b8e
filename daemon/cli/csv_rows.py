"""Reads the rows of a CSV file, each with its line number. `customers/file.py` and `store/rows.py` call it."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..core.mistakes import Findings, MistakeCode


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `line` is the line where it begins, counted from 1."""

    line: int
    cells: Sequence[str]


def csv_rows(text: str, findings: Findings) -> Iterator[Row]:
    """The rows that are not empty, the header first. The separator may be a comma, a semicolon (Excel in many
    countries) or a tab. Raises ConfigError for a row that is not valid CSV."""
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
                found=f"a row that is not valid CSV ({error})",
                expected="cells separated by commas, in quotes if they contain a comma",
                fix="look for a quote that is not closed",
            )
            findings.raise_mistakes()
        if any(cell.strip() for cell in cells):
            yield Row(line, cells)
