"""Loop 1: token → inventory → changes → commands → ledger; whoever is online first. Nobody here speaks RCON.

`app` runs it; the clock's tick drains its schedule. Fetching is concurrent, what is fetched goes through the lane.
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
from .progress import Failures, InHand, Sweep, Unwritten
from .reconcile import Lane, Sighting
from .schedule import Rank, Schedule
from .watch import Intervals, Watch, next_look

log = logging.getLogger("perkd.polling")

LOOP = "poll"


class Polling:
    """Reads everybody in turn under one rate. `is_online`: whether a player is on any server."""

    def __init__(
        self,
        store: Storefront,
        ledger: Ledger,
        lane: Lane,
        context: Context,
        *,
        poll: Poll,
        wake: Callable[[Iterable[str]], None],
        is_online: Callable[[str], bool],
    ) -> None:
        self.pace(poll)
        self.watches: dict[int, Watch] = {}
        self.clockwatch = ClockWatch()
        self._store, self._ledger, self._lane = store, ledger, lane
        self._clock, self._pulse, self._counters = context.clock, context.pulse, context.counters
        self._concurrency, self._wake = poll.concurrency, wake
        self.players = Players(lane.players, is_online)
        self._rng = random.Random()  # noqa: S311 - jitter, nothing secret
        self._schedule = Schedule()
        self._ready = asyncio.Event()
        self._changed, self._loading = asyncio.Event(), asyncio.Lock()
        self._in_hand, self._failures = InHand(), Failures()
        self._unwritten = Unwritten(self._clock.monotonic)
        self.sweep = Sweep(self._clock.monotonic)
        self.newest = Newest()
        self.on_refused: Callable[[str], None] = lambda _customer_id: None  # the store does not take his token
        self._pulse.register(LOOP, 20.0)

    def pace(self, poll: Poll) -> None:
        """How often everybody is read, from the next look on; `concurrency` is opened once."""
        self.every = Intervals(poll.online, poll.offline)

    def drain(self) -> None:
        """Pops who is due: the one thing the clock's tick does here."""
        if self._schedule.drain(self._clock.monotonic()):
            self._ready.set()
        if self._store.limited_until(self._clock.now()) is not None:
            self._pulse.beat(LOOP)  # everybody waits because the store said so: that is no hanging loop

    async def load(self, *, games_changed: bool = False) -> None:
        """Takes today's list from the ledger: new ones are due now, gone ones are dropped, the others go on. With
        `games_changed` it is worked out anew who everybody is in the games."""
        async with self._loading:
            await self._load(games_changed=games_changed)

    async def _load(self, *, games_changed: bool) -> None:
        left = set(self.watches)
        async for rows in self._ledger.polled_pages(AT_ONCE):
            for row in rows:
                left.discard(row.token_id)
                self._take(row)
            await self.players.put_all(rows, self.watches, anew=games_changed)
        for token_id in left:
            if (gone := self.watches.pop(token_id, None)) is not None:  # else he was replaced meanwhile
                self.players.drop(gone)
            self._schedule.drop(token_id)
        newest = Newest()
        for token_id, watch in self.watches.items():  # also who was taken in meanwhile
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
        """A token made just now: its customer is due at once, and an older token of his is read no more."""
        if row.token_id not in self.watches and row.customer_id is not None and (profile := row.profile) is not None:
            self.watches[row.token_id] = watch = Watch(row)
            self.players.put(watch, profile)
            self._read_with_the_newest(row.token_id, row.customer_id)
            self._schedule.put(row.token_id, self._clock.monotonic(), rank)

    def joined(self, players: Iterable[str]) -> None:
        """Players who came onto a server: whoever was online nowhere is due at once, unless he is being read."""
        for token_id in self.players.joined(players, self.watches):
            if token_id in self._schedule:
                self._schedule.hurry(token_id, self._clock.monotonic(), Rank.ONLINE)

    def look_now(self, token_ids: Iterable[int] | None = None, rank: Rank = Rank.ASKED) -> None:
        """These customers, or all, are due at once."""
        now = self._clock.monotonic()
        for token_id in list(self.watches if token_ids is None else token_ids):
            if (watch := self.watches.get(token_id)) is not None and not self._in_hand.ask(watch):
                self._schedule.hurry(token_id, now, rank)

    def reconcile(self) -> None:
        """The config changed: everybody is compared with it now."""
        self._changed.set()

    @property
    def resting(self) -> bool:
        """Nobody is due and nobody is being read: whatever was read is recorded."""
        return len(self._schedule) == len(self.watches) and not self._schedule.waiting

    @property
    def unreachable(self) -> str | None:
        """Why the store is out of reach; None while it is not."""
        return self._failures.unreachable(sum(watch.is_read and not watch.refused for watch in self.watches.values()))

    async def run(self) -> None:
        """Until cancelled. The workers fetch; one of them at a time is in the lane."""
        async with asyncio.TaskGroup() as workers:
            workers.create_task(self._reconcile(), name="reconcile")
            for number in range(self._concurrency):
                workers.create_task(self._work(), name=f"poll {number}")

    async def _reconcile(self) -> None:
        """After a change of the config: everybody is compared with it by his last inventory, without the store. Who
        could not be read lately is compared when he can be: much may have happened to what he owned."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for watch in list(self.watches.values()):
                if watch.token is None or self.watches.get(watch.token_id) is not watch:
                    continue  # removed, or removed just now
                if watch.customer_id is None or watch.read_at is None or watch.failures:
                    continue
                if watch.catalogue != self._lane.rules.fingerprint:
                    try:
                        await self._compare(watch, watch.customer_id, Sighting(read_at=watch.read_at, inventory=None))
                    except LedgerError:
                        raise  # without a ledger nothing may go on
                    except Exception as error:  # noqa: BLE001 - a fault with one customer never stops the others
                        self._crashed(watch, error)

    @staticmethod
    def _crashed(watch: Watch, error: Exception) -> None:
        log.error("%s: could not be looked at", watch.label, exc_info=error, extra={"action": "poll_crashed"})
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
            self._in_hand.begin(watch)
            try:
                await self._poll(watch)
            except LedgerError:
                raise  # without a ledger nothing may go on
            except Exception as error:  # noqa: BLE001 - a fault with one customer never stops the others
                self._crashed(watch, error)
            finally:
                self._put_back(watch, at_once=self._in_hand.end(watch))
            if sightings := self._unwritten.take():
                await self._ledger.sighted(sightings)

    async def _poll(self, watch: Watch) -> None:
        """One look at one customer. A store that cannot be read says nothing about what is owned (law 2)."""
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
            return  # removed while he was read: what was read must not give him back what the operator took
        if token is not None and not watch.refused:
            self.sweep.asked(watch.token_id)  # not who left the list meanwhile: the round would wait for him for ever
        now = self._clock.now()
        if (said := self._store.last_date) is not self.clockwatch.heard:
            self.clockwatch.hear(said, now, self._clock.monotonic())
        customer_id = customer_id or watch.customer_id
        if customer_id is None:
            return
        if watch.is_due(micros(now), self._lane.rules.fingerprint, new=None if sighting is None else new):
            await self._compare(watch, customer_id, sighting)
        elif sighting is not None:
            watch.read_at = sighting.read_at
            self._unwritten.put(customer_id, sighting.read_at)
        if sighting is not None:
            watch.failures, watch.error = 0, None  # only now: a reading that cannot be recorded has failed

    async def _fetch(self, watch: Watch, token: Secret, customer_id: str | None) -> Sighting | None:
        """Removed customers have no token, and are not asked for: only their known ends still come."""
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
        """Of several tokens of one customer only the newest is used, as `Ledger.polled` has it at every start."""
        if (older := self.newest.put(customer_id, token_id)) is not None:
            if (dropped := self.watches.pop(older, None)) is not None:
                self.players.drop(dropped)
            self._schedule.drop(older)
            self.sweep.leave(older)

    async def _compare(self, watch: Watch, customer_id: str, sighting: Sighting | None) -> None:
        fingerprint = self._lane.rules.fingerprint
        self.clockwatch.hear(self._store.last_date, self._clock.now(), self._clock.monotonic())
        passed = await self._lane.look(customer_id, sighting, clock_ok=self.clockwatch.ok)
        watch.recheck_at, watch.deadline_at = passed.changes.recheck_at, passed.changes.deadline_at
        watch.incomplete = passed.incomplete
        watch.catalogue = fingerprint
        if sighting is not None:
            watch.read_at = sighting.read_at
            if sighting.seen is not None:  # only now: what it led to is committed
                watch.seen = sighting.seen
        self._wake(passed.recorded.servers)

    def _failed(self, watch: Watch, error: StoreError) -> None:
        watch.failures += 1
        refused, said = isinstance(error, TokenRefused), while_running(error)
        self._counters.polled(PollResult.REFUSED if refused else PollResult.FAILED)
        if said != watch.error:  # the same words once
            log.warning("%s: %s", watch.label, said, extra={"action": "poll_failed", "customer_id": watch.customer_id})
        watch.refused, watch.error = refused, said
        if refused:
            self.sweep.leave(watch.token_id)
            self._failures.refused(watch.token_id)
            if watch.customer_id is not None and error.status in (401, 403):
                self.on_refused(watch.customer_id)
        else:
            self._failures.failed(watch.token_id, said)

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
