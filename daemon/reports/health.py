"""Makes the report from the ledger's summary and from what the loops know.

`app` makes one Health; HTTP, the control socket and systemd's status line ask it for reports.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from perkd import __version__

from ..core.model import ServerState
from ..enrolment import Newcomers
from ..ledger import Ledger
from ..paynow import Storefront
from ..polling import Polling, Reconciler, customer_problems, store_problems
from ..runtime import Clock, Pulse, Severity
from ..servers import Fleet, RunningServer, is_blind, server_problems
from .problems import FromWings, find
from .status import CustomersHealth, Report, ServerHealth, StoreHealth, StoreState, server_rows

LATELY_AT_LEAST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Health:
    """The parts of the daemon that a report needs."""

    ledger: Ledger
    reconciler: Reconciler
    polling: Polling
    store: Storefront
    fleet: Fleet
    pulse: Pulse
    clock: Clock
    started_at: datetime
    backup_error: Callable[[], str | None]
    newcomers: Newcomers

    async def report(self) -> Report:
        """The report of this moment. It waits only for the ledger, whose second connection it reads."""
        now, polling = self.clock.now(), self.polling
        summary = await self.ledger.summary(now)
        store_health = _store(polling, self.store, now)
        servers = self.fleet.servers.values()
        rows = server_rows(summary, [_server(server) for server in servers], now)
        late = self.pulse.late()
        unreachable = store_health.last_error if store_health.state is StoreState.UNREACHABLE else None
        wings = FromWings(
            store=store_problems(polling.clockwatch, unreachable),
            servers=server_problems(
                [(row.name, row.state, row.last_error) for row in rows],
                [server.settings.name for server in servers if is_blind(server.link, server.roster, now)],
            ),
            customers=customer_problems(
                polling.watches.values(),
                reachable=polling.unreachable is None,
                enrols=self.newcomers.enrolment is not None,
            ),
            newcomers=self.newcomers.problems(),
            queues=[found for server in servers if (one := server.activation) for found in one.problems()],
        )
        return Report(
            version=__version__,
            started_at=self.started_at,
            now=now,
            store=store_health,
            customers=_customers(polling, self.fleet, summary.customers, self.started_at),
            servers=rows,
            summary=summary,
            problems=find(summary, self.reconciler.rules.catalogue, wings, late=late, backup_error=self.backup_error()),
            late=late,
            lately=_lately(self.store, polling, now),
        )


def line(found: Report) -> str:
    """The state in one line, for `systemctl status`."""
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


def _lately(store: Storefront, polling: Polling, now: datetime) -> bool:
    """Whether the store answered within the last three rounds of polling."""
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


def _server(server: RunningServer) -> ServerHealth:
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
