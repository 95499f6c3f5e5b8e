"""The ledger on SQLite. One thread writes, a second one reads for reports. Every write is on disk when it returns.

`ledgers.py` lists it. The SQL statements are in queries.sql; the modules beside this one run them.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Self

from ..config import TokenEntry
from ..core.changes import Catalogue, Command, Draft, Known, Observation, Outcome
from ..core.model import Perk, Profile, Secret, Server, State
from ..core.queue_lines import Decided
from . import attempts, deliver, enrolling, files, observe, operate, report
from .base import LedgerCode, LedgerCorrupt, Recorded
from .convert import micros, moment
from .engine import Engine
from .queries import SQL
from .rows import CommandRow, CustomerRow, Enrolled, EventRow, HandedOut, Polled, Summary, TokenSource, Unenrolled


class SqliteLedger:
    """See `base.Ledger` for what each method promises."""

    def __init__(self, path: Path, lock: files.Lock, writer: Engine, reader: Engine, ledger_id: str) -> None:
        self.path = path
        self._id = ledger_id
        self._lock = lock
        self._writer = writer
        self._reader = reader

    @classmethod
    async def open(cls, path: Path, now: datetime) -> Self:
        """Locks, checks and migrates the ledger. Raises the LedgerErrors of `files.py`."""
        micros(now)  # raises for a naive time before any file is touched
        with ExitStack() as undo:
            lock = files.Lock(path)
            undo.callback(lock.release)
            connection = files.open_database(path, now)
            undo.callback(connection.close)
            reading = files.open_reader(path)
            undo.callback(reading.close)
            ledger_id = report.ledger_id(reading)
            undo.pop_all()
        writer = Engine(connection, "perkd-ledger", writes=True)
        reader = Engine(reading, "perkd-reports", writes=False)
        return cls(path, lock, writer, reader, ledger_id)

    @property
    def id(self) -> str:
        return self._id

    @property
    def failed(self) -> str | None:
        return self._writer.failed

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()
        self._lock.release()

    # --- the config and the list of customers

    async def configure(
        self, servers: Sequence[Server], perks: Sequence[Perk], now: datetime, *, adopt: bool
    ) -> Catalogue:
        at = micros(now)
        return await self._writer.run(lambda db: operate.configure(db, servers, perks, at, adopt=adopt))

    async def sync_tokens(self, entries: Sequence[TokenEntry], now: datetime) -> tuple[int, int]:
        at = micros(now)
        return await self._writer.run(lambda db: operate.sync_tokens(db, entries, at))

    async def add_token(self, entry: TokenEntry, source: TokenSource, profile: Profile, now: datetime) -> bool:
        at = micros(now)
        return await self._writer.run(lambda db: operate.add_token(db, entry, source, profile, at))

    async def identify(self, token_id: int, profile: Profile, now: datetime) -> None:
        at = micros(now)
        await self._writer.run(lambda db: operate.identify(db, token_id, profile, at))

    async def polled(self) -> list[Polled]:
        return await self._writer.read(report.polled)

    async def polled_pages(self, most: int) -> AsyncIterator[list[Polled]]:
        after = 0
        while page := await self._writer.read(lambda db, after=after: report.polled_page(db, after, most)):  # type: ignore[misc]  # a default binds it
            yield page
            after = page[-1].token_id
        yield await self._writer.read(report.removed_with_ends)

    async def remove_customer(self, customer_id: str, now: datetime) -> bool:
        at = micros(now)
        return await self._writer.run(lambda db: operate.remove_customer(db, customer_id, at))

    # --- loop 1

    async def known(self, customer_id: str, players: Callable[[Profile], Iterable[str]]) -> Known:
        return await self._writer.read(lambda db: observe.known(db, customer_id, players))

    async def record(self, seen: Observation) -> Recorded:
        return await self._writer.run(lambda db: observe.record(db, seen))

    async def sighted(self, read: Mapping[str, datetime]) -> None:
        seen = json.dumps([(int(customer), micros(at)) for customer, at in read.items()])
        await self._writer.run(lambda db: db.execute(SQL["sighted"], {"seen": seen}).rowcount)

    # --- loop 2

    async def claim(self, server: str, now: datetime, online: Mapping[str, datetime]) -> Command | None:
        at, since = micros(now), _since(online)
        return await self._writer.run(lambda db: deliver.claim(db, server, at, since))

    async def next_due(self, server: str, now: datetime, online: Mapping[str, datetime]) -> datetime | None:
        asked = {"server": server, "now": micros(now), "online": json.dumps(_since(online))}
        return moment(await self._writer.read(lambda db: db.execute(SQL["next_due"], asked).fetchone()[0]))

    async def settle(self, command_id: int, outcome: Outcome, now: datetime) -> State:
        at = micros(now)
        return await self._writer.run(lambda db: deliver.settle(db, command_id, outcome, at))

    async def recover(self, now: datetime) -> int:
        at = micros(now)
        return await self._writer.run(lambda db: deliver.recover(db, at))

    # --- the store's command queues

    async def hand_out(self, server: str, decided: Sequence[Decided], now: datetime) -> HandedOut:
        at = micros(now)
        return await self._writer.run(lambda db: attempts.hand_out(db, server, decided, at))

    async def owed(self, server: str) -> list[str]:
        return await self._writer.read(lambda db: attempts.owed(db, server))

    async def acknowledged(self, attempt_ids: Sequence[str], now: datetime) -> None:
        at = micros(now)
        await self._writer.run(lambda db: attempts.acknowledged(db, attempt_ids, at))

    async def lines_run_since(self, queue: str, now: datetime, *, runs: bool) -> datetime | None:
        at = micros(now)
        return await self._writer.run(lambda db: attempts.lines_run_since(db, queue, at, runs=runs))

    # --- enrolment and the feed

    async def enrolled(self, customer_ids: Iterable[str]) -> dict[str, Enrolled]:
        return await self._writer.read(lambda db: enrolling.enrolled(db, customer_ids))

    async def kept_out(self) -> list[Profile]:
        return await self._reader.run(enrolling.kept_out)

    async def enrol(
        self, profile: Profile, token: Secret, now: datetime, *, instead_of: int | None = None
    ) -> Polled | None:
        at = micros(now)
        return await self._writer.run(lambda db: enrolling.enrol(db, profile, token, at, instead_of=instead_of))

    async def not_enrolled(self, customer_id: str, reason: str, again_at: datetime) -> None:
        again = micros(again_at)
        await self._writer.run(lambda db: enrolling.not_enrolled(db, customer_id, reason, again))

    async def need_not_enrol(self, customer_id: str) -> None:
        await self._writer.run(lambda db: enrolling.need_not(db, customer_id))

    async def want_back(self, now: datetime) -> int:
        at = micros(now)
        return await self._writer.run(lambda db: enrolling.want_back(db, at))

    async def unenrolled(self) -> Unenrolled:
        return await self._reader.run(enrolling.unenrolled)

    async def unenrolled_due(self, now: datetime, limit: int) -> list[str]:
        at = micros(now)
        return await self._writer.read(lambda db: enrolling.unenrolled_due(db, at, limit))

    async def bookmark(self, name: str) -> str | None:
        return await self._writer.read(lambda db: enrolling.bookmark(db, name))

    async def put_bookmark(self, name: str, value: str) -> None:
        await self._writer.run(lambda db: enrolling.put_bookmark(db, name, value))

    async def listed(self, item_ids: Iterable[str]) -> set[str]:
        return await self._reader.run(lambda db: enrolling.listed(db, item_ids))

    # --- the operator

    async def command(self, command_id: int) -> CommandRow | None:
        return await self._writer.read(lambda db: report.command(db, command_id))

    async def retry(self, command_id: int, draft: Draft, now: datetime) -> str:
        at = micros(now)
        return await self._writer.run(lambda db: operate.retry(db, command_id, draft, at))

    async def close_command(self, command_id: int, state: State, now: datetime) -> str:
        at = micros(now)
        return await self._writer.run(lambda db: operate.close_command(db, command_id, state, at))

    async def release_brake(self, now: datetime) -> int:
        at = micros(now)
        return await self._writer.run(lambda db: operate.release_brake(db, at))

    # --- reports

    async def summary(self, now: datetime) -> Summary:
        return await self._reader.run(lambda db: report.summary(db, now))

    async def commands(
        self,
        *,
        state: State | None = None,
        server: str | None = None,
        customer_id: str | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[CommandRow]:
        return await self._reader.run(
            lambda db: report.commands(
                db, state=state, server=server, customer_id=customer_id, limit=limit, before=before
            )
        )

    async def customers(self) -> list[CustomerRow]:
        return await self._reader.run(report.customers)

    async def events(self, *, command_id: int) -> list[EventRow]:
        return await self._reader.run(lambda db: report.events(db, command_id))

    async def window(self, since: datetime) -> list[tuple[str, datetime, int, int]]:
        return await self._reader.run(lambda db: report.window(db, since))

    async def brake_since(self) -> datetime | None:
        row = await self._reader.run(lambda db: db.execute(SQL["brake"]).fetchone())
        return moment(row["on_at"]) if row else None

    # --- life

    async def backup(self, keep: int, now: datetime) -> str:
        """Raises LedgerCorrupt if the ledger is damaged, so that no damaged copy replaces an older, good one."""
        target = self.path.parent / "backups" / f"ledger-{moment(micros(now)):%Y%m%dT%H%M%S}.db"

        def write(db: sqlite3.Connection) -> None:
            if damage := files.damage(db):
                raise LedgerCorrupt(
                    LedgerCode.DAMAGED,
                    f"{self.path} is damaged ({damage}): perkd made no backup today and kept the older ones in "
                    f"{target.parent}",
                )
            db.execute("COMMIT")  # the copy needs no open transaction
            try:
                files.copy(db, target)
            finally:
                db.execute("BEGIN")
                db.execute("SAVEPOINT unit")

        await self._reader.run(write)
        files.keep_newest(target.parent, "ledger-*.db", keep)
        return str(target)

    async def purge(self, before: datetime) -> int:
        asked = {"before": micros(before)}

        def write(db: sqlite3.Connection) -> int:
            return sum(
                db.execute(SQL[name], asked).rowcount for name in ("purge_events", "purge_attempts", "purge_commands")
            )

        return await self._writer.run(write)


def _since(online: Mapping[str, datetime]) -> dict[str, int]:
    return {player: micros(since) for player, since in online.items()}
