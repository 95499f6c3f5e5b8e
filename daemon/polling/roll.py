"""Who is polled: the one place that adds, replaces and drops customers, and that counts them.

`loop.py` and `poll.py` report to it what happens to a customer; `enrolment`, `store_queue` and `reports` look customers
up and read the counts. Nothing here waits.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from ..core.model import Profile
from ..ledger import Polled
from ..runtime import Clock
from .counts import Counts
from .players import Players
from .progress import Failures, Sweep
from .refused_tokens import RefusedTokens
from .schedule import Rank, Schedule
from .watch import Watch


class Roll:
    """Customers by token, by id and by player. A customer with several tokens is polled by one of them. `who_is`
    returns the players of a profile in the configured games, `is_online` says whether a player is on any server."""

    def __init__(
        self, clock: Clock, who_is: Callable[[Profile], Iterable[str]], is_online: Callable[[str], bool]
    ) -> None:
        self.schedule, self.sweep, self.counts = Schedule(), Sweep(clock.monotonic), Counts(clock.now())
        self.to_replace = RefusedTokens()
        self.news = asyncio.Event()  # for enrolment: a token was refused, or a player joined
        self._clock, self._who_is, self._is_online = clock, who_is, is_online
        self._watches: list[Watch | None] = []  # by token: a dict costs 44 bytes more for each (docs/decisions/0011)
        self._all = 0
        self._of_customer: dict[str, Watch] = {}
        self._players, self._failures = Players(), Failures()

    # Who is polled

    def take(self, row: Polled, rank: Rank | None = None, *, anew: bool = False) -> Watch:
        """Polls the customer as the row says, and by no other token. A customer who is polled so already continues, but
        with `anew` as the players of the current games; any other one is due now."""
        watch = self.by_token(row.token_id)
        if watch is not None and watch.token == row.token and row.customer_id in (None, watch.customer_id):
            if anew:
                self._know(watch, row.profile)
            return watch
        self.drop(watch)
        self.drop(self._of_customer.get(row.customer_id or ""))
        self._watches.extend([None] * (row.token_id + 1 - len(self._watches)))
        watch = self._watches[row.token_id] = Watch.of(row)
        self._all += 1
        self._enter(watch, row.profile)
        if watch.token is not None:
            self.sweep.join(watch.token_id)
        self.schedule.put(watch.token_id, self._clock.monotonic(), self._first_rank(row) if rank is None else rank)
        return watch

    def drop(self, watch: Watch | None) -> None:
        """Forgets the customer. Does nothing for a watch that is not on the roll."""
        if watch is None or watch not in self:
            return
        self._leave(watch)
        self._watches[watch.token_id] = None
        self._all -= 1
        self.schedule.drop(watch.token_id)
        self.sweep.leave(watch.token_id)
        self._failures.discard(watch.token_id)
        if watch.customer_id is not None:
            self.to_replace.discard(watch.customer_id)

    def drop_customer(self, customer_id: str) -> None:
        """Forgets the customer of that id, if there is one."""
        self.drop(self._of_customer.get(customer_id))

    def identified(self, watch: Watch, profile: Profile, now: datetime) -> None:
        """The store said who the customer is. Of several tokens of one customer only the newest stays."""
        other = self._of_customer.get(profile.customer_id, watch)
        if other is not watch and watch in self:
            self.drop(min(watch, other, key=lambda one: one.token_id))
        if here := watch in self:
            self._leave(watch)
        watch.customer_id, watch.profile_at, watch.label = profile.customer_id, now, profile.display_name
        watch.recheck_at = now  # a new name or id matters even if the inventory is the same
        if here:
            self._enter(watch, profile)

    # What happens to a customer

    def answered(self, watch: Watch) -> None:
        """The store answered the poll."""
        if watch.refused:
            with self._changing(watch):
                watch.refused = False
        self._failures.answered()
        self._asked(watch)

    def was_read(self, watch: Watch, read_at: datetime) -> None:
        """A complete inventory of that time is recorded."""
        if not watch.failures and self.counts.is_polled(watch):  # nearly always: nothing changes that counts
            watch.read_at = read_at
            return
        with self._changing(watch):
            watch.read_at, watch.failures, watch.error = read_at, 0, None

    def failed(self, watch: Watch, error: str) -> None:
        """The store did not answer, or not well."""
        with self._changing(watch):
            watch.failures, watch.refused, watch.error = watch.failures + 1, False, error
        if watch in self:
            self._failures.failed(watch.token_id, error)
        self._asked(watch)

    def refuse(self, watch: Watch, error: str, *, replace: bool) -> None:
        """The store refuses the token. `replace`: the customer needs a new one."""
        with self._changing(watch):
            watch.failures, watch.refused, watch.error = watch.failures + 1, True, error
        if watch in self:
            self.sweep.leave(watch.token_id)
            self._failures.discard(watch.token_id)
            if replace and watch.customer_id is not None:
                if watch.customer_id not in self.to_replace:
                    self.to_replace.put(watch.customer_id, self._clock.now())
                self.news.set()

    def crashed(self, watch: Watch, error: str) -> None:
        """A fault in perkd."""
        with self._changing(watch):
            watch.failures, watch.error = watch.failures + 1, error

    def joined(self, players: Iterable[str]) -> list[Watch]:
        """Marks the customers of these players as online. Returns those who were online nowhere before and have a
        working token."""
        found = self.behind(players)
        new = [watch for watch in found if not watch.online and watch.token is not None and not watch.refused]
        for watch in found:
            watch.online = True
        self.news.set()
        return new

    def look(self, watch: Watch) -> None:
        """Checks whether the customer is still online; `joined` marks those who come."""
        watch.online = watch.online and any(map(self._is_online, watch.players))

    # Looking up

    def of(self, customer_id: str) -> Watch | None:
        """The customer's watch; None when they have no token."""
        watch = self._of_customer.get(customer_id)
        return watch if watch is not None and watch.token is not None else None

    def by_token(self, token_id: int) -> Watch | None:
        return self._watches[token_id] if token_id < len(self._watches) else None

    def behind(self, players: Iterable[str]) -> list[Watch]:
        """The customers of these players."""
        return self._players.behind(players)

    def customer_of(self, player: str) -> str | None:
        """The id of the player's customer."""
        return next((watch.customer_id for watch in self.behind([player])), None)

    def knows(self, player: str) -> bool:
        """Whether a customer is this player."""
        return player in self._players

    def players_of(self, profile: Profile) -> Iterable[str]:
        """The players of this profile in the configured games."""
        return self._who_is(profile)

    @property
    def unreachable(self) -> str | None:
        """Why the store is unreachable; None when it is reachable."""
        return self._failures.unreachable(self.counts.known - len(self.counts.refused))

    def __contains__(self, watch: Watch) -> bool:
        return self.by_token(watch.token_id) is watch

    def __iter__(self) -> Iterator[Watch]:
        return (watch for watch in self._watches if watch is not None)

    def __len__(self) -> int:
        return self._all

    # Inside

    def _enter(self, watch: Watch, profile: Profile | None) -> None:
        if watch.customer_id is not None:
            self._of_customer[watch.customer_id] = watch
        self._know(watch, profile)
        self.counts.add(watch)

    def _leave(self, watch: Watch) -> None:
        self.counts.add(watch, -1)
        self._players.put(watch, ())
        if watch.customer_id is not None:
            del self._of_customer[watch.customer_id]

    def _know(self, watch: Watch, profile: Profile | None) -> None:
        if profile is not None:
            self._players.put(watch, self._who_is(profile))
            watch.online = any(map(self._is_online, watch.players))

    def _asked(self, watch: Watch) -> None:
        if watch in self and watch.token is not None:
            self.sweep.asked(watch.token_id)

    @contextmanager
    def _changing(self, watch: Watch) -> Iterator[None]:
        """Keeps the counts while the watch changes. A watch that was dropped during its poll counts no more."""
        here = watch in self
        if here:
            self.counts.add(watch, -1)
        yield
        if here:
            self.counts.add(watch)

    def _first_rank(self, row: Polled) -> Rank:
        if row.recheck_at is not None and row.recheck_at <= self._clock.now():
            return Rank.ENDING
        return Rank.NEW if row.read_at is None else Rank.REST
