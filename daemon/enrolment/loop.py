"""Makes tokens for the store's customers: all of them, or those who come onto a server. Needs the API key.

`newcomers` runs it beside polling; `presence` and `feed` say who is urgent. One request at a time, so that reading
whoever is online never waits for more than one of them.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from perkd.adapters.base import Adapter, Player

from ..core.model import Enrol
from ..core.roster import identities
from ..ledger import Ledger, LedgerError
from ..paynow import BadInput, Customer, Management, NotAnAnswer, NotFound, StoreError, profile_of, while_running
from ..polling import Polling, Rank
from ..runtime import Context
from .backoff import Kind, NobodyEnrolled, Patience, kind_of
from .feed_window import before
from .progress import Progress
from .refused_tokens import Refused
from .tokens import Minting
from .unknown_players import Strangers

log = logging.getLogger("perkd.enrolment")

LOOP = "enrol"
SOON_S = 1.0
TURN_S = 20.0  # a pass completes at least this often, and whoever is on a server is looked at
SLOWEST_S = 100.0  # one request may wait that long for the rate
ROUND_AGAIN = timedelta(minutes=5)
LATER_AT_ONCE = 100
MOST_SHOWN = 10_000
TOLD_S = 60.0


class Enrolment:
    """`mode` is ALL or ONLINE; `present` names everybody on the servers with his server's adapter."""

    def __init__(
        self,
        mode: Enrol,
        store: Management,
        ledger: Ledger,
        polling: Polling,
        context: Context,
        *,
        present: Callable[[], Iterable[tuple[Adapter, Player]]],
    ) -> None:
        self.mode, self.patience, self.progress = mode, Patience(), Progress(f"enrolled:{store.store_id}")
        self._store, self._ledger, self._polling = store, ledger, polling
        self._clock, self._pulse = context.clock, context.pulse
        self.passes = 0  # over everything that was due
        self._present = present
        self.minting = Minting(store, ledger, polling, self._clock.now, context.counters.enrolments)
        self._wake, self._again = asyncio.Event(), asyncio.Event()
        self._list_changed = True
        self._strangers = Strangers()
        self._shown: dict[str, Customer | None] = {}  # whom the feed showed; None: who he is must be asked
        self.refused = Refused()
        self._stopped: StoreError | None = None  # why not everybody who goes first was asked for
        self._told_s = self._clock.monotonic()
        self._round_at = self._clock.now()
        polling.on_refused = self._token_refused
        self._pulse.register(LOOP, SLOWEST_S)

    def joined(self) -> None:
        """Somebody came onto a server."""
        self._wake.set()

    def again(self) -> None:
        """A person changed something: what failed is tried at once, and the list of tokens may be another one."""
        self._list_changed = True
        self._again.set()
        self._wake.set()

    def shown(self, customer_id: str, customer: Customer | None) -> None:
        """The feed shows an item of a customer nobody reads; `customer` as it came with the item."""
        players: set[str] = set()
        if customer is not None:
            players.update(self._polling.players.of(profile_of(customer)))
        for player in players:
            self._strangers.forget(player)
        here = any(players.intersection(identities(player)) for _, player in self._present())
        if (self.mode is Enrol.ALL or here) and len(self._shown) < MOST_SHOWN:
            self._shown[customer_id] = customer
        self._wake.set()

    def awaits(self, customer_id: str) -> bool:
        """Whether the feed showed him and his turn has not come."""
        return customer_id in self._shown

    def beat_while_limited(self) -> None:
        """At every tick: everybody waits because the store said so, which is no hanging loop."""
        if self._store.limited:
            self._pulse.beat(LOOP)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            wait_s, wake = TURN_S, self._wake
            self._again.clear()
            try:
                if self._listing():
                    wait_s, wake = SOON_S, self._again
                else:
                    await self._pass()
            except StoreError as error:
                wait_s, wake = self._failed(error), self._again
            except LedgerError:
                raise
            except Exception as error:  # a fault here never stops what is delivered
                log.exception("enrolment stopped for a moment", extra={"action": "enrolment_crashed"})
                fault = StoreError(f"a fault in perkd: {type(error).__name__}, see the log")
                wait_s, wake = self.patience.failed(fault), self._again
            finally:
                self._pulse.beat(LOOP)
            self.progress.left = await self._ledger.unenrolled()
            self.passes += 1
            await self._rest(wait_s, wake)

    async def _pass(self) -> None:
        """Over everything that is due. Raises why some of it was not done, after the rest was."""
        if self.mode is Enrol.ALL and self._list_changed:
            self._list_changed = False
            await self._ledger.want_back(self._clock.now())
        self._stopped = None
        self._wake.set()  # a player's hour may be over though nothing happened
        await self._urgent()
        if self.mode is Enrol.ALL and self._round_at <= self._clock.now():
            await self._round()
        if self._stopped is not None:
            raise self._stopped
        self.patience.succeeded()

    def _listing(self) -> bool:
        """Whether it is not known yet whose some tokens of the owner's own list are: their customers need none."""
        watches = self._polling.watches.values()
        return any(w.customer_number is None and w.is_read and not w.refused and not w.failures for w in watches)

    async def _rest(self, wait_s: float, wake: asyncio.Event) -> None:
        until = self._clock.monotonic() + wait_s
        while (now := self._clock.monotonic()) < until:
            woken = await self._clock.until(min(until, now + TURN_S), wake)
            self._pulse.beat(LOOP)
            if woken:
                return

    def _failed(self, error: StoreError) -> float:
        if str(error) != self.patience.error:  # the same words once
            log.warning("customers are not enrolled: %s", while_running(error), extra={"action": "enrolment_failed"})
        return self.patience.failed(error)

    # Everybody

    async def _round(self) -> None:
        """All customers after the last one that is done, from a little before him on, because an id may be listed
        late. Whoever is urgent goes first."""
        done = self.progress
        begin = await done.begin(self._ledger, self._store.now())
        async for page in self._store.customers.pages(after=str(before(begin))):
            states = await self._ledger.enrolled([customer.id for customer in page])
            self._wake.set()  # once a page at least, whatever has become due
            for customer in page:
                if self._wake.is_set():
                    await self._urgent()
                await self.minting.of_page(customer, states[customer.id])
                self._pulse.beat(LOOP)
            await done.page(self._ledger, [int(customer.id) for customer in page], self._store.now())  # all stored
            self.patience.succeeded()
            self.progress.left = await self._ledger.unenrolled()
            self._tell()
        if not done.round_over:
            log.info("everybody is enrolled, %d since the start", self.minting.made, extra={"action": "enrolled"})
        done.round_over, self._round_at = True, self._clock.now() + ROUND_AGAIN

    def _tell(self) -> None:
        now = self._clock.monotonic()
        if not self.progress.round_over and now - self._told_s >= TOLD_S:
            self._told_s = now
            log.info(
                "enrolling: %d since the start, up to customer %d",
                self.minting.made,
                self.progress.cursor,
                extra={"action": "enrolling", "made": self.minting.made},
            )

    # Who goes first

    async def _urgent(self) -> None:
        """Everybody who does not wait for his turn: newcomers before those whose token stopped working, and those
        before whoever failed an hour ago. Whom the store fails with keeps nobody else from his turn; what is about the
        key or the pace ends the pass."""
        for these in (self._at_the_door, self._replace, self._left):
            try:
                await these()
            except StoreError as error:
                if kind_of(error) in (Kind.KEY, Kind.PERMISSION, Kind.LIMITED):
                    raise
                self._stopped = error

    async def _replace(self) -> None:
        while (customer_id := self.refused.take(self._clock.now())) is not None:
            await self._replace_one(customer_id)
            await self._at_the_door()

    async def _left(self) -> None:
        for customer_id in await self._ledger.unenrolled_due(self._clock.now(), LATER_AT_ONCE):
            await self.minting.now(customer_id, rank=Rank.NEW)
            self._pulse.beat(LOOP)
            await self._at_the_door()

    async def _at_the_door(self) -> None:
        """Whom the feed showed, and who is on a server."""
        if not self._wake.is_set():
            return
        self._wake.clear()
        if self.refused:
            here = (one for _, player in self._present() for one in identities(player))
            for customer_id in self._polling.players.refused(here, self._polling.watches):
                self.refused.hurry(customer_id)
        while self._shown:
            customer_id = next(iter(self._shown))
            customer = self._shown.pop(customer_id)
            try:
                await self.minting.now(customer_id, customer)
            except NobodyEnrolled:  # he has his own time now
                raise
            except StoreError:
                self._shown.setdefault(customer_id, customer)  # behind the others
                raise
            self._pulse.beat(LOOP)
        for adapter, player in self._unknown(self._clock.now()):
            await self._look_up(adapter, player)
            self._pulse.beat(LOOP)

    async def _replace_one(self, customer_id: str) -> None:
        try:
            again_at = await self.minting.replace(customer_id)
        except StoreError:
            self.refused.put(customer_id, self._clock.now())  # behind the others
            raise
        if again_at is not None:
            self.refused.put(customer_id, again_at)
        self._pulse.beat(LOOP)

    def _token_refused(self, customer_id: str) -> None:
        """Polling heard it. When he gets a new one is the ledger's word."""
        if customer_id not in self.refused:
            self.refused.put(customer_id, self._clock.now())
        self._wake.set()

    def _unknown(self, now: datetime) -> list[tuple[Adapter, Player]]:
        """Players nobody perkd knows. Once everybody is enrolled, the store knows nobody else either."""
        if self.mode is Enrol.ALL and self.progress.round_over:
            return []
        knows = self._polling.players.knows
        found = {p.id: (adapter, p) for adapter, p in self._present() if not any(map(knows, identities(p)))}
        return [found[player] for player in self._strangers.due(found, now)]

    async def _look_up(self, adapter: Adapter, player: Player) -> None:
        """Asks the store who the player is. What it says counts for an hour, and so does that it can say nothing."""
        for by, value in adapter.store_keys(player):
            try:
                customer = await self._store.customers.lookup({by: value})
                who = None if customer is None else profile_of(customer)
            except (StoreError, NotAnAnswer) as error:
                if isinstance(error, NotFound):  # that he is no customer is no error: the store itself is not there
                    raise
                if isinstance(error, StoreError) and not self.minting.about_him(player.id, error):
                    raise
                if not isinstance(error, BadInput):  # that is a name the store cannot have
                    log.warning("player %s is not looked up: %s", player.id, error, extra={"action": "no_lookup"})
                continue
            if who is not None and adapter.identify(who.values).player in identities(player):
                await self.minting.now(who.customer_id, who)
                self._know_anew(who.customer_id, player)
                break
        self._strangers.not_found(player.id, self._clock.now())

    def _know_anew(self, customer_id: str, player: Player) -> None:
        """Somebody who is read, but not as this player: who he is has changed since the store was asked."""
        watch = self.minting.watch(customer_id)
        if watch is not None and not any(map(self._polling.players.knows, identities(player))):
            watch.profile_at = None
            self._polling.look_now([watch.token_id])
