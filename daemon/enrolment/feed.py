"""Reads the store-wide list of new items and has their customers polled at once. Needs the API key.

`newcomers.py` runs it beside polling. The list only says whom to poll: what a customer owns is what their token shows.
"""

import logging
import math
from datetime import datetime, timedelta

from ..ledger import Ledger
from ..paynow import Management, StoreError, StoreItem, while_running
from ..polling import Polling, Rank
from ..runtime import Context, Loop, fault
from .backoff import KeyBackoff
from .feed_window import MissingItems, Window, flake_at, latest_flake
from .loop import Enrolment

log = logging.getLogger("perkd.feed")

EVERY_S = 15.0
SLOWEST_S = 100.0  # one request may wait that long for the rate limit
FIRST_BACK = timedelta(minutes=10)  # the very first request starts so far back
LONGEST_BACK = timedelta(days=1)  # no request starts further back: after a start, every customer is polled anyway


class Feed:
    """Sends one request every EVERY_S. It passes customers without a token on to `enrolment`, if there is one."""

    def __init__(
        self,
        store: Management,
        ledger: Ledger,
        polling: Polling,
        enrolment: Enrolment | None,
        context: Context,
    ) -> None:
        self.backoff = KeyBackoff()
        self.loop = Loop(
            context,
            "feed",
            self._one_pass,
            bound_s=SLOWEST_S,
            failed=self._failed,
            between=self._look_again,
            excused=store.blocked_until,
        )
        self._store, self._ledger, self._polling, self._enrolment = store, ledger, polling, enrolment
        self._clock, self._shown = context.clock, context.counters.feed_items
        self._missing = MissingItems()
        self._window: Window | None = None
        self._saved = ""
        self._bookmark = f"feed:{store.store_id}"

    async def _one_pass(self) -> float:
        await self._ask()
        self.backoff.succeeded()
        return EVERY_S

    def _failed(self, error: Exception) -> float:
        if not isinstance(error, StoreError):
            error = StoreError(fault(error, "feed_crashed", "the feed of new items crashed; it continues"))
        elif str(error) != self.backoff.error:  # the same message only once
            log.warning("perkd sees new purchases late: %s", while_running(error), extra={"action": "feed_failed"})
        return self.backoff.failed(error)

    async def _ask(self) -> None:
        if (window := self._window) is None or window.newest > latest_flake(self._store.now()):
            window = self._window = await self._begin()  # at the start, and when the store's clock went back
        async for page in self._store.items.of_store(after=str(window.after), first=True):
            items = {int(item.id): item for item in page}
            new = window.take(items, latest_flake(self._store.now()))
            self._shown.inc(len(new))
            had = (
                await self._ledger.observations.listed(map(str, new)) if new else set()
            )  # most of them after a restart
            for number in new:
                if str(number) not in had:
                    self._show(number, items[number])
            self.loop.beat()
        oldest = self._missing.oldest  # a restart begins before the items that are still missing
        cursor = str(window.newest if oldest is None else min(window.newest, oldest - 1))
        if cursor != self._saved:
            await self._ledger.put_bookmark(self._bookmark, cursor)
            self._saved = cursor

    async def _begin(self) -> Window:
        """A window that begins where the last run ended, but at most LONGEST_BACK ago by the store's clock."""
        if self._store.last_date is None:
            await self._store.items.latest(1)  # to learn the store's time
        now = self._store.now()
        saved = await self._ledger.bookmark(self._bookmark)
        if saved is None:
            return Window(flake_at(now - FIRST_BACK))
        if int(saved) > latest_flake(now):  # later than the store's clock: begin as after a long stop
            return Window(flake_at(now - LONGEST_BACK))
        return Window(max(int(saved), flake_at(now - LONGEST_BACK)))

    def _show(self, number: int, item: StoreItem) -> None:
        """A new item that no inventory has had: polls its customer, or passes them on to enrolment."""
        if not (owner := item.owner_id):
            return
        self._missing.put(number, owner, self._clock.monotonic(), self._clock.now())
        if not self._look_at(owner) and self._enrolment is not None:
            known = item.customer is not None and item.customer.id == owner
            self._enrolment.shown(owner, item.customer if known else None)

    def _look_at(self, customer_id: str) -> bool:
        """Polls the customer at once and returns True, if they have a token."""
        if (watch := self._polling.roll.of(customer_id)) is None:
            return False
        if watch.refused:
            self._polling.roll.to_replace.hurry(customer_id)
        else:
            self._polling.look_now([watch], Rank.ASKED if watch.online else Rank.SHOWN)
        return True

    async def _look_again(self) -> float:
        """Polls customers again whose item is still missing. Returns for how many seconds nothing is due."""
        now_s, now = self._clock.monotonic(), self._clock.now()
        if due := self._missing.due(now_s):
            self._missing.seen(map(int, await self._ledger.observations.listed(map(str, due))))
            failed: dict[str, None] = {}  # each customer once, in the order of the requests
            for item in self._missing.due(now_s):
                customer_id, since = self._missing.asked(item)
                if not self._unread(customer_id, since):
                    self._look_at(self._missing.again(item, now))
                    continue
                self._missing.unread(item, now_s)
                if (watch := self._polling.roll.of(customer_id)) is not None and watch.failures:
                    failed[customer_id] = None
            self._try_again(list(failed))
        at = self._missing.next_at
        return math.inf if at is None else at - self._clock.monotonic()

    def _try_again(self, customer_ids: list[str]) -> None:
        """Polls customers again whose polls failed, because their pause doubles each time. While the store is
        unreachable, only one of them is polled, to find out whether it works again."""
        for customer_id in customer_ids[:1] if customer_ids and self._polling.roll.unreachable else customer_ids:
            self._look_at(customer_id)

    def _unread(self, customer_id: str, since: datetime) -> bool:
        """Whether the customer was not read since then: many may have bought at once, or the store is unreachable."""
        if (watch := self._polling.roll.of(customer_id)) is None:
            return self._enrolment is not None and self._enrolment.awaits(customer_id)
        return not watch.refused and (watch.read_at is None or watch.read_at < since)
