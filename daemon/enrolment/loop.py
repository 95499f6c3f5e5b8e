"""Makes tokens for the store's customers: for all, or for those who join a server. Needs the API key.

`newcomers.py` runs it beside polling. Players who join and new items of the feed are urgent. It sends one request at a
time, so that a poll of a customer who is online never waits for more than one of them.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from perkd.adapters.base import Adapter, Player

from ..core.model import Enrol
from ..core.roster import identities
from ..ledger import Ledger
from ..paynow import BadInput, Customer, Management, NotAnAnswer, NotFound, StoreError, profile_of, while_running
from ..polling import Polling, Rank
from ..runtime import Context, Loop, fault
from .backoff import FailureKind, KeyBackoff, NobodyEnrolled, kind_of
from .feed_window import before
from .progress import Progress
from .tokens import Tokens
from .unknown_players import UnknownPlayers

log = logging.getLogger("perkd.enrolment")

SOON_S = 1.0
TURN_S = 20.0  # a pass begins at least this often, and checks who is on a server
SLOWEST_S = 100.0  # one request may wait that long for the rate limit
ROUND_AGAIN = timedelta(minutes=5)
LATER_AT_ONCE = 100
MOST_SHOWN = 10_000
LOG_EVERY_S = 60.0


class Enrolment:
    """`mode` is ALL or ONLINE; `present` yields every player on the servers with their server's adapter."""

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
        self.mode, self.backoff, self.progress = mode, KeyBackoff(), Progress(f"enrolled:{store.store_id}")
        self.loop = Loop(
            context,
            "enrol",
            self._one_pass,
            bound_s=SLOWEST_S,
            failed=self._failed,
            between=self._count_left,
            excused=store.blocked_until,
            wake=polling.roll.news,
        )
        self._wake = self.loop.wake  # also set while there may be urgent work
        self._store, self._ledger, self._polling = store, ledger, polling
        self._clock = context.clock
        self._present = present
        self.tokens = Tokens(store, ledger.roll, polling, self._clock.now, context.counters.enrolments)
        self._list_changed = True
        self._unknown_players = UnknownPlayers()
        self._shown: dict[str, Customer | None] = {}  # customers from the feed; None: ask the store who they are
        self._refused = polling.roll.to_replace
        self._stopped: StoreError | None = None  # why a part of the urgent work was not done
        self._logged_s = self._clock.monotonic()
        self._round_at = self._clock.now()

    def again(self) -> None:
        """The operator changed something: tries again at once what failed; the list of tokens may have changed, too."""
        self._list_changed = True
        self.loop.again()

    def shown(self, customer_id: str, customer: Customer | None) -> None:
        """The feed has an item of a customer without a token; `customer` is the one in the item."""
        players: set[str] = set()
        if customer is not None:
            players.update(self._polling.roll.players_of(profile_of(customer)))
        for player in players:
            self._unknown_players.forget(player)
        here = any(players.intersection(identities(player)) for _, player in self._present())
        if (self.mode is Enrol.ALL or here) and len(self._shown) < MOST_SHOWN:
            self._shown[customer_id] = customer
        self._wake.set()

    def awaits(self, customer_id: str) -> bool:
        """Whether the customer came from the feed and still waits."""
        return customer_id in self._shown

    async def _one_pass(self) -> float:
        if self._list_unidentified():
            return SOON_S
        await self._pass()
        return TURN_S

    async def _count_left(self) -> float:
        self.progress.left = await self._ledger.roll.unenrolled()
        return TURN_S

    async def _pass(self) -> None:
        """Does everything that is due. When a part fails, does the rest first, then raises."""
        if self.mode is Enrol.ALL and self._list_changed:
            self._list_changed = False
            await self._ledger.roll.want_back(self._clock.now())
        self._stopped = None
        self._wake.set()  # a player's hour may be over without an event
        await self._urgent()
        if self.mode is Enrol.ALL and self._round_at <= self._clock.now():
            await self._round()
        if self._stopped is not None:
            raise self._stopped
        self.backoff.succeeded()

    def _list_unidentified(self) -> bool:
        """Whether tokens of the owner's list have no known customer yet: these customers need no new token."""
        return self._polling.roll.unidentified > 0

    def _failed(self, error: Exception) -> float:
        if not isinstance(error, StoreError):
            error = StoreError(fault(error, "enrolment_crashed", "enrolment crashed; it continues"))
        elif str(error) != self.backoff.error:  # the same message only once
            log.warning("new customers get no token: %s", while_running(error), extra={"action": "enrolment_failed"})
        return self.backoff.failed(error)

    # All customers

    async def _round(self) -> None:
        """Goes through all customers after the last one that is done. It begins a little earlier, because an id may be
        listed late. Urgent customers go first."""
        done = self.progress
        begin = await done.begin(self._ledger, self._store.now())
        async for page in self._store.customers.pages(after=str(before(begin))):
            states = await self._ledger.roll.enrolled([customer.id for customer in page])
            self._wake.set()  # urgent work is done at least once a page
            for customer in page:
                if self._wake.is_set():
                    await self._urgent()
                await self.tokens.make_in_turn(customer, states[customer.id])
                self.loop.beat()
            await done.page(self._ledger, [int(one.id) for one in page], self._store.now())  # their tokens are stored
            self.backoff.succeeded()
            await self._count_left()
            self._log_progress()
        if not done.round_over:
            log.info("all customers are enrolled, %d since the start", self.tokens.made, extra={"action": "enrolled"})
        done.round_over, self._round_at = True, self._clock.now() + ROUND_AGAIN

    def _log_progress(self) -> None:
        now = self._clock.monotonic()
        if not self.progress.round_over and now - self._logged_s >= LOG_EVERY_S:
            self._logged_s = now
            made, facts = self.tokens.made, {"action": "enrolling", "made": self.tokens.made}
            log.info("enrolling: %d since the start, up to customer %d", made, self.progress.cursor, extra=facts)

    # Urgent customers

    async def _urgent(self) -> None:
        """Handles customers who do not wait for their turn: first newcomers, then customers whose token stopped
        working, then those that failed an hour ago. A failure with one customer does not stop the others; a failure
        about the key or the rate ends the pass."""
        for step in (self._newcomers, self._replace, self._retry_failed):
            try:
                await step()
            except StoreError as error:
                if kind_of(error) in (FailureKind.KEY, FailureKind.PERMISSION, FailureKind.LIMITED):
                    raise
                self._stopped = error

    async def _replace(self) -> None:
        while (customer_id := self._refused.take(self._clock.now())) is not None:
            await self._replace_one(customer_id)
            await self._newcomers()

    async def _retry_failed(self) -> None:
        for customer_id in await self._ledger.roll.unenrolled_due(self._clock.now(), LATER_AT_ONCE):
            await self.tokens.make_now(customer_id, rank=Rank.NEW)
            self.loop.beat()
            await self._newcomers()

    async def _newcomers(self) -> None:
        """Makes tokens for customers from the feed and for players on the servers."""
        if not self._wake.is_set():
            return
        self._wake.clear()
        if self._refused:
            here = (one for _, player in self._present() for one in identities(player))
            for watch in self._polling.roll.behind(here):
                if watch.customer_id is not None:
                    self._refused.hurry(watch.customer_id)
        while self._shown:
            customer_id = next(iter(self._shown))
            customer = self._shown.pop(customer_id)
            try:
                await self.tokens.make_now(customer_id, customer)
            except NobodyEnrolled:  # the customer has a time for the next try
                raise
            except StoreError:
                self._shown.setdefault(customer_id, customer)  # after the others
                raise
            self.loop.beat()
        for adapter, player in self._unknown(self._clock.now()):
            await self._look_up(adapter, player)
            self.loop.beat()

    async def _replace_one(self, customer_id: str) -> None:
        try:
            again_at = await self.tokens.replace(customer_id)
        except StoreError:
            self._refused.put(customer_id, self._clock.now())  # after the others
            raise
        if again_at is not None:
            self._refused.put(customer_id, again_at)
        self.loop.beat()

    def _unknown(self, now: datetime) -> list[tuple[Adapter, Player]]:
        """Players that are no known customer. Once all customers are enrolled, the store knows no other ones either."""
        if self.mode is Enrol.ALL and self.progress.round_over:
            return []
        knows = self._polling.roll.knows
        found = {p.id: (adapter, p) for adapter, p in self._present() if not any(map(knows, identities(p)))}
        return [found[player] for player in self._unknown_players.due(found, now)]

    async def _look_up(self, adapter: Adapter, player: Player) -> None:
        """Asks the store who the player is. Its answer counts for an hour, also when it knows no such customer."""
        for by, value in adapter.store_keys(player):
            try:
                customer = await self._store.customers.lookup({by: value})
                who = None if customer is None else profile_of(customer)
            except (StoreError, NotAnAnswer) as error:
                if isinstance(error, NotFound):  # an unknown player is no error, so the store itself is missing
                    raise
                if isinstance(error, StoreError) and not self.tokens.about_one(player.id, error):
                    raise
                if not isinstance(error, BadInput):  # the store cannot have a customer with this name
                    facts = {"action": "no_lookup"}
                    log.warning("perkd cannot look up player %s in the store: %s", player.id, error, extra=facts)
                continue
            if who is not None and adapter.identify(who.values).player in identities(player):
                await self.tokens.make_now(who.customer_id, who)
                self._know_anew(who.customer_id, player)
                break
        self._unknown_players.not_found(player.id, self._clock.now())

    def _know_anew(self, customer_id: str, player: Player) -> None:
        """If perkd does not know the customer as this player, asks the store again who they are: it has changed."""
        watch = self._polling.roll.of(customer_id)
        if watch is not None and not any(map(self._polling.roll.knows, identities(player))):
            watch.profile_at = None
            self._polling.look_now([watch])
