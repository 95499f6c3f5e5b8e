"""Loop 1: polls each customer's inventory and records what changed: token → inventory → changes → commands → ledger.

`app` runs it; the clock's tick drains its schedule. Several workers fetch at the same time; `reconcile.py` handles one
inventory at a time. Nothing here talks to a game server.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable

from ..config import Poll
from ..core.clock_trust import ClockWatch
from ..core.model import Secret
from ..ledger import Ledger, LedgerError, Polled, micros
from ..paynow import Fresh, StoreError, Storefront, TokenRefused, while_running
from ..runtime import Context, PollResult
from .identify import identify
from .packing import Newest
from .players import AT_ONCE, Players
from .progress import Failures, InFlight, PendingSightings, Sweep
from .reconcile import Reconciler, Sighting
from .schedule import Rank, Schedule
from .watch import Intervals, Watch, next_look

log = logging.getLogger("perkd.polling")

LOOP = "poll"


class Polling:
    """Polls all customers in turn under one rate limit. `is_online`: whether a player is on any server."""

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
        self.watches: dict[int, Watch] = {}
        self.clockwatch = ClockWatch()
        self._store, self._ledger, self._reconciler = store, ledger, reconciler
        self._clock, self._pulse, self._counters = context.clock, context.pulse, context.counters
        self._concurrency, self._wake = poll.concurrency, wake
        self.players = Players(reconciler.players, is_online)
        self._rng = random.Random()  # noqa: S311 - jitter, nothing secret
        self._schedule = Schedule()
        self._ready = asyncio.Event()
        self._changed, self._loading = asyncio.Event(), asyncio.Lock()
        self._in_flight, self._failures = InFlight(), Failures()
        self._pending = PendingSightings(self._clock.monotonic)
        self.sweep = Sweep(self._clock.monotonic)
        self.newest = Newest()
        self.on_refused: Callable[[str], None] = lambda _customer_id: None  # the store refuses the token
        self._pulse.register(LOOP, 20.0)

    def pace(self, poll: Poll) -> None:
        """Sets how often customers are polled, from their next poll on. `concurrency` cannot change while it runs."""
        self.every = Intervals(poll.online, poll.offline)

    def drain(self) -> None:
        """Makes due customers ready; the clock calls it at every tick."""
        if self._schedule.drain(self._clock.monotonic()):
            self._ready.set()
        if self._store.limited_until(self._clock.now()) is not None:
            self._pulse.beat(LOOP)  # all requests wait because of a 429: the loop is alive

    async def load(self, *, games_changed: bool = False) -> None:
        """Takes over the list of customers from the ledger: new ones are due now, removed ones are dropped, the others
        continue. With `games_changed`, the players of all customers are computed again."""
        async with self._loading:
            await self._load(games_changed=games_changed)

    async def _load(self, *, games_changed: bool) -> None:
        left = set(self.watches)
        async for rows in self._ledger.roll.pages(AT_ONCE):
            for row in rows:
                left.discard(row.token_id)
                self._take(row)
            await self.players.put_all(rows, self.watches, anew=games_changed)
        for token_id in left:
            if (gone := self.watches.pop(token_id, None)) is not None:  # else another token replaced it meanwhile
                self.players.drop(gone)
            self._schedule.drop(token_id)
        newest = Newest()
        for token_id, watch in self.watches.items():  # also customers that were added meanwhile
            if (number := watch.customer_number) is not None:
                newest.put_number(number, token_id)
        self.newest = newest
        self.sweep.expect(key for key, watch in self.watches.items() if watch.is_read and not watch.refused)

    def _take(self, row: Polled) -> None:
        known = self.watches.get(row.token_id)
        if known is not None and known.token == row.token:
            return
        if known is not None:
            self.players.drop(known)
        self.watches[row.token_id] = Watch(row)
        rank = Rank.NEW if row.read_at is None else Rank.REST
        if row.recheck_at is not None and row.recheck_at <= self._clock.now():
            rank = Rank.ENDING
        self._schedule.put(row.token_id, self._clock.monotonic(), rank)

    def take_in(self, row: Polled, rank: Rank) -> None:
        """Adds a token that was just made: its customer is due at once, and older tokens are not used any more."""
        if row.token_id not in self.watches and row.customer_id is not None and (profile := row.profile) is not None:
            self.watches[row.token_id] = watch = Watch(row)
            self.players.put(watch, profile)
            self._read_with_the_newest(row.token_id, row.customer_id)
            self._schedule.put(row.token_id, self._clock.monotonic(), rank)

    def joined(self, players: Iterable[str]) -> None:
        """Players joined a server: their customers are due at once if they were online nowhere and are not being
        polled."""
        for token_id in self.players.joined(players, self.watches):
            if token_id in self._schedule:
                self._schedule.hurry(token_id, self._clock.monotonic(), Rank.ONLINE)

    def look_now(self, token_ids: Iterable[int] | None = None, rank: Rank = Rank.ASKED) -> None:
        """These customers, or all, are due at once."""
        now = self._clock.monotonic()
        for token_id in list(self.watches if token_ids is None else token_ids):
            if (watch := self.watches.get(token_id)) is not None and not self._in_flight.ask(watch):
                self._schedule.hurry(token_id, now, rank)

    def reconcile(self) -> None:
        """The config changed: compares all customers with it now."""
        self._changed.set()

    @property
    def resting(self) -> bool:
        """Whether no customer is due or being polled: everything that was read is recorded."""
        return len(self._schedule) == len(self.watches) and not self._schedule.waiting

    @property
    def unreachable(self) -> str | None:
        """Why the store is unreachable; None when it is reachable."""
        return self._failures.unreachable(sum(watch.is_read and not watch.refused for watch in self.watches.values()))

    async def run(self) -> None:
        """Runs the workers until cancelled."""
        async with asyncio.TaskGroup() as workers:
            workers.create_task(self._reconcile(), name="reconcile")
            for number in range(self._concurrency):
                workers.create_task(self._work(), name=f"poll {number}")

    async def _reconcile(self) -> None:
        """After a change of the config, compares each customer's last inventory with it, without asking the store. A
        customer whose last poll failed is compared after the next good one, because they may own other items now."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for watch in list(self.watches.values()):
                if watch.token is None or self.watches.get(watch.token_id) is not watch:
                    continue  # removed, or removed just now
                if watch.customer_id is None or watch.read_at is None or watch.failures:
                    continue
                if watch.catalogue != self._reconciler.rules.fingerprint:
                    try:
                        await self._compare(watch, watch.customer_id, Sighting(read_at=watch.read_at, inventory=None))
                    except LedgerError:
                        raise  # without a ledger nothing may go on
                    except Exception as error:  # noqa: BLE001 - a fault with one customer must not stop the others
                        self._crashed(watch, error)

    @staticmethod
    def _crashed(watch: Watch, error: Exception) -> None:
        log.error("%s: the poll crashed", watch.label, exc_info=error, extra={"action": "poll_crashed"})
        watch.failures += 1
        watch.error = f"a fault in perkd: {type(error).__name__}, see the log"

    async def _work(self) -> None:
        while True:
            token_id = self._schedule.take()
            if token_id is None:
                self._pulse.beat(LOOP)
                self._ready.clear()
                await self._clock.until(self._clock.monotonic() + 20.0, self._ready)
                continue
            watch = self.watches.get(token_id)
            if watch is None:
                continue
            self._in_flight.begin(watch)
            try:
                await self._poll(watch)
            except LedgerError:
                raise  # without a ledger nothing may go on
            except Exception as error:  # noqa: BLE001 - a fault with one customer must not stop the others
                self._crashed(watch, error)
            finally:
                self._put_back(watch, at_once=self._in_flight.end(watch))
            if sightings := self._pending.take():
                await self._ledger.observations.sighted(sightings)

    async def _poll(self, watch: Watch) -> None:
        """Polls one customer. When the store cannot be read, nothing is known about what they own (law 2)."""
        token, customer_id = watch.token, watch.customer_id
        sighting: Sighting | None = None
        new: bool | None = None
        if token is not None:
            try:
                sighting = await self._fetch(watch, token, customer_id)
            except StoreError as error:
                self._failed(watch, error)
            else:
                new = sighting is not None and sighting.inventory is not None
                watch.refused = False
                self._failures.answered()
                self._counters.polled(PollResult.CHANGED if new else PollResult.UNCHANGED)
        if self.watches.get(watch.token_id) is not watch:
            return  # removed meanwhile: this inventory must not give back what the operator took away
        if token is not None and not watch.refused:
            self.sweep.asked(watch.token_id)  # only customers on the list: the round would wait for others for ever
        now = self._clock.now()
        if (date := self._store.last_date) is not self.clockwatch.heard:
            self.clockwatch.hear(date, now, self._clock.monotonic())
        customer_id = customer_id or watch.customer_id
        if customer_id is None:
            return
        if watch.is_due(micros(now), self._reconciler.rules.fingerprint, new=None if sighting is None else new):
            await self._compare(watch, customer_id, sighting)
        elif sighting is not None:
            watch.read_at = sighting.read_at
            self._pending.put(customer_id, sighting.read_at)
        if sighting is not None:
            watch.failures, watch.error = 0, None  # only now: a poll that cannot be recorded has failed

    async def _fetch(self, watch: Watch, token: Secret, customer_id: str | None) -> Sighting | None:
        """Reads the customer's inventory; before that, who they are, if it is time."""
        now = self._clock.now()
        if watch.to_identify(micros(now)):
            profile = await identify(watch, token, self._store, self._ledger, now)
            customer_id = profile.customer_id
            if self.watches.get(watch.token_id) is watch:
                self.players.put(watch, profile)
            self._read_with_the_newest(watch.token_id, customer_id)
        if customer_id is None or watch.token_id not in self.watches:
            return None
        previous = watch.seen
        answer = await self._store.inventory(token, customer_id, previous, now)
        if isinstance(answer, Fresh):
            return Sighting(read_at=now, inventory=answer.inventory, seen=answer.seen)
        if answer.seen is not previous:  # the same inventory under another ETag
            watch.seen = answer.seen
        return Sighting(read_at=now, inventory=None)

    def _read_with_the_newest(self, token_id: int, customer_id: str) -> None:
        """Of several tokens of one customer only the newest is used, as in `Ledger.polled_pages`."""
        if (older := self.newest.put(customer_id, token_id)) is not None:
            if (dropped := self.watches.pop(older, None)) is not None:
                self.players.drop(dropped)
            self._schedule.drop(older)
            self.sweep.leave(older)

    async def _compare(self, watch: Watch, customer_id: str, sighting: Sighting | None) -> None:
        fingerprint = self._reconciler.rules.fingerprint
        self.clockwatch.hear(self._store.last_date, self._clock.now(), self._clock.monotonic())
        passed = await self._reconciler.look(customer_id, sighting, clock_ok=self.clockwatch.ok)
        watch.recheck_at, watch.deadline_at = passed.changes.recheck_at, passed.changes.deadline_at
        watch.incomplete = passed.incomplete
        watch.catalogue = fingerprint
        if sighting is not None:
            watch.read_at = sighting.read_at
            if sighting.seen is not None:  # only now: its changes are committed
                watch.seen = sighting.seen
        self._wake(passed.recorded.servers)

    def _failed(self, watch: Watch, error: StoreError) -> None:
        watch.failures += 1
        refused, message = isinstance(error, TokenRefused), while_running(error)
        self._counters.polled(PollResult.REFUSED if refused else PollResult.FAILED)
        if message != watch.error:  # the same message only once
            facts = {"action": "poll_failed", "customer_id": watch.customer_id}
            log.warning("%s: %s", watch.label, message, extra=facts)
        watch.refused, watch.error = refused, message
        if refused:
            self.sweep.leave(watch.token_id)
            self._failures.refused(watch.token_id)
            if watch.customer_id is not None and error.status in (401, 403):
                self.on_refused(watch.customer_id)
        else:
            self._failures.failed(watch.token_id, message)

    def _put_back(self, watch: Watch, *, at_once: bool) -> None:
        now_s = self._clock.monotonic()
        self._pulse.beat(LOOP, now_s)
        if self.watches.get(watch.token_id) is not watch:
            return
        self.players.look(watch)
        jitter = 1.0 - self._rng.random() / 10
        wait_s, rank = next_look(watch, micros(self._clock.now()), self.every, jitter=jitter)
        if at_once:
            wait_s, rank = 0.0, Rank.ASKED
        self._schedule.put(watch.token_id, now_s + wait_s, rank)
