"""Problems with reading customers from the store: no connection, a clock that cannot be trusted, customers who cannot
be read.

`reports` collects them for every report.
"""

from collections.abc import Collection, Iterable

from ..core.clock_trust import ClockWatch
from ..runtime import Problem, ProblemCode, Severity, together
from .watch import Watch

FAILING_AFTER = 3  # failures in a row: one is no problem yet


def store_problems(clock: ClockWatch, unreachable: str | None) -> Iterable[Problem]:
    """What affects all customers. `unreachable`: why the store does not answer; None: it does."""
    if not clock.ok:
        yield Problem(
            ProblemCode.CLOCK_SKEW,
            Severity.ERROR,
            "clock",
            f"this machine's clock cannot be trusted (it differs by {abs(clock.skew.total_seconds()):.0f} s from the "
            "store's): perkd ends no perk by time alone",
            "set the clock (`timedatectl set-ntp true`); perkd goes on when an answer of the store confirms the time",
        )
    if unreachable is not None:
        fix = "perkd keeps what it read last, and deliveries go on. Check the network and [store] api"
        yield Problem(ProblemCode.STORE_UNREACHABLE, Severity.ERROR, "store", unreachable, fix)


def customer_problems(
    refused: Collection[Watch], failing: Collection[Watch], *, reachable: bool, enrols: bool
) -> Iterable[Problem]:
    """Customers whose token is refused, and those who cannot be read though the store is `reachable`. `enrols`: perkd
    gets tokens by itself."""
    yield from together((_refused(watch, replaced=enrols) for watch in refused), len(refused))
    if reachable:
        lasting = [watch for watch in failing if watch.failures >= FAILING_AFTER]
        yield from together(map(_failing, lasting), len(lasting))


def _refused(watch: Watch, *, replaced: bool) -> Problem:
    fix = "make a new token in the store's dashboard and replace the old one with it"
    if replaced:
        fix = "perkd replaces it by itself, at most once an hour; if this stays, check the customer in the dashboard"
    return Problem(ProblemCode.TOKEN_REFUSED, Severity.WARNING, f"customer {watch.label}", watch.error or "", fix)


def _failing(watch: Watch) -> Problem:
    fix = "the customer keeps what they have; other customers are not affected. perkd tries again by itself"
    return Problem(ProblemCode.CUSTOMER_FAILING, Severity.WARNING, f"customer {watch.label}", watch.error or "", fix)
