"""The report: the state of everything. The page, the JSON, the command line and health all show it.

`health` makes one from the ledger's summary and from what the loops know. The design defines the JSON names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from ..core.model import ServerState
from ..core.places import members
from ..ledger import Brakes, CommandRow, Rarities, ServerQueue, Summary
from .problems import Problem


class StoreState(StrEnum):
    """The state of the store."""

    OK = "ok"
    SLOW = "slow"  # it asked for a slower pace
    UNREACHABLE = "unreachable"
    REFUSED = "refused"  # it refuses all tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHealth:
    state: StoreState
    last_answer_at: datetime | None = None
    last_error: str | None = None
    limited_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomersHealth:
    known: int
    polled: int  # read completely at least once since the start
    failing: int
    refused: int
    online: int  # customers who are on a server now
    sweep_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHealth:
    name: str
    game: str
    transport: str  # "" for a server that is not in the config
    state: ServerState
    players: int | None  # None: not known
    queue: int
    oldest_s: float | None
    last_reply_at: datetime | None
    last_error: str | None
    retry_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    version: str
    started_at: datetime
    now: datetime
    store: StoreHealth
    customers: CustomersHealth
    servers: tuple[ServerHealth, ...]
    summary: Summary
    brake: Brakes
    rarities: Rarities = field(default_factory=Rarities)
    problems: tuple[Problem, ...] = ()
    late: Mapping[str, float] = field(default_factory=dict)  # loop → seconds since its last completed pass
    not_ready: Sequence[str] = ()  # the reasons why the daemon is not ready; empty: it is ready
    backup_error: str | None = None  # why the last nightly copy failed

    def to_json(self) -> dict[str, Any]:
        brake = self.brake
        return {
            "version": self.version,
            "started_at": stamp(self.started_at),
            "now": stamp(self.now),
            "store": _stamped(self.store),
            "customers": _stamped(self.customers),
            "servers": [_stamped(server) for server in self.servers],
            "commands": dict(self.summary.commands),
            "holdings": self.summary.holdings,
            "brake": {
                "on": brake.on_at is not None,
                "since": stamp(brake.on_at),
                "blocked": brake.blocked,
                "reason": brake.reason,
            },
            "problems": [asdict(problem) for problem in self.problems],
        }


def reasons_not_ready(
    store: StoreHealth, servers: Iterable[ServerHealth], brake: Brakes, *, answers: bool
) -> list[str]:
    """Why the daemon is not ready. `answers`: the store answered lately, or there is nobody to ask about."""
    reasons = [] if answers else [f"the store has not answered lately: {store.last_error or store.state}"]
    reasons += [
        f"{server.name}: the password is refused: {server.last_error}"
        for server in servers
        if server.state is ServerState.REFUSED
    ]
    return [*reasons, f"the brake is on: {brake.reason}"] if brake.on_at else reasons


def command_json(row: CommandRow) -> dict[str, Any]:
    """One command as `/commands` and `perkd commands` show it."""
    return {
        "id": row.id,
        "server": row.server,
        "customer_id": row.customer_id,
        "player": row.player,
        "perk": row.perk_shown,
        "item_id": row.item_id,
        "step": row.step,
        "text": row.text,
        "state": row.state,
        "reason": row.reason,
        "reply": row.reply,
        "attempts": row.attempts,
        "created_at": stamp(row.created_at),
        "due_at": stamp(row.due_at),
        "sent_at": stamp(row.sent_at),
        "settled_at": stamp(row.settled_at),
    }


def stamp(at: datetime | None) -> str | None:
    """RFC 3339, UTC, milliseconds."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds")[: -len("+00:00")] + "Z"


def _stamped(part: StoreHealth | CustomersHealth | ServerHealth) -> dict[str, Any]:
    return {key: stamp(value) if isinstance(value, datetime) else value for key, value in asdict(part).items()}


def server_rows(summary: Summary, configured: Sequence[ServerHealth], now: datetime) -> tuple[ServerHealth, ...]:
    """The servers of the config with their queues, then other servers that commands still wait for."""
    queues = _by_server(summary.queues, [server.name for server in configured])

    def aged(server: ServerHealth) -> ServerHealth:
        queue = queues.get(server.name)
        if queue is None:
            return server
        oldest_s = (now - queue.oldest_at).total_seconds() if queue.oldest_at else None
        return ServerHealth(**{**_fields(server), "queue": queue.queue, "oldest_s": oldest_s})

    names = {server.name for server in configured}
    gone = [name for name in summary.absent_servers if name not in names]
    return (*map(aged, configured), *(_absent(name) for name in gone))


def _by_server(queues: Sequence[ServerQueue], configured: Sequence[str]) -> dict[str, ServerQueue]:
    """The queue of each server. Commands for any one of several servers count once: with the first in the config."""
    found: dict[str, ServerQueue] = {}
    for queue in queues:
        server = next((name for name in members(queue.server) if name in configured), queue.server)
        other = found.get(server, ServerQueue(server=server, queue=0, oldest_at=None))
        oldest_at = min(filter(None, (queue.oldest_at, other.oldest_at)), default=None)
        found[server] = ServerQueue(server=server, queue=queue.queue + other.queue, oldest_at=oldest_at)
    return found


def _fields(server: ServerHealth) -> dict[str, Any]:
    return {name: getattr(server, name) for name in ServerHealth.__slots__}


def _absent(name: str) -> ServerHealth:
    return ServerHealth(
        name=name,
        game="",
        transport="",
        state=ServerState.ABSENT,
        players=None,
        queue=0,
        oldest_s=None,
        last_reply_at=None,
        last_error="not in the config any more",
        retry_at=None,
    )
