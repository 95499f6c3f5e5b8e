"""What a ledger promises: the one durable truth about what was seen, given and taken back.

`polling`, `delivery`, `status` and `control` use these promises; `ledger/__init__.py` names the implementations, and
one contract suite runs over all of them.

    LedgerError
    ├── LedgerMissing      the marker says there was a ledger, the file is gone
    ├── LedgerForeign      the file is another ledger than the marker's
    ├── LedgerCorrupt      it cannot be read as a ledger
    ├── LedgerUnwritable   the directory or file cannot be written
    ├── LedgerLocked       another daemon uses the same state directory
    ├── LedgerFailed       a commit failed: nothing is recorded or sent any more
    └── NotPossible        an operator asked for a transition the state table does not have
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ..config import TokenEntry
from ..core.changes import Catalogue, Command, Draft, Known, Observation, Outcome
from ..core.model import Perk, Profile, Secret, Server, State
from ..core.queue_lines import Decided
from ..runtime import Fatal
from .rows import CommandRow, CustomerRow, Enrolled, EventRow, HandedOut, Polled, Summary, TokenSource, Unenrolled


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


class Ledger(Protocol):
    """Every write is durable when it returns, and atomic. `now` is aware UTC; a naive time is a TypeError."""

    @property
    def id(self) -> str:
        """What tells this ledger from every other one, for as long as it lives."""
        ...

    # --- the config and the list of customers
    async def configure(
        self, servers: Sequence[Server], perks: Sequence[Perk], now: datetime, *, adopt: bool
    ) -> Catalogue:
        """Makes the config known: cut-offs of new (perk, server) pairs, renames by `was`; blocks what is planned for
        a server that left and plans it again when it came back; blocks the store's lines on a server that does not run
        them. Returns today's catalogue."""
        ...

    async def sync_tokens(self, entries: Sequence[TokenEntry], now: datetime) -> tuple[int, int]:
        """Makes the tokens of source `file` exactly these. Returns how many were added and how many removed."""
        ...

    async def add_token(self, entry: TokenEntry, source: TokenSource, profile: Profile, now: datetime) -> bool:
        """Adds a token whose customer is known. False: it was there and polled already. It takes the place of the other
        ones, but for those of the customers' file."""
        ...

    async def identify(self, token_id: int, profile: Profile, now: datetime) -> None:
        """The store said whose token it is: the customer is known from now on."""
        ...

    async def polled(self) -> list[Polled]:
        """Everybody who must be looked at: each token in use, and each removed customer whose ends still come."""
        ...

    def polled_pages(self, most: int) -> AsyncIterator[list[Polled]]:
        """The same, at most so many at a time: 100,000 at once would take a hundred times the room they need later."""
        ...

    async def remove_customer(self, customer_id: str, now: datetime) -> bool:
        """Stops polling; sends nothing. False: nobody of that id is polled."""
        ...

    # --- loop 1
    async def known(self, customer_id: str, players: Callable[[Profile], Iterable[str]]) -> Known:
        """All that is known about the customer. `players` finds their players in the profile, for shared holdings."""
        ...

    async def record(self, seen: Observation) -> Recorded:
        """One transaction: items, holdings, commands, events, digest. A grant or revoke is planned only where law 8
        says the opposite step needs one; recording twice is recording once."""
        ...

    async def sighted(self, read: Mapping[str, datetime]) -> None:
        """Unchanged complete inventories, read at these times."""
        ...

    # --- loop 2
    async def claim(self, server: str, now: datetime, online: Mapping[str, datetime]) -> Command | None:
        """The next due command of the server by laws 7 and 8, committed as `sending`; None when nothing may go now.
        `online`: player → since when they are there. A step that any server of a place may take is this one's from now
        on, until nothing of it was sent."""
        ...

    async def next_due(self, server: str, now: datetime, online: Mapping[str, datetime]) -> datetime | None:
        """When the next waiting command of the server becomes due, also by a player having been there long enough;
        None: nothing waits for time."""
        ...

    async def settle(self, command_id: int, outcome: Outcome, now: datetime) -> State:
        """Writes how it ended and what follows for its step. Returns the state it is in now: VOID instead of PLANNED
        when the opposite change came meanwhile. Raises NotPossible unless it is `sending`."""
        ...

    async def recover(self, now: datetime) -> int:
        """At start: each command in `sending` becomes unknown, because perkd stopped. Returns how many."""
        ...

    # --- the store's command queues
    async def hand_out(self, server: str, decided: Sequence[Decided], now: datetime) -> HandedOut:
        """Records one answer of the server's queue. New lines are decided now and their commands recorded; older lines
        must be acknowledged again. However often an attempt comes, it becomes one command. A waiting command
        moves to the server that got the line this time; a blocked one takes the line's new text."""
        ...

    async def lines_run_since(self, queue: str, now: datetime, *, runs: bool) -> datetime | None:
        """Since when perkd runs the lines of this queue: since now, if it did not before. `runs` False: perkd does not
        run them, and forgets the time."""
        ...

    async def owed(self, server: str) -> list[str]:
        """What perkd must acknowledge: lines for perkd, and commands delivered, answered, done or skipped."""
        ...

    async def acknowledged(self, attempt_ids: Sequence[str], now: datetime) -> None:
        """Notes that the store knows."""
        ...

    # --- enrolment and the feed
    async def enrolled(self, customer_ids: Iterable[str]) -> dict[str, Enrolled]:
        """The enrolment of each of these customers, also of unknown ones."""
        ...

    async def kept_out(self) -> list[Profile]:
        """Customers whom an operator removed and nobody added again, if the store ever said who they are."""
        ...

    async def enrol(
        self, profile: Profile, token: Secret, now: datetime, *, instead_of: int | None = None
    ) -> Polled | None:
        """Stores a token the store made for perkd, and drops the one it replaces. None: nobody needs it now, because
        somebody else added the customer meanwhile, or an operator removed them."""
        ...

    async def not_enrolled(self, customer_id: str, reason: str, again_at: datetime) -> None:
        """No token could be made for the customer, who counts as `unenrolled` until one is."""
        ...

    async def need_not_enrol(self, customer_id: str) -> None:
        """The customer is polled, or must not be polled: no longer `unenrolled`."""
        ...

    async def want_back(self, now: datetime) -> int:
        """Customers without a token whom no operator removed are due for a new one. Returns how many."""
        ...

    async def unenrolled(self) -> Unenrolled: ...

    async def unenrolled_due(self, now: datetime, limit: int) -> list[str]:
        """Customers to try again. Those who waited longest come first."""
        ...

    async def bookmark(self, name: str) -> str | None:
        """How far a reading of the store has come: the value that was stored last."""
        ...

    async def put_bookmark(self, name: str, value: str) -> None: ...

    async def listed(self, item_ids: Iterable[str]) -> set[str]:
        """Which of these items a complete inventory had."""
        ...

    # --- the operator
    async def command(self, command_id: int) -> CommandRow | None: ...

    async def retry(self, command_id: int, draft: Draft, now: datetime) -> str:
        """Plans it again as a new generation with the text of `draft`, and what waited behind it. Returns its place.
        Raises NotPossible."""
        ...

    async def close_command(self, command_id: int, state: State, now: datetime) -> str:
        """`done` (DELIVERED) or `skip` (VOID) by the operator; frees what waited behind it. Returns its place."""
        ...

    async def release_brake(self, now: datetime) -> int:
        """Plans what the brake blocked. Returns how many."""
        ...

    # --- reports: a second, read-only connection, so that they never delay a command
    async def summary(self, now: datetime) -> Summary: ...

    async def commands(
        self,
        *,
        state: State | None = None,
        server: str | None = None,
        customer_id: str | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[CommandRow]:
        """Newest first."""
        ...

    async def customers(self) -> list[CustomerRow]: ...

    async def events(self, *, command_id: int) -> list[EventRow]:
        """The history of one command, oldest first."""
        ...

    async def window(self, since: datetime) -> list[tuple[str, datetime, int, int]]:
        """For the brake at start: (customer, read_at, holdings held, removals counted) of all customers read since."""
        ...

    async def brake_since(self) -> datetime | None: ...

    # --- life
    async def backup(self, keep: int, now: datetime) -> str:
        """Writes a copy beside the ledger and keeps the newest `keep`. Returns its path."""
        ...

    async def purge(self, before: datetime) -> int:
        """Removes finished commands, acknowledged attempts and events older than that; never the key of a once-item or
        of a store's command. Returns how many rows."""
        ...

    async def close(self) -> None: ...
