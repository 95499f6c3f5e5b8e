"""Prints what verbs answer: lines, tables and JSON, for a terminal and for a pipe.

In a pipe every row is one whole line, and nothing is ever cut. Text from outside is made printable here, so that a
player's name or a game's reply cannot control the terminal.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from .errors import CliError, Code, NotWell, WrongUse


class Style(StrEnum):
    """How a line looks, by what it says; the values are styles of the rich library."""

    PLAIN = ""
    HEAD = "bold"
    BAD = "bold red"
    REFUSED = "red"
    DOUBTFUL = "yellow"
    GOOD = "green"
    QUIET = "dim"


# How states and severities look. A daemon of another version may send words that are not here: those look plain.
STYLES: Mapping[str, Style] = {
    "error": Style.BAD,
    "refused": Style.REFUSED,
    "unknown": Style.BAD,
    "unreachable": Style.BAD,
    "down": Style.DOUBTFUL,
    "warning": Style.DOUBTFUL,
    "blocked": Style.DOUBTFUL,
    "absent": Style.DOUBTFUL,
    "slow": Style.DOUBTFUL,
    "connecting": Style.DOUBTFUL,
    "answered": Style.DOUBTFUL,
    "up": Style.GOOD,
    "ok": Style.GOOD,
    "delivered": Style.GOOD,
    "void": Style.QUIET,
    "info": Style.QUIET,
}


def console(*, stderr: bool = False) -> Console:
    """A console, made at each use: stdout may have been replaced since the import."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(text: str = "", style: Style = Style.PLAIN, *, code: str = "") -> None:
    """Prints one line, or several, to stdout. `code`: a stable word for scripts, small, at the end of the line."""
    line = Text(text, style)
    if code:
        line = Text.assemble(line, (f" [{printable(code)}]", Style.QUIET))
    with _answering():
        console().print(line)


def warn(text: str, style: Style = Style.DOUBTFUL) -> None:
    """Prints one line to stderr."""
    console(stderr=True).print(Text(text, style))


@dataclass(slots=True)
class AsJson:
    """Whether this command line answers in JSON: `asked` with --json, and `said` once a document was printed."""

    asked: bool = False
    said: bool = False


as_json = AsJson()  # of this process: one command line, one answer


def error_json(error: CliError) -> None:
    """Prints the error as the one JSON document of a verb with --json, unless a document was printed already."""
    if as_json.asked and not as_json.said:
        with suppress(CliError, BrokenPipeError):  # stdout is gone: the text is on stderr
            say_json(error.to_json())


def say_json(value: object) -> None:
    """Prints the value as JSON. Control characters, and characters that stdout cannot show, become JSON escapes."""
    as_json.said = True
    every = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    with _answering():
        for line in json.dumps(value, ensure_ascii=every, indent=2).split("\n"):
            sys.stdout.write(f"{_escaped(line)}\n")
        sys.stdout.flush()


def _escaped(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)


@contextmanager
def _answering() -> Iterator[None]:
    """Raises NotWell when stdout cannot be written, for example to a full disk: the work may be done all the same."""
    try:
        yield
    except BrokenPipeError:  # the reader of the pipe closed it: typer ends the verb without a message
        raise
    except OSError as error:
        raise NotWell(
            Code.ANSWER_UNWRITABLE,
            f"the answer cannot be written: {error.strerror}. The work itself may be done: check before you run this "
            "again",
            may_have_happened=True,
        ) from error


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, below: Sequence[str] = (), named: Sequence[str] = ()
) -> None:
    """Prints rows under a head, one line each. When the terminal is too narrow, columns of `below` move under their
    row, in the order of `below` and only as many as needed; the terminal wraps them. There, a cell of a column in
    `named` has the column's name in front."""
    lines = [[printable(cell) for cell in row] for row in rows]
    out = console()
    widths = [max(map(cell_len, column)) for column in zip(head, *lines, strict=True)]
    under: list[int] = []
    for name in below:
        if out.is_terminal and sum(widths[place] + 2 for place in range(len(head)) if place not in under) > out.width:
            under.append(head.index(name))
    beside = [place for place in range(len(head)) if place not in under]
    with _answering():
        out.print(_line(head, beside, widths, dict.fromkeys(head, Style.HEAD)))
        for line in lines:
            out.print(_line(line, beside, widths, STYLES))
            for place in sorted(under):
                if line[place]:
                    out.print(Text(f"    {head[place] + ' ' if head[place] in named else ''}{line[place]}"))


def _line(cells: Sequence[str], places: Sequence[int], widths: Sequence[int], styles: Mapping[str, Style]) -> Text:
    line = Text()
    for place in places:
        line.append(cells[place], styles.get(cells[place], Style.PLAIN))
        line.append(" " * (widths[place] - cell_len(cells[place]) + 2))
    line.rstrip()
    return line


def printable(text: object) -> str:
    """Text from outside on one line: characters that cannot be shown become escapes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in ("" if text is None else str(text))
    )


def confirm(question: str, *, yes: bool, instead: str) -> bool:
    """Asks on a terminal. Without a terminal and without `--yes` it raises `WrongUse` with the message `instead`."""
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise WrongUse(Code.NEEDS_YES, instead)
    return typer.confirm(question, default=False)


def ago(stamp: str | None, now: str) -> str:
    """How long `stamp` was before `now`, in words. Both are RFC 3339."""
    if stamp is None:
        return "never"
    return f"{lasting(parsed(now) - parsed(stamp))} ago"


def lasting(span: timedelta) -> str:
    """A time span in its two largest units, for example `3 h 5 min`."""
    seconds = round(span.total_seconds())
    if seconds < 1:
        return "under 1 s"
    words: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            words.append(f"{seconds // size} {unit}")
            seconds %= size
        elif words:
            break
    return " ".join(words[:2])


def parsed(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


def clock(stamp: str | None) -> str:
    """A time as lists show it: UTC, whole seconds."""
    return stamp[:19] + "Z" if stamp else "–"


def many(count: int, one: str, more: str = "") -> str:
    """`1 command`, `2 commands`."""
    return f"{count} {one if count == 1 else more or one + 's'}"


def first_words(words: dict[str, Any]) -> str:
    """The counts that are not zero, for example `delivered 12, planned 3`."""
    return ", ".join(f"{name} {count}" for name, count in words.items() if count) or "none yet"
