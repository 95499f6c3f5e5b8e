"""Polls one customer: token → inventory → changes → commands → ledger.

`loop.py` calls it. Several customers are fetched at the same time; `reconcile.py` handles one inventory at a time.
"""

import logging
from collections.abc import Callable, Iterable

from ..core.clock_trust import ClockWatch
from ..core.model import Secret
from ..ledger import Ledger
from ..paynow import Fresh, StoreError, Storefront, TokenRefused, while_running
from ..runtime import Context, PollResult, fault
from .identifying import identify, is_to_identify
from .progress import PendingSightings
from .reconcile import Reconciler, Sighting
from .roll import Roll
from .watch import Watch

log = logging.getLogger("perkd.polling")


class Poller:
    """Reads customers and has them compared. `wake` is called with the places that have something to send."""

    def __init__(
        self,
        store: Storefront,
        ledger: Ledger,
        reconciler: Reconciler,
        context: Context,
        roll: Roll,
        wake: Callable[[Iterable[str]], None],
    ) -> None:
        self.clockwatch = ClockWatch()
        self._store, self._ledger, self._reconciler, self._roll, self._wake = store, ledger, reconciler, roll, wake
        self._clock, self._counters = context.clock, context.counters
        self._pending = PendingSightings(context.clock.monotonic)

    async def poll(self, watch: Watch) -> None:
        """When the store cannot be read, nothing is known about what the customer owns (law 2)."""
        sighting: Sighting | None = None
        new: bool | None = None
        if watch.token is not None:
            try:
                sighting = await self._fetch(watch, watch.token)
            except StoreError as error:
                self._failed(watch, error)
            else:
                new = sighting is not None and sighting.inventory is not None
                self._roll.answered(watch)
                self._counters.polled(PollResult.CHANGED if new else PollResult.UNCHANGED)
        if watch not in self._roll:
            return  # removed meanwhile: this inventory must not give back what the operator took away
        now = self._clock.now()
        if (date := self._store.last_date) is not self.clockwatch.heard:
            self.clockwatch.hear(date, now, self._clock.monotonic())
        if watch.customer_id is None:
            return
        if watch.is_due(now, self._reconciler.rules.fingerprint, new=None if sighting is None else new):
            await self._compare(watch, watch.customer_id, sighting)
        elif sighting is not None:
            self._pending.put(watch.customer_id, sighting.read_at)
        if sighting is not None:
            self._roll.was_read(watch, sighting.read_at)  # only now: a poll that cannot be recorded has failed

    async def compare_again(self, watch: Watch) -> None:
        """Compares the customer's last inventory with a changed config, without asking the store. A customer whose last
        poll failed is compared after the next good one, because they may own other items now."""
        if watch not in self._roll or watch.token is None or watch.failures:
            return
        if watch.customer_id is None or watch.read_at is None or watch.catalogue == self._reconciler.rules.fingerprint:
            return
        await self._compare(watch, watch.customer_id, Sighting(read_at=watch.read_at, inventory=None))

    async def write_sightings(self) -> None:
        """Records what was seen unchanged, if it is time."""
        if sightings := self._pending.take():
            await self._ledger.observations.sighted(sightings)

    def crashed(self, watch: Watch, error: Exception) -> None:
        """A fault with one customer must not stop the others. Raises a Fatal error again."""
        self._roll.crashed(watch, fault(error, "poll_crashed", "%s: the poll crashed", watch.label))

    async def _fetch(self, watch: Watch, token: Secret) -> Sighting | None:
        """Reads the customer's inventory; before that, who they are, if it is time."""
        now = self._clock.now()
        if is_to_identify(watch, now):
            profile = await identify(watch.token_id, token, self._store, self._ledger.roll, now)
            if watch.customer_id is None:
                facts = {"action": "customer_identified", "customer_id": profile.customer_id}
                log.info("%s is customer %s", watch.label, profile.customer_id, extra=facts)
            self._roll.identified(watch, profile, now)
        if watch.customer_id is None or watch not in self._roll:
            return None
        previous = watch.seen
        answer = await self._store.inventory(token, watch.customer_id, previous, now)
        if isinstance(answer, Fresh):
            return Sighting(read_at=now, inventory=answer.inventory, seen=answer.seen)
        watch.seen = answer.seen  # the same inventory, but maybe under another ETag
        return Sighting(read_at=now, inventory=None)

    async def _compare(self, watch: Watch, customer_id: str, sighting: Sighting | None) -> None:
        fingerprint = self._reconciler.rules.fingerprint
        self.clockwatch.hear(self._store.last_date, self._clock.now(), self._clock.monotonic())
        passed = await self._reconciler.look(customer_id, sighting, clock_ok=self.clockwatch.ok)
        watch.recheck_at, watch.deadline_at = passed.changes.recheck_at, passed.changes.deadline_at
        watch.incomplete, watch.catalogue = passed.incomplete, fingerprint
        if sighting is not None and sighting.seen is not None:  # only now: its changes are committed
            watch.seen = sighting.seen
        self._wake(passed.recorded.servers)

    def _failed(self, watch: Watch, error: StoreError) -> None:
        refused, message = isinstance(error, TokenRefused), while_running(error)
        self._counters.polled(PollResult.REFUSED if refused else PollResult.FAILED)
        if message != watch.error:  # the same message only once
            facts = {"action": "poll_failed", "customer_id": watch.customer_id}
            log.warning("%s: %s", watch.label, message, extra=facts)
        if refused:
            self._roll.refuse(watch, message, replace=error.status in (401, 403))
        else:
            self._roll.failed(watch, message)
