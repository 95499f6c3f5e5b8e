"""Loop 1: polls each customer in turn, soonest whoever needs it.

`app` runs it; the clock's tick drains its schedule. `roll.py` says who is polled, `poll.py` polls one of them. Nothing
here talks to a game server.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from ..config import Poll
from ..core.clock_trust import ClockWatch
from ..ledger import Ledger, Polled
from ..paynow import Storefront
from ..runtime import Context
from .poll import Poller
from .reconcile import Reconciler
from .roll import Roll
from .schedule import Rank
from .watch import Intervals, Watch, next_look

LOOP = "poll"
AT_ONCE = 500  # customers in one read of the ledger
A_TURN = 50  # customers at a time in a long piece of work; then other tasks get a turn


class Polling:
    """Polls all customers in turn under one rate limit. `wake` is called with the places that have something to send,
    `is_online` says whether a player is on any server."""

    def __init__(
        self,
        store: Storefront,
        ledger: Ledger,
        reconciler: Reconciler,
        context: Context,
        *,
        poll: Poll,
        wake: Callable[[Iterable[str]], None],
        is_online: Callable[[str], bool],
    ) -> None:
        self.pace(poll)
        self.roll = Roll(context.clock, reconciler.players, is_online)
        self._poller = Poller(store, ledger, reconciler, context, self.roll, wake)
        self._store, self._ledger, self._concurrency = store, ledger, poll.concurrency
        self._clock, self._pulse = context.clock, context.pulse
        self._rng = random.Random()  # noqa: S311 - jitter, nothing secret
        self._ready, self._changed = asyncio.Event(), asyncio.Event()
        self._loading, self._changing = asyncio.Lock(), asyncio.Lock()
        self.loaded = asyncio.Event()  # everybody in the ledger is on the roll

    @property
    def clockwatch(self) -> ClockWatch:
        return self._poller.clockwatch

    def pace(self, poll: Poll) -> None:
        """Sets how often customers are polled, from their next poll on. `concurrency` cannot change while it runs."""
        self.every = Intervals(poll.online, poll.offline)

    def drain(self) -> None:
        """Makes due customers ready; the clock calls it at every tick."""
        if self.roll.schedule.drain(self._clock.monotonic()):
            self._ready.set()

    # Who is polled. One change at a time: what a load has read must not undo a later one

    async def load(self, *, games_changed: bool = False) -> None:
        """Takes over the list of customers from the ledger: new ones are due now, removed ones are dropped, the others
        continue. With `games_changed`, the players of all customers are computed again."""
        async with self._loading:
            left, pages = set(self.roll), self._ledger.roll.pages(AT_ONCE)
            while await self._take_page(pages, left, games_changed=games_changed):
                pass
            for watch in left:
                self.roll.drop(watch)
        self.loaded.set()

    async def _take_page(self, pages: AsyncIterator[list[Polled]], left: set[Watch], *, games_changed: bool) -> bool:
        """Takes over the next page. False: that was the last. No customer changes meanwhile."""
        async with self._changing:
            rows: list[Polled] = await anext(pages, [])
            for number, row in enumerate(rows):
                left.discard(self.roll.take(row, anew=games_changed))
                if number % A_TURN == 0:
                    await asyncio.sleep(0)
            return bool(rows)

    async def take_in(self, row: Polled, rank: Rank | None = None) -> None:
        """A token was just stored: its customer is due at once, and their other tokens are not used any more."""
        async with self._changing:
            self.roll.take(row, rank)

    async def take_out(self, customer_id: str, still: Polled | None) -> None:
        """The customer was removed. `still`: how perkd looks at them while known ends of items come."""
        async with self._changing:
            if still is None:
                self.roll.drop_customer(customer_id)
            else:
                self.roll.take(still)

    # Who is polled next

    def joined(self, players: Iterable[str]) -> None:
        """Players joined a server: their customers are due at once if they were online nowhere and are not being
        polled."""
        for watch in self.roll.joined(players):
            if watch.token_id in self.roll.schedule:
                self.roll.schedule.hurry(watch.token_id, self._clock.monotonic(), Rank.ONLINE)

    def look_at(self, players: Iterable[str]) -> None:
        """The customers of these players are due at once."""
        self.look_now(self.roll.behind(players))

    def look_now(self, watches: Iterable[Watch] | None = None, rank: Rank = Rank.ASKED) -> None:
        """These customers, or all, are due at once. Two polls of one customer at a time could end in the wrong order,
        so whoever is being polled is polled once more afterwards."""
        for watch in list(self.roll if watches is None else watches):
            if watch.token_id in self.roll.schedule:
                self.roll.schedule.hurry(watch.token_id, self._clock.monotonic(), rank)
            else:
                watch.again = True

    def reconcile(self) -> None:
        """The config changed: compares all customers with it now."""
        self._changed.set()

    @property
    def resting(self) -> bool:
        """Whether no customer is due or being polled: everything that was read is recorded."""
        return len(self.roll.schedule) == len(self.roll) and not self.roll.schedule.waiting

    # The tasks

    async def run(self) -> None:
        """Runs the workers until cancelled."""
        self._pulse.register(LOOP, 20.0, self._store.blocked_until)
        async with asyncio.TaskGroup() as workers:
            workers.create_task(self.load(), name="load")
            workers.create_task(self._reconcile(), name="reconcile")
            for number in range(self._concurrency):
                workers.create_task(self._work(), name=f"poll {number}")

    async def _reconcile(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for number, watch in enumerate(list(self.roll)):
                await self._guarded(watch, self._poller.compare_again)
                if number % A_TURN == 0:
                    await asyncio.sleep(0)  # most need no comparison, and then nothing above waits

    async def _work(self) -> None:
        while True:
            token_id = self.roll.schedule.take()
            if token_id is None:
                self._pulse.beat(LOOP)
                self._ready.clear()
                await self._clock.until(self._clock.monotonic() + 20.0, self._ready)
            elif (watch := self.roll.by_token(token_id)) is not None:
                try:
                    await self._guarded(watch, self._poller.poll)
                finally:
                    self._put_back(watch)
                await self._poller.write_sightings()

    async def _guarded(self, watch: Watch, work: Callable[[Watch], Awaitable[None]]) -> None:
        try:
            await work(watch)
        except Exception as error:  # noqa: BLE001 - a fault with one customer must not stop the others
            self._poller.crashed(watch, error)

    def _put_back(self, watch: Watch) -> None:
        now_s = self._clock.monotonic()
        self._pulse.beat(LOOP, now_s)
        if watch not in self.roll:
            return
        self.roll.look(watch)
        jitter = 1.0 - self._rng.random() / 10
        wait_s, rank = next_look(watch, self._clock.now(), self.every, jitter=jitter)
        if watch.again:
            wait_s, rank = 0.0, Rank.ASKED
        watch.again = False
        self.roll.schedule.put(watch.token_id, now_s + wait_s, rank)
