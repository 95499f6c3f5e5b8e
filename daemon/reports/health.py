"""Makes the report from the ledger's summary and from what the loops know.

`app` makes one Health; HTTP, the control socket and systemd's status line ask it for reports.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from perkd import __version__

from ..core.model import ServerState
from ..enrolment import Newcomers
from ..ledger import BeingSent, Brakes, Rarities, ReportsFacet
from ..paynow import Storefront
from ..polling import Polling, Reconciler, Roll, customer_problems, store_problems
from ..runtime import Clock, Context, Severity
from ..servers import Fleet, RunningServer, is_blind, server_problems
from .kept import Kept
from .problems import FromWings, find
from .status import CustomersHealth, Report, ServerHealth, StoreHealth, StoreState, reasons_not_ready, server_rows

LATELY_AT_LEAST = timedelta(minutes=5)
SUMMARY_S, RARITIES_S = 10.0, 300.0  # so long at most a report repeats what it said


@dataclass
class Health:
    """Makes reports. What the ledger tells is kept for a while; what the loops know is of the moment."""

    ledger: ReportsFacet
    reconciler: Reconciler
    polling: Polling
    store: Storefront
    fleet: Fleet
    context: Context
    started_at: datetime
    backup_error: Callable[[], str | None]
    newcomers: Newcomers

    def __post_init__(self) -> None:
        clock, self._rules = self.context.clock, self.reconciler.rules
        self._summary = Kept(self.ledger.summary, share=0.01, longest_s=SUMMARY_S)
        rarities = partial(_rarities, self.ledger, clock)
        self._rarities = Kept(rarities, share=0.001, longest_s=RARITIES_S)

    def changed(self) -> None:
        """An operator changed something: the next report shows it."""
        self._summary.drop()
        self._rarities.drop()

    def not_ready(self) -> list[str]:
        """The reasons why the daemon is not ready, from memory; empty: it is ready."""
        now = self.context.clock.now()
        servers = [_server(server) for server in self.fleet.servers.values()]
        return self._reasons(_store(self.polling.roll, self.store, now), servers, self._brake(), now)

    async def report(self, *, fresh: bool = False) -> Report:
        """The report of this moment. `fresh`: also what the ledger tells is of this moment. It waits only for the
        ledger, whose second connection it reads."""
        if self._rules is not (rules := self.reconciler.rules):  # a reload
            self._rules = rules
            self.changed()
        summary, rarities = await self._summary.get(fresh=fresh), await self._rarities.get(fresh=fresh)
        now, polling = self.context.clock.now(), self.polling
        store_health = _store(polling.roll, self.store, now)
        servers = self.fleet.servers.values()
        rows = server_rows(summary, [_server(server) for server in servers], now)
        brake = self._brake(summary.brake.blocked)
        half = Report(
            version=__version__,
            started_at=self.started_at,
            now=now,
            store=store_health,
            customers=_customers(polling.roll, self.fleet),
            servers=rows,
            summary=summary,
            brake=brake,
            rarities=rarities,
            late=self.context.pulse.late(),
            not_ready=self._reasons(store_health, rows, brake, now),
            backup_error=self.backup_error(),
        )
        unreachable = store_health.last_error if store_health.state is StoreState.UNREACHABLE else None
        wings = FromWings(
            store=store_problems(polling.clockwatch, unreachable),
            servers=server_problems(
                [(row.name, row.state, row.last_error) for row in rows],
                [server.settings.name for server in servers if is_blind(server.link, server.roster, now)],
                [one for one in summary.being_sent if _stuck(one, self.fleet.servers.get(one.server), now)],
                now,
            ),
            customers=customer_problems(
                polling.roll.refused.values(),
                polling.roll.failing.values(),
                reachable=polling.roll.unreachable is None,
                enrols=self.newcomers.enrolment is not None,
            ),
            newcomers=self.newcomers.problems(),
            queues=[found for server in servers if (one := server.activation) for found in one.problems()],
        )
        return replace(half, problems=find(half, self.reconciler.rules.catalogue, wings))

    def _reasons(self, store: StoreHealth, servers: Iterable[ServerHealth], brake: Brakes, now: datetime) -> list[str]:
        answers = not self.polling.roll.known or _lately(self.store, self.polling, now)
        return reasons_not_ready(store, servers, brake, answers=answers)

    def _brake(self, blocked: int = 0) -> Brakes:
        on_at, reason = self.reconciler.brake.on
        return Brakes(on_at=on_at, reason=reason, blocked=blocked)


async def _rarities(ledger: ReportsFacet, clock: Clock) -> Rarities:
    return await ledger.rarities(clock.now())


def _stuck(sent: BeingSent, server: RunningServer | None, now: datetime) -> bool:
    """Whether a command is being sent for more than twice as long as perkd waits for its answer."""
    timeout_s = server.settings.endpoint.timeout_s if server is not None else 0.0
    return (now - sent.since).total_seconds() > 2 * timeout_s


def line(found: Report) -> str:
    """The state in one line, for `systemctl status`."""
    up = sum(server.state is ServerState.UP for server in found.servers)
    queue = sum(server.queue for server in found.servers)
    words = f"{up} of {len(found.servers)} servers up, {queue} commands waiting, {found.customers.known} customers"
    errors = [problem for problem in found.problems if problem.severity is Severity.ERROR]
    return f"{words}; {len(errors)} problems: {errors[0].text}" if errors else words


def _store(roll: Roll, store: Storefront, now: datetime) -> StoreHealth:
    limited_until, unreachable = store.limited_until(now), roll.unreachable
    state = StoreState.OK
    if unreachable is not None:
        state = StoreState.UNREACHABLE
    elif 0 < roll.known == len(roll.refused):
        state = StoreState.REFUSED
    if limited_until is not None:
        state = StoreState.SLOW
    return StoreHealth(
        state=state, last_answer_at=store.last_answer_at, last_error=unreachable, limited_until=limited_until
    )


def _lately(store: Storefront, polling: Polling, now: datetime) -> bool:
    """Whether the store answered within the last three rounds of polling."""
    allowed = max(LATELY_AT_LEAST, 3 * polling.every.offline)
    return store.last_answer_at is not None and now - store.last_answer_at <= allowed


def _customers(roll: Roll, fleet: Fleet) -> CustomersHealth:
    return CustomersHealth(
        known=roll.known,
        polled=roll.polled,
        failing=len(roll.failing),
        refused=len(roll.refused),
        online=len(roll.behind(fleet.players())),
        sweep_s=roll.sweep.last_s,
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
