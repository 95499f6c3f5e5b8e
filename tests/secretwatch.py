"""Every secret a test used, and the search for it in what the tests printed and logged.

tests/conftest.py feeds it, hands out the fixture `secret`, and fails the run when a secret got out.
"""

import logging
import secrets
from dataclasses import dataclass, field

SHORTEST = 8  # anything shorter would be found in innocent text

# What every log record has, or what is the handler's own work: all else came in by `extra=`.
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


@dataclass(slots=True)
class Watch:
    """Knows the secrets of one run and which test let one out."""

    secrets: dict[str, str] = field(default_factory=dict)  # the secret itself → what it is, in words
    leaks: list[str] = field(default_factory=list)

    def remember(self, text: str, label: str = "a secret") -> str:
        """Watches for `text` from now on and returns it. Raises ValueError when it is too short to be searched for."""
        if len(text) < SHORTEST:
            raise ValueError(f"{label} has {len(text)} characters; the watch needs {SHORTEST} to avoid chance matches")
        self.secrets[text] = label
        return text

    def found_in(self, text: str) -> list[str]:
        """What kinds of secret stand in `text`; never the secrets themselves."""
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
        """Everything since the last call."""
        text = "\n".join(self._texts)
        self._texts.clear()
        return text


watch = Watch()


def remember(text: str, label: str = "a secret") -> str:
    """Registers a secret a test chose itself. Returns it."""
    return watch.remember(text, label)


def mint(label: str = "a secret") -> str:
    """A new secret, unique to this call, already registered."""
    return watch.remember(f"hush-{secrets.token_hex(12)}", label)


def found_in(text: str) -> list[str]:
    """For the output of processes a test started itself: what kinds of secret stand in it."""
    return watch.found_in(text)
