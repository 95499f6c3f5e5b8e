"""Takes an inventory into the ledger in five steps: known → compare → brake → plan → record, one customer at a time.

`poll.py` calls it for each complete inventory, and when a known end of an item has come; `control` when the operator
removes a customer. One at a time, because two customers can share a holding and all share the brake.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from perkd.adapters.base import Adapter, Who

from ..config import Settings
from ..core.brake import Brake, counted
from ..core.changes import Changes, Hold, HoldingChange, Known, Observation, PlannedChange
from ..core.commands import Scene, plan
from ..core.entitlements import compare, held_after, release
from ..core.liveness import Moment
from ..core.model import BrakeLimits, Inventory, Profile
from ..ledger import Ledger, Recorded
from ..paynow import Seen
from .rules import Rules

log = logging.getLogger("perkd.polling")


async def _brake_of(ledger: Ledger, limits: BrakeLimits, now: datetime) -> Brake:
    """The brake with its window as it was before the last stop."""
    known = await ledger.observations.brake()
    brake = Brake(limits, on_since=known.on_at, reason=known.reason)
    for customer, read_at, held, removals in await ledger.observations.window(now - limits.window):
        brake.note(customer, held, removals, read_at)
    return brake


@dataclass(slots=True, kw_only=True)
class Sighting:
    """One complete poll of a customer. `inventory` None: it is the same as before."""

    read_at: datetime
    inventory: Inventory | None
    seen: Seen | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """The result of one customer's pass through the reconciler."""

    changes: Changes
    recorded: Recorded
    incomplete: bool


class Reconciler:
    """Compares and records customers, one at a time."""

    def __init__(self, ledger: Ledger, rules: Rules, brake: Brake, now: Callable[[], datetime]) -> None:
        self.rules = rules
        self.brake = brake
        self._ledger, self._now = ledger, now
        self._turn = asyncio.Lock()

    @classmethod
    async def start(
        cls, settings: Settings, ledger: Ledger, games: Mapping[str, Adapter], now: Callable[[], datetime]
    ) -> Self:
        """The start of the daemon and of a plan: makes the config known, and finds the brake as it was."""
        rules = await Rules.of(settings, ledger, games, now())
        return cls(ledger, rules, await _brake_of(ledger, settings.brake, now()), now)

    def players(self, profile: Profile) -> Iterable[str]:
        """Who the customer is in the games, by the current rules."""
        return self.rules.players(profile)

    async def take_over(self, make: Callable[[], Awaitable[Rules]], limits: BrakeLimits) -> None:
        """Takes over a new config from the next customer on. No customer passes while `make` records it. A brake that
        is on stays on."""
        async with self._turn:
            self.rules = await make()
            self.brake.limits = limits

    async def look(self, customer_id: str, sighting: Sighting | None, *, clock_ok: bool) -> Passed:
        """Compares and records. `sighting` None: there is no new inventory, only time has passed."""
        async with self._turn:
            rules, now = self.rules, self._now()
            known = await self._ledger.observations.known(customer_id, rules.players)
            moment = Moment(now, sighting.read_at if sighting else None, clock_ok)
            whos = rules.whos(known.profile)
            changes = compare(known, _inventory(known, sighting), moment, rules.catalogue, whos)
            return await self._pass_on(known, changes, whos, now, sighting)

    async def take_away(self, customer_id: str) -> Passed:
        """Ends every lasting perk of the customer's items: the operator removed the customer with --revoke."""
        async with self._turn:
            known = await self._ledger.observations.known(customer_id, self.rules.players)
            return await self._pass_on(known, release(known), self.rules.whos(known.profile), self._now(), None)

    async def release_brake(self) -> int:
        """Plans the removals that the brake stopped; returns how many. No customer passes meanwhile: else a removal
        that was just stopped could stay blocked while the brake is off."""
        async with self._turn:
            freed = await self._ledger.commands.release_brake(self._now())
            self.brake.release()
            return freed

    async def _pass_on(
        self, known: Known, changes: Changes, whos: Mapping[str, Who], now: datetime, sighting: Sighting | None
    ) -> Passed:
        rules = self.rules
        before = self.brake.on
        braked = self.brake.weigh(changes, held_after(known, changes), now)
        scene = Scene(
            known=known,
            catalogue=rules.catalogue,
            whos=whos,
            adapters=rules.adapters,
            now=now,
            hold_absent=rules.hold_absent,
        )
        planned = plan(changes, scene, self._held)
        seen = sighting.seen if sighting else None
        observation = Observation(
            customer_id=known.customer_id,
            at=now,
            changes=changes,
            planned=planned,
            read_at=sighting.read_at if sighting else None,
            digest=seen.digest if seen else None,
            etag=seen.etag if seen else None,
            catalogue=rules.fingerprint,
            braked=braked,
        )
        try:
            recorded = await self._ledger.observations.record(observation)
        except Exception:  # whatever failed, nothing is recorded: the next try must not count twice
            self.brake.take_back(changes, before)
            raise
        self._learn_slugs(changes)
        _log(known, planned, braked)
        return Passed(changes, recorded, known.incomplete or _waits_for_value(planned))

    def _held(self, change: HoldingChange) -> bool:
        return self.brake.on_since is not None and counted(change)

    def _learn_slugs(self, changes: Changes) -> None:
        """Binds a new slug to the product id it was first seen with; `record` wrote the same."""
        slugs = self.rules.catalogue.slugs
        new = {item.item.slug: item.item.product_id for item in changes.items if item.item.slug not in slugs}
        if new:
            self.rules = replace(self.rules, catalogue=replace(self.rules.catalogue, slugs={**slugs, **new}))


def _inventory(known: Known, sighting: Sighting | None) -> Inventory | None:
    if sighting is None or sighting.inventory is not None:
        return sighting.inventory if sighting else None
    present = tuple(item.item for item in known.items.values() if item.missing_since is None)
    return Inventory(known.customer_id, sighting.read_at, present)


def _waits_for_value(planned: Iterable[PlannedChange]) -> bool:
    return any(draft.hold is Hold.VALUE for change in planned for draft in (*change.grant, *change.revoke))


def _log(known: Known, planned: Iterable[PlannedChange], braked: str | None) -> None:
    who = known.profile.display_name if known.profile else known.customer_id
    for one in planned:
        change = one.change
        if one.grant or one.revoke:
            log.info(
                "%s: %s %s on %s (item %s%s)",
                who,
                change.turn.value,
                change.perk,
                change.key.server,
                change.item_id,
                f", {change.reason.value}" if change.reason else "",
                extra={"action": f"holding_{change.turn.value}", "customer_id": known.customer_id},
            )
    if braked:
        log.error(
            "the brake is on: %s. Check `perkd brake status`, then `perkd brake release`",
            braked,
            extra={"action": "brake_on"},
        )
