"""Loop 3, one task for each server: reads who is online, in memory only.

`delivery.py` sends commands that wait for a player; `polling` polls a customer who joined at once. Commands go first:
while the link is busy, this loop skips a round.
"""

import logging
from collections.abc import Callable, Collection

from perkd.adapters.base import AdapterError

from ..core.roster import Roster
from ..runtime import Context, Loop
from .link import Link

log = logging.getLogger("perkd.presence")

SKIPS = 2  # skipped rounds in a row at most: a long queue must not make the roster stale
AFTER_CONNECT_S = 1.0  # commands that waited for the connection go first
MISSED_READS = 3  # then the roster is unknown: no player counts as online


class Presence:
    """Reads the player list of one server into its roster and reports who joined."""

    def __init__(self, link: Link, roster: Roster, joined: Callable[[Collection[str]], None], context: Context) -> None:
        self.link, self.roster = link, roster
        self._joined, self._clock = joined, context.clock
        self._missed = self._skipped = 0
        self._every_s = link.server.presence.total_seconds()
        self.loop = Loop(context, f"presence {link.server.name}", self._one_pass, bound_s=self._every_s)

    async def _one_pass(self) -> float:
        await self._read()
        if self.link.up.is_set():
            return self._every_s
        if await self._clock.until(self._clock.monotonic() + self._every_s, self.link.up):
            await self._clock.sleep(AFTER_CONNECT_S)
        return 0.0

    async def _read(self) -> None:
        if not self.link.up.is_set():
            self._miss(None)
            return
        if self.link.busy and self._skipped < SKIPS:
            self._skipped += 1
            return  # a command is in flight
        self._skipped = 0
        try:
            players = await self.link.players()
        except AdapterError as error:
            self._miss(str(error))
            return
        self._missed = 0
        if joined := self.roster.see(players, self._clock.now()):
            self._joined(joined)

    def _miss(self, why: str | None) -> None:
        self._missed += 1
        if self._missed == MISSED_READS:
            self.roster.lose()
            more = f": {why}" if why else ""
            facts = {"action": "roster_unknown"}
            log.info("%s: perkd does not know who is online%s", self.link.server.name, more, extra=facts)
