"""The store-wide list of items: whoever it shows something new of is polled at once. Needs the API key.

`newcomers` runs it beside polling. The list only says whom to look at: what somebody owns is what his own token shows.
"""

import asyncio
import logging
from datetime import datetime, timedelta

from ..ledger import Ledger, LedgerError
from ..paynow import Management, StoreError, StoreItem, while_running
from ..polling import Polling, Rank, Watch
from ..runtime import Context
from .backoff import Patience
from .feed_window import Looks, Window, flake_at, latest_flake
from .loop import Enrolment

log = logging.getLogger("perkd.feed")

LOOP = "feed"
EVERY_S = 15.0
TURN_S = 20.0  # a pass completes at least this often
SLOWEST_S = 100.0  # one request may wait that long for the rate
FIRST_BACK = timedelta(minutes=10)  # where the very first look begins
LONGEST_BACK = timedelta(days=1)  # after a longer stop: everybody is read at a start anyway


class Feed:
    """One request every EVERY_S. `enrolment` hears of customers nobody reads; None: nobody does."""

    def __init__(
        self,
        store: Management,
        ledger: Ledger,
        polling: Polling,
        enrolment: Enrolment | None,
        context: Context,
    ) -> None:
        self.patience = Patience()
        self.passes = 0
        self._store, self._ledger, self._polling, self._enrolment = store, ledger, polling, enrolment
        self._clock, self._pulse, self._shown = context.clock, context.pulse, context.counters.feed_items
        self._looks = Looks()
        self._window: Window | None = None
        self._saved = ""
        self._again = asyncio.Event()
        self._bookmark = f"feed:{store.store_id}"
        self._pulse.register(LOOP, SLOWEST_S)

    def again(self) -> None:
        """A person changed something: what failed is tried at once."""
        self._again.set()

    def beat_while_limited(self) -> None:
        """At every tick: everybody waits because the store said so, which is no hanging loop."""
        if self._store.limited:
            self._pulse.beat(LOOP)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            wait_s = EVERY_S
            try:
                await self._ask()
                self.patience.succeeded()
            except StoreError as error:
                wait_s = self._failed(error)
            except LedgerError:
                raise
            except Exception as error:  # a fault here never stops what is delivered
                log.exception("the feed stopped for a moment", extra={"action": "feed_crashed"})
                wait_s = self.patience.failed(StoreError(f"a fault in perkd: {type(error).__name__}, see the log"))
            finally:
                self._pulse.beat(LOOP)
            self.passes += 1
            await self._rest(wait_s)

    def _failed(self, error: StoreError) -> float:
        if str(error) != self.patience.error:  # the same words once
            log.warning("new items are seen late: %s", while_running(error), extra={"action": "feed_failed"})
        return self.patience.failed(error)

    async def _rest(self, wait_s: float) -> None:
        """Meanwhile whoever is due for another look gets it."""
        until = self._clock.monotonic() + wait_s
        while (now := self._clock.monotonic()) < until:
            look_at = self._looks.next_at
            at = min(until, now + TURN_S, until if look_at is None else max(now, look_at))
            if await self._clock.until(at, self._again):
                self._again.clear()
                return
            await self._look_again()
            self._pulse.beat(LOOP)

    async def _ask(self) -> None:
        if (window := self._window) is None or window.newest > latest_flake(self._store.now()):
            window = self._window = await self._begin()  # at first, and where the store's clock went back
        async for page in self._store.items.of_store(after=str(window.after), first=True):
            items = {int(item.id): item for item in page}
            new = window.take(items, latest_flake(self._store.now()))
            self._shown.inc(len(new))
            had = await self._ledger.listed(map(str, new)) if new else set()  # after a restart it may be most of them
            for number in new:
                if str(number) not in had:
                    self._show(number, items[number])
            self._pulse.beat(LOOP)
        oldest = self._looks.oldest  # a restart looks again for whatever no inventory had yet
        cursor = str(window.newest if oldest is None else min(window.newest, oldest - 1))
        if cursor != self._saved:
            await self._ledger.put_bookmark(self._bookmark, cursor)
            self._saved = cursor

    async def _begin(self) -> Window:
        """Where the last run ended, by the store's own clock not too long ago."""
        if self._store.last_date is None:
            await self._store.items.latest(1)  # for its clock
        now = self._store.now()
        saved = await self._ledger.bookmark(self._bookmark)
        if saved is None:
            return Window(flake_at(now - FIRST_BACK))
        if int(saved) > latest_flake(now):  # the store never came that far: begin as after a long stop
            return Window(flake_at(now - LONGEST_BACK))
        return Window(max(int(saved), flake_at(now - LONGEST_BACK)))

    def _show(self, number: int, item: StoreItem) -> None:
        """No inventory had it."""
        if not (owner := item.owner_id):
            return
        self._looks.put(number, owner, self._clock.monotonic(), self._clock.now())
        if not self._look_at(owner) and self._enrolment is not None:
            known = item.customer is not None and item.customer.id == owner
            self._enrolment.shown(owner, item.customer if known else None)

    def _look_at(self, customer_id: str) -> bool:
        """Whether he is somebody who is read; then he is due now."""
        if (watch := self._watch(customer_id)) is None:
            return False
        if not watch.refused:
            self._polling.look_now([watch.token_id], Rank.ASKED if watch.online else Rank.SHOWN)
        elif self._enrolment is not None:
            self._enrolment.refused.hurry(customer_id)
        return True

    def _watch(self, customer_id: str) -> Watch | None:
        """How he is read; None: not at all."""
        token_id = self._polling.newest.get(customer_id)
        watch = None if token_id is None else self._polling.watches.get(token_id)
        return watch if watch is not None and watch.is_read else None

    async def _look_again(self) -> None:
        now_s, now = self._clock.monotonic(), self._clock.now()
        if due := self._looks.due(now_s):
            self._looks.seen(map(int, await self._ledger.listed(map(str, due))))
            failed: dict[str, None] = {}  # each once, who was asked for first in front
            for item in self._looks.due(now_s):
                customer_id, since = self._looks.asked(item)
                if not self._unread(customer_id, since):
                    self._look_at(self._looks.again(item, now))
                    continue
                self._looks.unread(item, now_s)
                if (watch := self._watch(customer_id)) is not None and watch.failures:
                    failed[customer_id] = None
            self._try_again(list(failed))

    def _try_again(self, customer_ids: list[str]) -> None:
        """Whose reads failed does not wait until his pause is over, which is doubled each time; of many, one tries
        whether the store is well again."""
        for customer_id in customer_ids[:1] if customer_ids and self._polling.unreachable else customer_ids:
            self._look_at(customer_id)

    def _unread(self, customer_id: str, since: datetime) -> bool:
        """Whether his turn is still to come: many may have bought something at once, or the store is out of reach."""
        if (watch := self._watch(customer_id)) is None:
            return self._enrolment is not None and self._enrolment.awaits(customer_id)
        return not watch.refused and (watch.read_at is None or watch.read_at < since)
