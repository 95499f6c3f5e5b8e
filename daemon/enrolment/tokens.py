"""Makes a token for one customer at the store, stores it in the ledger, and starts polling with it.

`loop.py` calls this. Customers who have a token, and customers whom an operator removed, get none.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from prometheus_client import Counter

from ..core.model import Profile, Secret
from ..ledger import Enrolled, RollFacet
from ..paynow import BadDocument, Customer, Management, StoreError, profile_of
from ..polling import Polling, Rank
from ..runtime import Backoff, EnrolmentResult, fault, uncancelled
from .backoff import FailureKind, NobodyEnrolled, kind_of

log = logging.getLogger("perkd.enrolment")
T = TypeVar("T")

REPLACED_AGAIN = timedelta(hours=1)  # one customer's token, at most
AGAIN = Backoff(first_s=3600.0, longest_s=24 * 3600.0)  # for one customer
STUBBORN = 3  # failures of the store in a row with one customer: continue with the next customer
MANY = 10  # customers in a row without a token: the cause may not be the customers
MOST_STUCK = 10_000
LAST_WORD_S = 3.0  # a request for a token gets this long to finish when the daemon ends


class Tokens:
    """Methods that ask the store raise StoreErrors that do not concern only their one customer, and NobodyEnrolled.
    `made`: tokens since the start."""

    def __init__(
        self, store: Management, ledger: RollFacet, polling: Polling, now: Callable[[], datetime], results: Counter
    ) -> None:
        self.made = 0
        self._store, self._ledger, self._polling, self._now, self._results = store, ledger, polling, now, results
        self._stuck: dict[str, int] = {}  # failures in a row, by customer or player
        self._failed_in_a_row = 0

    async def make_in_turn(self, customer: Customer, state: Enrolled) -> None:
        """Makes a token for a customer in the round over all; `state` is what the ledger knows of them."""
        if not state.tries:  # else the customer has a time for the next try
            await self._guarded(customer.id, state.tries, self._enrol(customer, state, Rank.NEW))

    async def make_now(
        self, customer_id: str, who: Customer | Profile | None = None, *, rank: Rank = Rank.ASKED
    ) -> None:
        """Makes a token for an urgent customer. `who` None: asks the store who it is. `rank`: of the first poll."""
        state = (await self._ledger.enrolled([customer_id]))[customer_id]
        await self._guarded(customer_id, state.tries, self._enrol(who or customer_id, state, rank))

    async def replace(self, customer_id: str) -> datetime | None:
        """Makes a new token in place of a refused one. Returns the time for the next try; None: no other try."""
        watch, now = self._polling.roll.of(customer_id), self._now()
        if watch is None or not watch.refused:
            return None
        minted_at = (await self._ledger.enrolled([customer_id]))[customer_id].minted_at
        if minted_at is not None and now < minted_at + REPLACED_AGAIN:
            return minted_at + REPLACED_AGAIN
        try:
            profile = profile_of(await self._store.customers.show(customer_id))
            await self._finish(self._mint(profile, Rank.ASKED, instead_of=watch.token_id))
        except StoreError as error:
            if not self.about_one(customer_id, error):
                raise
            log.warning("customer %s gets no new token: %s", customer_id, error, extra={"action": "not_replaced"})
        except Exception as error:  # noqa: BLE001 - what is wrong with one customer never stops the others
            fault(error, "enrolment_crashed", "customer %s: no new token", customer_id)
        else:
            self._stuck.pop(customer_id, None)
            return None
        self._results.labels(EnrolmentResult.REFUSED).inc()
        return now + REPLACED_AGAIN

    async def _enrol(self, who: Customer | Profile | str, state: Enrolled, rank: Rank) -> None:
        if state.polled or state.kept_out:
            if not isinstance(who, Customer):  # it was another try
                await self._ledger.need_not_enrol(who if isinstance(who, str) else who.customer_id)
            return
        asked = None
        if isinstance(who, str):
            asked, who = who, await self._store.customers.show(who)
        profile = profile_of(who) if isinstance(who, Customer) else who
        if self._polling.roll.of(profile.customer_id) is None:
            await self._finish(self._mint(profile, rank, instead_of=None))
        if asked is not None and asked != profile.customer_id:  # the store has merged two customers
            await self._ledger.need_not_enrol(asked)

    async def _mint(self, profile: Profile, rank: Rank, *, instead_of: int | None) -> None:
        token = await self._store.customers.mint(profile.customer_id)
        await uncancelled(self._take_in(profile, token, rank, instead_of))

    async def _take_in(self, profile: Profile, token: Secret, rank: Rank, instead_of: int | None) -> None:
        row = await self._ledger.enrol(profile, token, self._now(), instead_of=instead_of)
        self._results.labels(EnrolmentResult.MADE if instead_of is None else EnrolmentResult.REPLACED).inc()
        if row is None:
            return
        self.made += 1
        await self._polling.take_in(row, rank)
        level, facts = logging.DEBUG if rank is Rank.NEW else logging.INFO, {"action": "token_made"}
        facts["customer_id"] = profile.customer_id
        log.log(level, "%s (customer %s): got a token", profile.display_name, profile.customer_id, extra=facts)

    async def _guarded(self, customer_id: str, tries: int, work: Coroutine[Any, Any, None]) -> None:
        """What is wrong with one customer never stops the others."""
        try:
            await work
        except StoreError as error:
            if not self.about_one(customer_id, error):
                raise
            await self._postpone(customer_id, tries, str(error))
            if self._failed_in_a_row >= MANY:
                raise NobodyEnrolled(
                    f"the store made no token for {MANY} customers in a row, for different reasons; customer "
                    f"{customer_id}: {error}",
                    path=error.path,
                    status=error.status,
                ) from None
        except Exception as error:  # noqa: BLE001 - see above
            why = fault(error, "enrolment_crashed", "customer %s could not be enrolled", customer_id)
            await self._postpone(customer_id, tries, why)
        else:
            self._failed_in_a_row = 0
            self._stuck.pop(customer_id, None)

    def about_one(self, who: str, error: StoreError) -> bool:
        """Whether a failure concerns only this customer or player."""
        kind = kind_of(error)
        if kind is not FailureKind.STORE or isinstance(error, BadDocument):
            return kind in (FailureKind.ABSENT, FailureKind.REQUEST, FailureKind.STORE)
        failures = self._stuck.pop(who, 0) + 1
        if failures >= STUBBORN:
            return True
        self._stuck[who] = failures
        if len(self._stuck) > MOST_STUCK:
            del self._stuck[next(iter(self._stuck))]
        return False

    async def _postpone(self, customer_id: str, tries: int, why: str) -> None:
        """Records the failure and the time of the next try."""
        self._failed_in_a_row += 1
        self._results.labels(EnrolmentResult.REFUSED).inc()
        log.warning("customer %s is not enrolled: %s", customer_id, why, extra={"action": "not_enrolled"})
        again_at = self._now() + timedelta(seconds=AGAIN.wait_s(tries + 1))
        await self._ledger.not_enrolled(customer_id, why, again_at)

    async def _finish(self, work: Coroutine[Any, Any, T]) -> T:
        """When the daemon ends meanwhile, still stores a token that comes within LAST_WORD_S."""
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait((task,), timeout=LAST_WORD_S)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
