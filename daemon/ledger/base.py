"""What can be wrong with the ledger, and what recording answers.

LedgerError
├── LedgerMissing      the marker says there was a ledger, the file is gone
├── LedgerForeign      the file is another ledger than the marker's
├── LedgerCorrupt      it cannot be read as a ledger
├── LedgerUnwritable   the directory or file cannot be written
├── LedgerLocked       another daemon uses the same state directory
├── LedgerFailed       a commit failed: nothing is recorded or sent any more
└── NotPossible        an operator asked for a transition the state table does not have
"""

from dataclasses import dataclass
from enum import StrEnum

from ..runtime import Fatal


class LedgerCode(StrEnum):
    """What exactly is wrong: a stable word beside the message, for code that acts on it."""

    # the files
    GONE = "gone"  # LedgerMissing
    NO_LEDGER = "no_ledger"  # LedgerMissing: there is nothing to read
    OTHER_PROGRAM = "other_program"  # LedgerForeign
    OTHER_LEDGER = "other_ledger"  # LedgerForeign
    NEWER_SCHEMA = "newer_schema"  # LedgerForeign
    DAMAGED = "damaged"  # LedgerCorrupt
    NOT_WRITABLE = "not_writable"  # LedgerUnwritable: the directory, the file or its marker
    NOT_COPIED = "not_copied"  # LedgerUnwritable: a backup
    NOT_MIGRATED = "not_migrated"  # LedgerUnwritable
    IN_USE = "in_use"  # LedgerLocked
    CLOSED = "closed"  # LedgerFailed
    BROKEN = "broken"  # LedgerFailed: the disk or the file failed
    # NotPossible: what an operator, or the loop that sends, asked for
    NO_COMMAND = "no_command"  # of that id
    NOT_IN_THIS_STATE = "not_in_this_state"
    STEP_IS_OVER = "step_is_over"  # the opposite change came
    BLOCKED_AGAIN = "blocked_again"  # as soon as it would be planned
    NOT_IN_CONFIG = "not_in_config"  # the perk has no such command any more
    SERVER_GONE = "server_gone"  # it is not in the config
    LINE_UNSENDABLE = "line_unsendable"  # a line of the store that is no single command
    NO_SERVER = "no_server"  # of that name
    NO_CUSTOMER = "no_customer"  # of that id


class LedgerError(Fatal):
    """The ledger cannot be used as asked; the message says what to do."""

    def __init__(self, code: LedgerCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class LedgerMissing(LedgerError): ...


class LedgerForeign(LedgerError): ...


class LedgerCorrupt(LedgerError): ...


class LedgerUnwritable(LedgerError): ...


class LedgerLocked(LedgerError): ...


class LedgerFailed(LedgerError): ...


class NotPossible(LedgerError): ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording changed: how many commands were planned and blocked, and which places have something to send."""

    planned: int
    blocked: int
    voided: int
    servers: frozenset[str]
