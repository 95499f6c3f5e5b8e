"""What comparisons use of the configuration.

`reconcile.py` has the current Rules; a reload makes new ones.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from perkd.adapters.base import Adapter, Who

from ..config import Settings
from ..core.changes import Catalogue
from ..core.model import FirstSeen, Profile, Server, WhenAbsent
from ..ledger import PERK, Ledger


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
