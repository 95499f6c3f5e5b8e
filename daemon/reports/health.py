"""Puts the report together: the ledger's summary beside what the loops know of themselves.

`app` makes one Health; HTTP, the control socket and systemd's status line ask it for reports.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from perkd import __version__

from ..core.model import ServerState
from ..core.roster import Roster
from ..enrolment import Newcomers
from ..ledger import Ledger
from ..paynow import Storefront
from ..polling import Lane, Polling
from ..runtime import Clock, Pulse, Severity
from ..servers import Fleet, Link, LinkState, Server
from . import problems
from .status import CustomersHealth, Report, ServerHealth, StoreHealth, StoreState, server_rows

FAILING_AFTER = 3  # times in a row: one hiccup asks for nobody
LATELY_AT_LEAST = timedelta(minutes=5)
BLIND_AFTER = timedelta(minutes=5)  # or three rounds of reading who is online, if that is longer


@dataclass(frozen=True, slots=True)
class Health:
    """Everything a report is made of."""

    ledger: Ledger
    lane: Lane
    polling: Polling
    store: Storefront
    fleet: Fleet
    pulse: Pulse
    clock: Clock
    started_at: datetime
    backup_error: Callable[[], str | None]
    newcomers: Newcomers

    async def report(self) -> Report:
        """Everything at this moment. Reads the ledger's second connection; waits for nothing else."""
        now, polling = self.clock.now(), self.polling
        summary = await self.ledger.summary(now)
        store_health = _store(polling, self.store, now)
        servers = self.fleet.servers.values()
        rows = server_rows(summary, [_server(server) for server in servers], now)
        late = self.pulse.late()
        return Report(
            version=__version__,
            started_at=self.started_at,
            now=now,
            store=store_health,
            customers=_customers(polling, self.fleet, summary.customers, self.started_at),
            servers=rows,
            summary=summary,
            problems=problems.find(
                summary,
                self.lane.rules.catalogue,
                late=late,
                skew=None if polling.clockwatch.ok else polling.clockwatch.skew,
                servers=[(row.name, row.state, row.last_error) for row in rows],
                store_error=store_health.last_error if store_health.state is StoreState.UNREACHABLE else None,
                refused=[(w.label, w.error or "") for w in polling.watches.values() if w.refused],
                failing=_failing(polling),
                backup_error=self.backup_error(),
                enrols=self.newcomers.enrolment is not None,
                more=[
                    *self.newcomers.problems(),
                    *(found for server in servers if (one := server.activation) for found in one.problems()),
                ],
                blind=[server.settings.name for server in servers if is_blind(server.link, server.roster, now)],
            ),
            late=late,
            lately=_lately(self.store, polling, now),
        )


def line(found: Report) -> str:
    """One line a person understands, for `systemctl status`."""
    up = sum(server.state is ServerState.UP for server in found.servers)
    queue = sum(server.queue for server in found.servers)
    words = f"{up} of {len(found.servers)} servers up, {queue} commands waiting, {found.customers.known} customers"
    errors = [problem for problem in found.problems if problem.severity is Severity.ERROR]
    return f"{words}; {len(errors)} problems: {errors[0].text}" if errors else words


def _store(polling: Polling, store: Storefront, now: datetime) -> StoreHealth:
    limited_until = store.limited_until(now)
    state = StoreState.OK
    if polling.unreachable is not None:
        state = StoreState.UNREACHABLE
    elif polling.watches and all(watch.refused for watch in polling.watches.values()):
        state = StoreState.REFUSED
    if limited_until is not None:
        state = StoreState.SLOW
    return StoreHealth(
        state=state,
        last_answer_at=store.last_answer_at,
        last_error=polling.unreachable,
        limited_until=limited_until,
    )


def _failing(polling: Polling) -> list[tuple[str, str]]:
    """Customers who cannot be read though the store can: each is a problem of his own."""
    if polling.unreachable is not None:
        return []
    watches = polling.watches.values()
    return [(w.label, w.error) for w in watches if w.error and not w.refused and w.failures >= FAILING_AFTER]


def _lately(store: Storefront, polling: Polling, now: datetime) -> bool:
    """Whether the store answered within three rounds of polling."""
    allowed = max(LATELY_AT_LEAST, 3 * polling.every.offline)
    return store.last_answer_at is not None and now - store.last_answer_at <= allowed


def _customers(polling: Polling, fleet: Fleet, known: int, started_at: datetime) -> CustomersHealth:
    watches = [watch for watch in polling.watches.values() if watch.is_read]
    return CustomersHealth(
        known=known,
        polled=sum(watch.read_at is not None and watch.read_at >= started_at for watch in watches),
        failing=sum(watch.failures > 0 and not watch.refused for watch in watches),
        refused=sum(watch.refused for watch in watches),
        online=polling.players.count(fleet.players()),
        sweep_s=polling.sweep.last_s,
    )


def is_blind(link: Link, roster: Roster, now: datetime) -> bool:
    """Whether the server is up long enough, and still nobody could read who is online there."""
    if link.state is not LinkState.UP or link.connected_at is None or roster.known:
        return False
    return now - link.connected_at > max(BLIND_AFTER, 3 * link.server.presence)


def _server(server: Server) -> ServerHealth:
    link, settings = server.link, server.settings
    return ServerHealth(
        name=settings.name,
        game=settings.game,
        transport=settings.endpoint.transport,
        state=ServerState(link.state.value),
        players=len(server.roster) if server.roster.known else None,
        queue=0,
        oldest_s=None,
        last_reply_at=link.last_reply_at,
        last_error=link.last_error,
        retry_at=link.retry_at,
    )
