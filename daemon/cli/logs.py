"""Where the log goes: stderr, with times for a person, with priorities for the journal.

`run` sets it up; the other verbs only keep the log out of what they print.
"""

import logging
import os
import sys
import time
from collections.abc import Mapping

from .output import printable

# RFC 5424 severities as sd-daemon(3) takes them, highest level first.
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7))


TIME = "%Y-%m-%dT%H:%M:%SZ"


class ForJournal(logging.Formatter):
    """`<6>polling: …`: the journal has its own times, and takes the priority from the head of each line."""

    def format(self, record: logging.LogRecord) -> str:
        priority = next((value for level, value in PRIORITIES if record.levelno >= level), 7)
        text = _one_record(super().format(record))
        return f"<{priority}>{text}".replace("\n", f"\n<{priority}>")


class ForPeople(logging.Formatter):
    """`2026-08-30T12:00:05Z WARNING polling: …`"""

    _second, _text = 0, ""  # of the line before: many are written in one second

    def format(self, record: logging.LogRecord) -> str:
        return _one_record(super().format(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        if (second := int(record.created)) != self._second:
            self._second, self._text = second, time.strftime(datefmt or TIME, time.gmtime(second))
        return self._text


def _one_record(text: str) -> str:
    """A reply or a name with a line break in it never looks like a record of its own: what follows is set in."""
    if text.isprintable():
        return text
    first, *more = text.rstrip().splitlines() or [""]
    return "\n    ".join([printable(first), *map(printable, more)])


def to_stderr(env: Mapping[str, str] = os.environ, *, verbose: bool) -> None:
    """Everything perkd logs goes to stderr; with `verbose` also what its libraries have to say."""
    handler = logging.StreamHandler(sys.stderr)
    if _is_journal(env.get("JOURNAL_STREAM", "")):
        handler.setFormatter(ForJournal("%(name)s: %(message)s"))
    else:
        handler.setFormatter(ForPeople("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    # Nothing shows these, and finding them out costs as much as the rest of a line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root.handlers = [handler]
    root.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("perkd").setLevel(logging.DEBUG if verbose else logging.INFO)


def nowhere(*, verbose: bool) -> None:
    """A verb that prints its own words: the log is shown only to somebody who asked for it."""
    if verbose:
        to_stderr(verbose=True)
    else:
        logging.getLogger("perkd").addHandler(logging.NullHandler())


def complain(text: str) -> None:
    """A last word before the exit: an error, to the journal as one."""
    if _is_journal(os.environ.get("JOURNAL_STREAM", "")):
        text = "\n".join(f"<3>{line}" for line in text.splitlines())
    print(text, file=sys.stderr)


def _is_journal(stream: str) -> bool:
    """Whether stderr still is what systemd connected to the journal: systemd.exec(5), $JOURNAL_STREAM."""
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return stream == f"{status.st_dev}:{status.st_ino}"
