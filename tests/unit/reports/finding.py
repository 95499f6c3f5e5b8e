"""The problems of a report, made from plain facts instead of running loops."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from perkd.daemon.core.changes import Catalogue
from perkd.daemon.core.clock_trust import ClockWatch
from perkd.daemon.core.model import Secret, ServerState
from perkd.daemon.ledger.rows import BeingSent, Brakes, Polled, Summary
from perkd.daemon.polling.problems import FAILING_AFTER, customer_problems, store_problems
from perkd.daemon.polling.watch import Watch
from perkd.daemon.reports.problems import FromWings, find
from perkd.daemon.reports.status import CustomersHealth, Report, StoreHealth, StoreState
from perkd.daemon.runtime.problem import Problem
from perkd.daemon.servers.problems import server_problems
from tests.builders import NOW

NOBODY = Report(
    version="1",
    started_at=NOW,
    now=NOW,
    store=StoreHealth(state=StoreState.OK),
    customers=CustomersHealth(known=0, polled=0, failing=0, refused=0, online=0, sweep_s=None),
    servers=(),
    summary=Summary(ledger_id="x", created_at=NOW, commands={}, holdings=0, brake=Brakes()),
    brake=Brakes(),
)


def problems_of(
    report: Report,
    catalogue: Catalogue,
    *,
    stuck: Iterable[BeingSent] = (),
    late: Mapping[str, float] | None = None,
    skew: timedelta | None = None,
    store_error: str | None = None,
    servers: Iterable[tuple[str, ServerState, str | None]] = (),
    blind: Iterable[str] = (),
    refused: Iterable[tuple[str, str]] = (),
    failing: Iterable[tuple[str, str]] = (),
    enrols: bool = False,
    backup_error: str | None = None,
    newcomers: Iterable[Problem] = (),
) -> tuple[Problem, ...]:
    """`refused` and `failing`: the customer and what the store said."""
    clock = ClockWatch()
    clock.skew = skew or timedelta(0)
    no_token = [customer(who, said, refused=True) for who, said in refused]
    not_read = [customer(who, said, failures=FAILING_AFTER) for who, said in failing]
    wings = FromWings(
        store=store_problems(clock, store_error),
        servers=server_problems(servers, blind, stuck, NOW),
        customers=customer_problems(no_token, not_read, reachable=True, enrols=enrols),
        newcomers=newcomers,
    )
    return find(replace(report, late=late or {}, backup_error=backup_error), catalogue, wings)


def customer(name: str, error: str | None, *, refused: bool = False, failures: int = 0) -> Watch:
    """A customer whose last reading ended so."""
    watch = Watch.of(Polled(token_id=1, token=Secret("made-up"), customer_id="1", label=name))
    watch.error, watch.refused, watch.failures = error, refused, failures
    return watch
