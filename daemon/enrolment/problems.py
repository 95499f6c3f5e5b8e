"""The problems of enrolment and of the feed that need a person.

`newcomers.py` asks for them; they go into every report.
"""

from collections.abc import Iterator

from ..core.model import Enrol
from ..core.store_ids import flake_time
from ..runtime import Problem, ProblemCode, Severity
from .backoff import FailureKind, KeyBackoff
from .feed import Feed
from .loop import Enrolment


def find(enrolment: Enrolment | None, feed: Feed | None) -> Iterator[Problem]:
    """One problem for each thing that is wrong; only one in all while the store refuses the API key."""
    backoffs = [loop.backoff for loop in (enrolment, feed) if loop is not None]
    refused = next((one for one in backoffs if one.kind is FailureKind.KEY), None)
    if refused is not None:
        yield Problem(
            ProblemCode.API_KEY_REFUSED,
            Severity.ERROR,
            "API key",
            f"new customers get no token, and perkd sees new purchases late: {refused.error}",
            "put a working key in the place that [store] api_key names, then `systemctl restart perkd`. Customers who "
            "have a token are still read",
        )
        return
    if enrolment is not None:
        yield from _of_enrolment(enrolment)
    if feed is not None and feed.backoff.lasting:
        yield Problem(
            ProblemCode.FEED_FAILING,
            Severity.WARNING,
            "feed",
            f"perkd cannot read the list of the store's new items: {feed.backoff.error}",
            _fix(feed.backoff, "customers are still read in turn, but perkd sees purchases later"),
        )


def _of_enrolment(enrolment: Enrolment) -> Iterator[Problem]:
    progress, backoff = enrolment.progress, enrolment.backoff
    if backoff.lasting:
        yield Problem(
            ProblemCode.ENROLMENT_FAILING,
            Severity.WARNING,
            "enrolment",
            f"new customers get no token: {backoff.error}",
            _fix(backoff, "customers who have a token are still read"),
        )
    elif enrolment.mode is Enrol.ALL and not progress.round_over:
        until = f"; customers from before {flake_time(str(progress.cursor)):%Y-%m-%d %H:%M} UTC are done"
        yield Problem(
            ProblemCode.ENROLLING,
            Severity.INFO,
            "enrolment",
            f"perkd gets a token for every customer of the store: {enrolment.tokens.made} since the start"
            f"{until if progress.cursor else ''}",
            "nothing to do: perkd continues by itself, also after a restart. [poll] rate sets the speed",
        )
    if progress.left.count:
        yield Problem(
            ProblemCode.CUSTOMER_NOT_ENROLLED,
            Severity.WARNING,
            f"{progress.left.count} customer{'' if progress.left.count == 1 else 's'}",
            f"the store made no token: {progress.left.reason}",
            "perkd tries again by itself, first after an hour, then less often. The other customers are enrolled",
        )


def _fix(backoff: KeyBackoff, meanwhile: str) -> str:
    if backoff.kind is FailureKind.PERMISSION:
        return f"give the key's role this permission in the store's dashboard, then `perkd reload`; {meanwhile}"
    if backoff.kind in (FailureKind.ABSENT, FailureKind.ADDRESS):
        return f"correct [store] id, api or management_items, then `systemctl restart perkd`; {meanwhile}"
    if backoff.kind is FailureKind.REQUEST:
        return f"look for a newer perkd, because the store's API may have changed; {meanwhile}"
    if backoff.kind is FailureKind.EACH:
        return f"check this customer in the store's dashboard. perkd continues with the next ones; {meanwhile}"
    return f"perkd tries again by itself; {meanwhile}"
