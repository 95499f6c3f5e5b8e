"""Knows every secret a test used and searches for it in everything the tests print and log.

tests/conftest.py passes it all output, has the fixture `secret`, and fails the run when a secret was found.
"""

import logging
import secrets
from dataclasses import dataclass, field

SHORTEST = 8  # a shorter secret would match other text by chance

# Fields of every log record, or set by the handler; all others come from `extra=`.
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


@dataclass(slots=True)
class Watch:
    """The secrets of one run, and which test leaked one."""

    secrets: dict[str, str] = field(default_factory=dict)  # secret → its description
    leaks: list[str] = field(default_factory=list)

    def remember(self, text: str, label: str = "a secret") -> str:
        """Searches for `text` from now on; returns it. Raises ValueError when it is too short."""
        if len(text) < SHORTEST:
            raise ValueError(f"{label} has {len(text)} characters; the watch needs {SHORTEST} to avoid chance matches")
        self.secrets[text] = label
        return text

    def found_in(self, text: str) -> list[str]:
        """The descriptions of the secrets in `text`; never the secrets themselves."""
        return sorted({label for value, label in self.secrets.items() if value in text})

    def inspect(self, where: str, text: str) -> None:
        """Notes a leak for each secret in `text`. `where` names the test and the stream."""
        for label in self.found_in(text) if text else ():
            leak = f"{where}: {label}"
            if leak not in self.leaks:
                self.leaks.append(leak)


class RecordCollector(logging.Handler):
    """Keeps the text of each log record with its `extra` fields, which the formatted line does not show."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self._texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(record.getMessage())
        self._texts.extend(repr(value) for key, value in vars(record).items() if key not in _PLAIN)
        if record.exc_info:
            self._texts.append(logging.Formatter().formatException(record.exc_info))

    def take(self) -> str:
        """All text since the last call."""
        text = "\n".join(self._texts)
        self._texts.clear()
        return text


watch = Watch()


def remember(text: str, label: str = "a secret") -> str:
    """Registers a secret that a test chose. Returns it."""
    return watch.remember(text, label)


def mint(label: str = "a secret") -> str:
    """Makes and registers a unique secret."""
    return watch.remember(f"hush-{secrets.token_hex(12)}", label)


def found_in(text: str) -> list[str]:
    """The descriptions of the secrets in the output of a process that a test started."""
    return watch.found_in(text)
