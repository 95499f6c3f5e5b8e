"""How a verb ends when it cannot do what was asked: one type for each exit code, a stable code, and a message.

Every module of `cli` raises these; `main` prints the message, with --json the whole error, and exits.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

Fact = str | int | float | bool | Sequence[str] | Sequence[int] | None


class Code(StrEnum):
    """What went wrong, as a word for programs: it stays when a message is worded anew. Where the store is the reason,
    the code is that of the StoreError."""

    # What was typed
    BAD_VALUE = "bad_value"  # `options` names the options or arguments
    WRONG_CHOICE = "wrong_choice"  # options that exclude each other, or of which one is missing
    NEEDS_YES = "needs_yes"  # nobody can be asked here, and --yes was not given
    DECLINED = "declined"  # the person who was asked said no
    OTHER_STORE = "other_store"  # the store's id is not that of the config
    TOKEN_ON_COMMAND_LINE = "token_on_command_line"  # noqa: S105 - a code, no token
    BAD_TOKEN = "bad_token"  # noqa: S105 - a code, no token
    # Files
    BAD_FILE = "bad_file"  # `lines` names the lines that are wrong
    FILE_UNREADABLE = "file_unreadable"
    FILE_EXISTS = "file_exists"
    FILE_UNWRITABLE = "file_unwritable"
    FILE_IN_USE = "file_in_use"
    ANSWER_UNWRITABLE = "answer_unwritable"
    # The config, the ledger and this machine
    CONFIG_INVALID = "config_invalid"
    NO_API_KEY = "no_api_key"
    LEDGER_UNUSABLE = "ledger_unusable"
    LEDGER_DAMAGED = "ledger_damaged"
    LEDGER_NOT_READABLE = "ledger_not_readable"
    LEDGER_OF_ANOTHER_VERSION = "ledger_of_another_version"
    CANNOT_START = "cannot_start"
    PORT_TAKEN = "port_taken"
    # The running daemon
    DAEMON_UNREACHABLE = "daemon_unreachable"
    DAEMON_SILENT = "daemon_silent"
    DAEMON_NOT_ALLOWED = "daemon_not_allowed"
    DAEMON_BAD_REQUEST = "daemon_bad_request"  # it does not accept a word it was sent
    DAEMON_NOT_POSSIBLE = "daemon_not_possible"
    DAEMON_CONFIG_REFUSED = "daemon_config_refused"
    DAEMON_STORE_TROUBLE = "daemon_store_trouble"  # the store did not do what the daemon asked it for
    DAEMON_FAILED = "daemon_failed"
    # The store
    NO_SUCH_CUSTOMER = "no_such_customer"
    TOKEN_LOST = "token_lost"  # noqa: S105 - a code, no token: one was made, and nobody has it
    # Work that ended early
    INTERRUPTED = "interrupted"
    EARLIER_RUN_KILLED = "earlier_run_killed"  # and nothing of it went through
    RECORD_UNREADABLE = "record_unreadable"  # what that run left behind
    RECORD_DIFFERS = "record_differs"  # it is about another file, store or verb
    ROWS_LEFT = "rows_left"  # not every row of a file went through
    FAULT = "fault_in_perkd"


class CliError(Exception):
    """Not done. The message says why and what to do.

    `facts` are what a program may want to know of it, by name: `retry_after_s` (a pause before the next try),
    `may_have_happened` (the change may be made all the same), `lines` (of a file), `options`.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, message: str, **facts: Fact) -> None:
        super().__init__(message)
        self.code = str(code)
        self.facts = {name: fact for name, fact in facts.items() if fact is not None}

    def to_json(self) -> dict[str, object]:
        return {"error": {"code": self.code, "message": str(self), **self.facts}}


class NotWell(CliError):
    """What was asked about is not well, or what was asked for is not possible."""


class WrongUse(CliError):
    """The command line was used wrongly."""

    exit_code = 2


class OutOfReach(CliError):
    """The daemon or the store does not answer."""

    exit_code = 69


class Misconfigured(CliError):
    """The config, or what it points at, has to change first."""

    exit_code = 78
