"""What verbs print: lines, tables and JSON, for a terminal and for a pipe.

Every row is one whole line in a pipe, nothing is ever cut. Foreign text is made printable here, so that a player's name
or a game's reply cannot steer a terminal.
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
    """What a line is, in the words of rich for how it looks."""

    PLAIN = ""
    HEAD = "bold"
    BAD = "bold red"
    REFUSED = "red"
    DOUBTFUL = "yellow"
    GOOD = "green"
    QUIET = "dim"


# How the states and severities look that a daemon of any version may say: they come as words.
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
    """Made when it is used: what stdout is may have changed since the import."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(text: str = "", style: Style = Style.PLAIN) -> None:
    """One line, or several, to stdout."""
    with _answering():
        console().print(Text(text, style))


def warn(text: str, style: Style = Style.DOUBTFUL) -> None:
    """One line to stderr."""
    console(stderr=True).print(Text(text, style))


@dataclass(slots=True)
class AsJson:
    """Whether programs read this command line: `asked` by --json, and `said` once there is a document."""

    asked: bool = False
    said: bool = False


as_json = AsJson()  # of this process: one command line, one answer


def error_json(error: CliError) -> None:
    """The error as the one document of a verb with --json; not after one that was printed already."""
    if as_json.asked and not as_json.said:
        with suppress(CliError, BrokenPipeError):  # stdout is gone: its words are on stderr
            say_json(error.to_json())


def say_json(value: object) -> None:
    """What a terminal would act on, and what stdout cannot show, is written as JSON's own escape: the same document."""
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
    """A full disk behind stdout is no fault of perkd, and does not mean that nothing was done. Raises NotWell."""
    try:
        yield
    except BrokenPipeError:  # whoever read it has enough: typer ends the verb in silence
        raise
    except OSError as error:
        raise NotWell(
            Code.ANSWER_UNWRITABLE,
            f"the answer cannot be written: {error.strerror}. What was asked for may be done: look before you do it "
            "again",
            may_have_happened=True,
        ) from error


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, below: Sequence[str] = (), named: Sequence[str] = ()
) -> None:
    """Rows under a head, one line each. On a terminal too narrow for them the cells of the columns in `below` stand
    under their row instead, as many of them as it takes, the first first; there the terminal wraps them as it likes.
    Those in `named` have their column's name in front then."""
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
    """Foreign text on one line: what cannot be seen is written as an escape."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in ("" if text is None else str(text))
    )


def confirm(question: str, *, yes: bool, instead: str) -> bool:
    """Asks on a terminal. Raises `WrongUse` where nobody can answer and `--yes` was not given; `instead` says so."""
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise WrongUse(Code.NEEDS_YES, instead)
    return typer.confirm(question, default=False)


def ago(stamp: str | None, now: str) -> str:
    """How long before `now`, in words; both are RFC 3339."""
    if stamp is None:
        return "never"
    return f"{lasting(parsed(now) - parsed(stamp))} ago"


def lasting(span: timedelta) -> str:
    """A time span as people say it, in its two largest units."""
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
    """A time for a list: UTC, whole seconds."""
    return stamp[:19] + "Z" if stamp else "–"


def many(count: int, one: str, more: str = "") -> str:
    """`1 command`, `2 commands`."""
    return f"{count} {one if count == 1 else more or one + 's'}"


def first_words(words: dict[str, Any]) -> str:
    """`delivered 12, planned 3`: what is not zero."""
    return ", ".join(f"{name} {count}" for name, count in words.items() if count) or "none yet"
