"""What an API key adds to a running perkd: enrolment and the feed, and what of them asks for a person.

`app` makes one; without a key it does nothing.
"""

import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, Self

from perkd.adapters.base import Adapter, Player

from ..config import Settings
from ..core.model import Enrol
from ..core.store_ids import flake_time
from ..ledger import Ledger
from ..paynow import Exchange, Management
from ..polling import Polling
from ..runtime import Context, Problem, ProblemCode, Severity
from .backoff import Kind, Patience
from .feed import Feed
from .loop import Enrolment

log = logging.getLogger("perkd")


class Newcomers:
    """`enrolment` and `feed` are None where the config or the store has none."""

    def __init__(self, enrolment: Enrolment | None, feed: Feed | None) -> None:
        self.enrolment, self.feed = enrolment, feed

    @classmethod
    def of(
        cls,
        settings: Settings,
        exchange: Exchange,
        ledger: Ledger,
        polling: Polling,
        context: Context,
        *,
        present: Callable[[], Iterable[tuple[Adapter, Player]]],
    ) -> Self:
        """By the config. With `enrol = "off"` nothing is ever made at the store."""
        key = settings.store.api_key
        if key is None:
            return cls(None, None)
        store = Management(exchange, settings.store.id, key, settings.store.management_items)
        enrolment = feed = None
        if settings.customers.enrol is not Enrol.OFF:
            mode = settings.customers.enrol
            enrolment = Enrolment(mode, store, ledger, polling, context, present=present)
            context.clock.on_tick(enrolment.beat_while_limited)
        if store.items.lists_store:
            feed = Feed(store, ledger, polling, enrolment, context)
            context.clock.on_tick(feed.beat_while_limited)
        else:
            log.info(
                "[store] management_items = %r has no list of all items: purchases are seen at each customer's turn",
                settings.store.management_items,
                extra={"action": "no_feed"},
            )
        return cls(enrolment, feed)

    def loops(self) -> dict[str, Coroutine[Any, Any, None]]:
        """The root loops, by their names."""
        loops = {"enrol": self.enrolment, "feed": self.feed}
        return {name: loop.run() for name, loop in loops.items() if loop is not None}

    def joined(self) -> None:
        """Somebody came onto a server."""
        if self.enrolment is not None:
            self.enrolment.joined()

    def reloaded(self) -> None:
        """Whoever reloads has looked: what failed is tried at once."""
        if self.enrolment is not None:
            self.enrolment.again()
        if self.feed is not None:
            self.feed.again()

    def problems(self) -> Iterator[Problem]:
        """What of this asks for a person; while the key is refused, one problem says so."""
        tried = [loop.patience for loop in (self.enrolment, self.feed) if loop is not None]
        refused = next((one for one in tried if one.kind is Kind.KEY), None)
        if refused is not None:
            yield Problem(
                ProblemCode.API_KEY_REFUSED,
                Severity.ERROR,
                "API key",
                f"no token is made and new purchases are seen late: {refused.error}",
                "put a working key in the place [store] api_key names, then `systemctl restart perkd`; who is polled "
                "already goes on",
            )
            return
        if self.enrolment is not None:
            yield from _enrolment(self.enrolment)
        if self.feed is not None and self.feed.patience.lasting:
            yield Problem(
                ProblemCode.FEED_FAILING,
                Severity.WARNING,
                "feed",
                f"the list of the store's new items cannot be read: {self.feed.patience.error}",
                _fix(self.feed.patience, "customers are read all the same, purchases are seen at each one's turn"),
            )


def _enrolment(enrolment: Enrolment) -> Iterator[Problem]:
    progress, patience = enrolment.progress, enrolment.patience
    if patience.lasting:
        yield Problem(
            ProblemCode.ENROLMENT_FAILING,
            Severity.WARNING,
            "enrolment",
            f"new customers get no token: {patience.error}",
            _fix(patience, "who has a token is read all the same"),
        )
    elif enrolment.mode is Enrol.ALL and not progress.round_over:
        until = f", those the store has since before {flake_time(str(progress.cursor)):%Y-%m-%d %H:%M} UTC are done"
        yield Problem(
            ProblemCode.ENROLLING,
            Severity.INFO,
            "enrolment",
            f"perkd has tokens made for all customers of the store: {enrolment.minting.made} since the start"
            f"{until if progress.cursor else ''}",
            "nothing: it goes on by itself, also after a restart. [poll] rate sets the pace",
        )
    if progress.left.count:
        yield Problem(
            ProblemCode.CUSTOMER_NOT_ENROLLED,
            Severity.WARNING,
            f"{progress.left.count} customer{'' if progress.left.count == 1 else 's'}",
            f"the store made no token: {progress.left.reason}",
            "the others are enrolled; perkd tries again by itself, first after an hour, then less often",
        )


def _fix(patience: Patience, meanwhile: str) -> str:
    if patience.kind is Kind.PERMISSION:
        return f"give the key's role that permission in the store's dashboard, then `perkd reload`; {meanwhile}"
    if patience.kind in (Kind.ABSENT, Kind.ADDRESS):
        return f"correct [store] id, api or management_items, then `systemctl restart perkd`; {meanwhile}"
    if patience.kind is Kind.REQUEST:
        return f"look for a newer perkd, the store's API may have changed; {meanwhile}"
    if patience.kind is Kind.EACH:
        return f"look at that customer in the store's dashboard; perkd goes on with the next ones, and {meanwhile}"
    return f"{meanwhile}. perkd goes on by itself when the store answers"
