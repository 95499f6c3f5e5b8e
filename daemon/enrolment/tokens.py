"""A token for one customer: asked of the store, stored in the ledger, and he is read with it. `enrolment` calls this.

Who already has a token, and whom an operator removed, gets none.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from prometheus_client import Counter

from ..core.model import Profile
from ..ledger import Enrolled, Ledger, LedgerError
from ..paynow import BadDocument, Customer, Management, StoreError, profile_of
from ..polling import Polling, Rank, Watch
from ..runtime import EnrolmentResult, uncancelled
from .backoff import Kind, NobodyEnrolled, kind_of

log = logging.getLogger("perkd.enrolment")
T = TypeVar("T")

REPLACED_AGAIN = timedelta(hours=1)  # one customer's token, at most
LATER, LATEST = timedelta(hours=1), timedelta(days=1)  # whom the store makes none for: doubled each time
STUBBORN = 3  # failures of the store in a row with one customer: the next one's turn
MANY = 10  # customers in a row the store makes no token for: it may not be about them
MOST_STUCK = 10_000
LAST_WORD_S = 3.0  # what a token that is being made gets when the daemon ends


class Minting:
    """Every method that asks raises the StoreErrors that are not about its one customer, and NobodyEnrolled. `made`:
    tokens since the start."""

    def __init__(
        self, store: Management, ledger: Ledger, polling: Polling, now: Callable[[], datetime], results: Counter
    ) -> None:
        self.made = 0
        self._store, self._ledger, self._polling, self._now, self._results = store, ledger, polling, now, results
        self._stuck: dict[str, int] = {}  # whom the store failed with, and how often in a row
        self._left_in_a_row = 0

    async def of_page(self, customer: Customer, state: Enrolled) -> None:
        """One of everybody, whose turn it is; `state` is the ledger's word on him."""
        if not state.tries:  # else he has his own time
            await self._guarded(customer.id, state.tries, self._who(customer, state, Rank.NEW))

    async def now(self, customer_id: str, who: Customer | Profile | None = None, *, rank: Rank = Rank.ASKED) -> None:
        """One who does not wait for his turn. `who` None: the store is asked who he is. `rank`: how he is read then."""
        state = (await self._ledger.enrolled([customer_id]))[customer_id]
        await self._guarded(customer_id, state.tries, self._who(who or customer_id, state, rank))

    async def replace(self, customer_id: str) -> datetime | None:
        """A new token in place of one the store does not take. Returns when to come again; None: never."""
        watch, now = self.watch(customer_id), self._now()
        if watch is None or not watch.refused:
            return None
        minted_at = (await self._ledger.enrolled([customer_id]))[customer_id].minted_at
        if minted_at is not None and now < minted_at + REPLACED_AGAIN:
            return minted_at + REPLACED_AGAIN
        try:
            profile = profile_of(await self._store.customers.show(customer_id))
            await self._finished(self._mint(profile, Rank.ASKED, instead_of=watch.token_id))
        except LedgerError:
            raise
        except StoreError as error:
            if not self.about_him(customer_id, error):
                raise
            log.warning("customer %s gets no new token: %s", customer_id, error, extra={"action": "not_replaced"})
        except Exception:  # what is wrong with one customer never stops the others
            log.exception("customer %s: no new token", customer_id, extra={"action": "enrolment_crashed"})
        else:
            self._stuck.pop(customer_id, None)
            return None
        self._results.labels(EnrolmentResult.REFUSED).inc()
        return now + REPLACED_AGAIN

    def watch(self, customer_id: str) -> Watch | None:
        """How the customer is read; None: not at all."""
        token_id = self._polling.newest.get(customer_id)
        watch = None if token_id is None else self._polling.watches.get(token_id)
        return watch if watch is not None and watch.is_read else None

    async def _who(self, who: Customer | Profile | str, state: Enrolled, rank: Rank) -> None:
        if state.polled or state.kept_out:
            if not isinstance(who, Customer):  # he was waiting for another try
                await self._ledger.need_not_enrol(who if isinstance(who, str) else who.customer_id)
            return
        asked = None
        if isinstance(who, str):
            asked, who = who, await self._store.customers.show(who)
        profile = profile_of(who) if isinstance(who, Customer) else who
        if self.watch(profile.customer_id) is None:
            await self._finished(self._mint(profile, rank, instead_of=None))
        if asked is not None and asked != profile.customer_id:  # the store has joined him with that one
            await self._ledger.need_not_enrol(asked)

    async def _mint(self, profile: Profile, rank: Rank, *, instead_of: int | None) -> None:
        token = await self._store.customers.mint(profile.customer_id)
        row = await uncancelled(self._ledger.enrol(profile, token, self._now(), instead_of=instead_of))
        self._results.labels(EnrolmentResult.MADE if instead_of is None else EnrolmentResult.REPLACED).inc()
        if row is None:
            return
        self.made += 1
        self._polling.take_in(row, rank)
        log.log(
            logging.DEBUG if rank is Rank.NEW else logging.INFO,
            "%s (customer %s): perkd had a token made",
            profile.display_name,
            profile.customer_id,
            extra={"action": "token_made", "customer_id": profile.customer_id},
        )

    async def _guarded(self, customer_id: str, tries: int, work: Coroutine[Any, Any, None]) -> None:
        """What is wrong with one customer never stops the others."""
        try:
            await work
        except LedgerError:
            raise
        except StoreError as error:
            if not self.about_him(customer_id, error):
                raise
            await self._leave(customer_id, tries, str(error))
            if self._left_in_a_row >= MANY:
                raise NobodyEnrolled(
                    f"the store made no token for {MANY} customers in a row, and each has a reason of his own; "
                    f"customer {customer_id}: {error}",
                    path=error.path,
                    status=error.status,
                ) from None
        except Exception as error:  # see above
            log.exception("customer %s: could not be enrolled", customer_id, extra={"action": "enrolment_crashed"})
            await self._leave(customer_id, tries, f"a fault in perkd: {type(error).__name__}, see the log")
        else:
            self._left_in_a_row = 0
            self._stuck.pop(customer_id, None)

    def about_him(self, who: str, error: StoreError) -> bool:
        """Whether a failure is about this one customer or player and says nothing about the others."""
        kind = kind_of(error)
        if kind is not Kind.STORE or isinstance(error, BadDocument):
            return kind in (Kind.ABSENT, Kind.REQUEST, Kind.STORE)
        failures = self._stuck.pop(who, 0) + 1
        if failures >= STUBBORN:
            return True
        self._stuck[who] = failures
        if len(self._stuck) > MOST_STUCK:
            del self._stuck[next(iter(self._stuck))]
        return False

    async def _leave(self, customer_id: str, tries: int, why: str) -> None:
        """He gets his token later; the next one's turn."""
        self._left_in_a_row += 1
        self._results.labels(EnrolmentResult.REFUSED).inc()
        log.warning("customer %s is not enrolled: %s", customer_id, why, extra={"action": "not_enrolled"})
        again_at = self._now() + min(LATEST, LATER * 2 ** min(tries, 10))
        await self._ledger.not_enrolled(customer_id, why, again_at)

    async def _finished(self, work: Coroutine[Any, Any, T]) -> T:
        """A token that is being made when the daemon ends is stored, if it comes within a moment."""
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait((task,), timeout=LAST_WORD_S)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
