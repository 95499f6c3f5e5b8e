"""Takes an inventory into the ledger in five steps: known → compare → brake → plan → record, one customer at a time.

`loop.py` calls it for each complete inventory, and when a known end of an item has come; `control` when the operator
removes a customer. One at a time, because two customers can share a holding and all share the brake.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from perkd.adapters.base import Adapter, Who

from ..config import Settings
from ..core.brake import Brake, counted
from ..core.changes import Catalogue, Changes, Hold, HoldingChange, Known, Observation, PlannedChange
from ..core.commands import Scene, plan
from ..core.entitlements import compare, held_after, release
from ..core.liveness import Moment
from ..core.model import BrakeLimits, FirstSeen, Inventory, Profile, Server, WhenAbsent
from ..ledger import PERK, Ledger, Recorded
from ..paynow import Seen

log = logging.getLogger("perkd.polling")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The configuration that comparisons use. A change of the config replaces it as a whole."""

    catalogue: Catalogue
    adapters: Mapping[str, Adapter]  # by place, also of servers no longer configured
    hold_absent: bool
    fingerprint: str

    tokens: tuple[int, int] = (0, 0)  # of the customers' file: how many the config added and removed

    @classmethod
    async def of(cls, settings: Settings, ledger: Ledger, games: Mapping[str, Adapter], now: datetime) -> Self:
        """Records the configuration in the ledger, in one transaction, and makes the rules from it."""
        made = await ledger.configure(
            settings.servers,
            settings.perks,
            now,
            adopt=settings.customers.first_seen is FirstSeen.ADOPT,
            tokens=settings.customers.tokens,
        )
        return cls(
            catalogue=made.catalogue,
            adapters=cls.adapters_of(made.catalogue, settings.servers, games),
            hold_absent=settings.brake.absent is WhenAbsent.HOLD,
            fingerprint=_fingerprint(settings, made.catalogue),
            tokens=(made.added, made.removed),
        )

    @staticmethod
    def adapters_of(
        catalogue: Catalogue, servers: Iterable[Server], games: Mapping[str, Adapter]
    ) -> dict[str, Adapter]:
        """The adapter of each place, set up for how its servers name their players; all servers of one list do it in
        the same way. Of a removed server only the game is known, which is enough for its last commands."""
        by_name = {server.name: server for server in servers}
        found = {}
        for place, game in catalogue.games.items():
            if game in games:
                here = [by_name[name] for name in catalogue.members(place)]
                found[place] = games[game]
                if here:
                    found[place] = games[game].for_identity(here[0].identity, here[0].bedrock_prefix)
        return found

    def whos(self, profile: Profile | None) -> dict[str, Who]:
        """Who the customer is at each place: at every configured server, and at every list of servers."""
        values = profile.values if profile else {}
        places = {*self.catalogue.servers, *(place for place in self.adapters if self.catalogue.members(place))}
        return {place: self.adapters[place].identify(values) for place in places}

    def players(self, profile: Profile) -> Iterable[str]:
        """Who the customer is in the games of the configured servers."""
        games = {id(adapter): adapter for adapter in map(self.adapters.__getitem__, self.catalogue.servers)}
        whos = (adapter.identify(profile.values) for adapter in games.values())
        return list(dict.fromkeys(who.player for who in whos if who.player))


def _fingerprint(settings: Settings, catalogue: Catalogue) -> str:
    """Changes with everything that a comparison uses. Another game or identity changes who the players are, so all
    customers are compared again (law 12)."""
    servers = sorted(
        (server.name, server.game, server.identity.value, server.bedrock_prefix) for server in settings.servers
    )
    digest = hashlib.sha256(repr((servers, sorted(catalogue.chosen.items()))).encode())
    for perk in settings.perks:
        digest.update(PERK.dump_json(perk))
    return digest.hexdigest()


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
