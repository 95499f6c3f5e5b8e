"""Writes line numbers as text, and the files with the rows that are left after a bulk verb.

`bulk.py`, `assign_bulk.py` and `sending.py` call it; `write_new` also serves `customers.py` and `tokens.py`.
"""

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import Code, NotWell

_ENDING = re.compile(r"\.(?:rest|unknown)[0-9]*$")


def spans(numbers: Iterable[int]) -> str:
    """Numbers as short text, for example `2-251, 253`."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def numbers(text: str) -> tuple[int, ...]:
    """The numbers in a text that `spans` wrote. Raises ValueError."""
    found: list[int] = []
    for span in filter(None, text.split(", ")):
        first, _, last = span.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def lines_text(numbers: Sequence[int]) -> str:
    """The line numbers as text, for example `line 2` or `lines 2-4`."""
    return f"{'line' if len(numbers) == 1 else 'lines'} {spans(numbers)}"


def write_rows(file: Path, kind: str, header: Sequence[str], rows: Iterable[Mapping[str, str]]) -> Path:
    """Writes the rows as a CSV beside `file` that only this user can read. Its name is the first free one of
    FILE.KIND.csv, FILE.KIND2.csv, …. Raises NotWell when it cannot be written."""
    text = io.StringIO()
    writer = csv.DictWriter(text, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    base = _ENDING.sub("", file.stem)
    number = 1
    while True:
        path = file.with_name(f"{base}.{kind}{number if number > 1 else ''}.csv")
        number += 1
        with suppress(FileExistsError):
            write_new(path, text.getvalue())
            return path


def write_new(path: Path, text: str) -> None:
    """Writes a new file that only this user can read, and flushes it to disk. A file that could not be written whole is
    deleted. Raises FileExistsError, and NotWell for any other failure."""
    is_made = False
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        is_made = True
        with os.fdopen(fd, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(fd)
    except FileExistsError:
        raise
    except OSError as error:
        if is_made:
            with suppress(OSError):
                path.unlink()
        raise NotWell(Code.FILE_UNWRITABLE, f"{path} cannot be written: {error.strerror}") from error
