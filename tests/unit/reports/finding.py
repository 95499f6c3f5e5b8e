"""The problems of a report, made from plain facts instead of running loops."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from perkd.daemon.core.changes import Catalogue
from perkd.daemon.core.clock_trust import ClockWatch
from perkd.daemon.core.model import Secret, ServerState
from perkd.daemon.ledger.rows import Polled, Summary
from perkd.daemon.polling.problems import FAILING_AFTER, customer_problems, store_problems
from perkd.daemon.polling.watch import Watch
from perkd.daemon.reports.problems import FromWings, find
from perkd.daemon.runtime.problem import Problem
from perkd.daemon.servers.problems import server_problems


def problems_of(
    summary: Summary,
    catalogue: Catalogue,
    *,
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
    watches = [
        *(customer(who, said, refused=True) for who, said in refused),
        *(customer(who, said, failures=FAILING_AFTER) for who, said in failing),
    ]
    wings = FromWings(
        store=store_problems(clock, store_error),
        servers=server_problems(servers, blind),
        customers=customer_problems(watches, reachable=True, enrols=enrols),
        newcomers=newcomers,
    )
    return find(summary, catalogue, wings, late=late or {}, backup_error=backup_error)


def customer(name: str, error: str | None, *, refused: bool = False, failures: int = 0) -> Watch:
    """A customer whose last reading ended so."""
    watch = Watch(Polled(token_id=1, token=Secret("made-up"), customer_id="1", label=name))
    watch.error, watch.refused, watch.failures = error, refused, failures
    return watch
