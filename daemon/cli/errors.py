"""The errors of verbs: one type for each exit code. Each error has a stable code and a message.

Every module of `cli` raises these; `main` prints the message (with --json the whole error) and exits.
"""

from collections.abc import Sequence
from enum import StrEnum, unique
from typing import ClassVar, Self

Fact = str | int | float | bool | Sequence[str] | Sequence[int] | None


@unique
class Code(StrEnum):
    """All errors of a verb, each with what it means. A code is stable, the message may change. For an error of the
    store, the code is that of its StoreError."""

    meaning: str

    def __new__(cls, word: str, meaning: str) -> Self:
        member = str.__new__(cls, word)
        member._value_, member.meaning = word, meaning
        return member

    # What was typed
    BAD_VALUE = "bad_value", "the value of an option or argument is wrong; `options` names it"
    WRONG_CHOICE = "wrong_choice", "options that exclude each other, or an option that is missing"
    NEEDS_YES = "needs_yes", "there is no terminal to ask on, and `--yes` was not given"
    DECLINED = "declined", "you were asked and did not confirm"
    OTHER_STORE = "other_store", "the store's id that you gave is not that of the configuration"
    TOKEN_ON_COMMAND_LINE = "token_on_command_line", "a token on the command line, where others can see it"
    BAD_TOKEN = "bad_token", "there is no token in what you gave, or it cannot be one"
    # Files
    BAD_FILE = "bad_file", "a file has mistakes; `lines` names the wrong lines, where known"
    FILE_UNREADABLE = "file_unreadable", "a file cannot be read"
    FILE_EXISTS = "file_exists", "perkd does not overwrite a file that exists"
    FILE_UNWRITABLE = "file_unwritable", "a file cannot be written"
    FILE_IN_USE = "file_in_use", "another perkd works with the file, or it cannot be locked"
    ANSWER_UNWRITABLE = "answer_unwritable", "the answer cannot be written to stdout; the work itself may be done"
    # The config, the ledger and this machine
    CONFIG_INVALID = "config_invalid", "the configuration has mistakes"
    NO_API_KEY = "no_api_key", "`perkd store` needs an API key, and the configuration has none"
    LEDGER_UNUSABLE = "ledger_unusable", "the ledger cannot be used; the message says why"
    LEDGER_DAMAGED = "ledger_damaged", "the ledger is damaged"
    LEDGER_NOT_READABLE = "ledger_not_readable", "this user may not read the ledger"
    LEDGER_OF_ANOTHER_VERSION = "ledger_of_another_version", "the ledger belongs to another version of perkd"
    CANNOT_START = "cannot_start", "the daemon cannot start; the message says why"
    PORT_TAKEN = "port_taken", "the sandbox cannot open a port"
    # The running daemon
    DAEMON_UNREACHABLE = "daemon_unreachable", "no daemon answers at the control socket"
    DAEMON_SILENT = "daemon_silent", "the daemon did not answer in time"
    DAEMON_NOT_ALLOWED = "daemon_not_allowed", "this user may not open the control socket"
    DAEMON_BAD_REQUEST = "daemon_bad_request", "the daemon does not accept the request"
    DAEMON_NOT_POSSIBLE = "daemon_not_possible", "the daemon cannot do what you asked for"
    DAEMON_CONFIG_REFUSED = "daemon_config_refused", "the new configuration has mistakes; the daemon keeps the old one"
    DAEMON_STORE_TROUBLE = "daemon_store_trouble", "the store did not do what the daemon asked for"
    DAEMON_FAILED = "daemon_failed", "the daemon failed in another way"
    # The store
    NO_SUCH_CUSTOMER = "no_such_customer", "the store has no such customer"
    TOKEN_LOST = "token_lost", "a token was made and then lost"
    # Work that ended early
    INTERRUPTED = "interrupted", "a signal or Ctrl-C stopped the work"
    EARLIER_RUN_KILLED = "earlier_run_killed", "an earlier run of this file was killed, and no row went through"
    RECORD_UNREADABLE = "record_unreadable", "the record of an earlier run, FILE.sending, cannot be read"
    RECORD_DIFFERS = "record_differs", "the record of an earlier run is about another file, store or command"
    ROWS_LEFT = "rows_left", "not every row of a file went through"
    FAULT = "fault_in_perkd", "a fault in perkd itself"


class CliError(Exception):
    """A verb failed. The message says why and what to do.

    `facts` are details for programs: `retry_after_s` (wait so long before the next try), `may_have_happened` (the
    change may have been made), `lines` (of a file), `options`.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, message: str, **facts: Fact) -> None:
        super().__init__(message)
        self.code = str(code)
        self.facts = {name: fact for name, fact in facts.items() if fact is not None}

    def to_json(self) -> dict[str, object]:
        return {"error": {"code": self.code, "message": str(self), **self.facts}}


class NotWell(CliError):
    """Something is not well, or the request is not possible."""


class WrongUse(CliError):
    """The command line, or a file it names, is wrong."""

    exit_code = 2


class OutOfReach(CliError):
    """The daemon or the store cannot be reached."""

    exit_code = 69


class Misconfigured(CliError):
    """The config, or something that it names, must change first."""

    exit_code = 78
