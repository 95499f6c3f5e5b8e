"""Sets up the log. It goes to stderr, with times for a person, or with priorities for the systemd journal.

`run` turns it on; the other verbs keep the log out of their output.
"""

import logging
import os
import sys
import time
from collections.abc import Mapping

from .output import printable

# RFC 5424 severities, as sd-daemon(3) reads them; the highest level first.
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7))


TIME = "%Y-%m-%dT%H:%M:%SZ"


class ForJournal(logging.Formatter):
    """Lines such as `<6>polling: …`. The journal adds the time, and reads the priority at the start of each line."""

    def format(self, record: logging.LogRecord) -> str:
        priority = next((value for level, value in PRIORITIES if record.levelno >= level), 7)
        text = _one_record(super().format(record))
        return f"<{priority}>{text}".replace("\n", f"\n<{priority}>")


class ForPeople(logging.Formatter):
    """Lines such as `2026-08-30T12:00:05Z WARNING polling: …`."""

    _second, _text = 0, ""  # of the last line: many lines come in the same second

    def format(self, record: logging.LogRecord) -> str:
        return _one_record(super().format(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        if (second := int(record.created)) != self._second:
            self._second, self._text = second, time.strftime(datefmt or TIME, time.gmtime(second))
        return self._text


def _one_record(text: str) -> str:
    """Indents the lines after a line break, so that a reply or a name with one cannot look like a log record."""
    if text.isprintable():
        return text
    first, *more = text.rstrip().splitlines() or [""]
    return "\n    ".join([printable(first), *map(printable, more)])


def to_stderr(env: Mapping[str, str] = os.environ, *, verbose: bool) -> None:
    """Sends everything that perkd logs to stderr; with `verbose` also what its libraries log."""
    handler = logging.StreamHandler(sys.stderr)
    if _is_journal(env.get("JOURNAL_STREAM", "")):
        handler.setFormatter(ForJournal("%(name)s: %(message)s"))
    else:
        handler.setFormatter(ForPeople("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    # No format shows these, and collecting them costs as much as the rest of a line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root.handlers = [handler]
    root.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("perkd").setLevel(logging.DEBUG if verbose else logging.INFO)


def nowhere(*, verbose: bool) -> None:
    """For the verbs that print their own output: shows the log only with --verbose."""
    if verbose:
        to_stderr(verbose=True)
    else:
        logging.getLogger("perkd").addHandler(logging.NullHandler())


def complain(text: str) -> None:
    """Prints a last message to stderr before the exit; in the journal it has the priority of an error."""
    if _is_journal(os.environ.get("JOURNAL_STREAM", "")):
        text = "\n".join(f"<3>{line}" for line in text.splitlines())
    print(text, file=sys.stderr)


def _is_journal(stream: str) -> bool:
    """Whether stderr goes to the journal: see $JOURNAL_STREAM in systemd.exec(5)."""
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return stream == f"{status.st_dev}:{status.st_ino}"
