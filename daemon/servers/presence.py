"""Loop 3, one task for each server: reads who is online, in memory only.

`delivery.py` sends commands that wait for a player; `polling` polls a customer who joined at once. Commands go first:
while the link is busy, this loop skips a round.
"""

import logging
from collections.abc import Callable, Collection
from datetime import timedelta

from perkd.adapters.base import AdapterError

from ..core.roster import Roster
from ..runtime import Context
from .link import Link

log = logging.getLogger("perkd.presence")

SKIPS = 2  # skipped rounds in a row at most: a long queue must not make the roster stale
AFTER_CONNECT_S = 1.0  # commands that waited for the connection go first
MISSED_READS = 3  # then the roster is unknown: no player counts as online
IDLE_S = 20.0  # a pass completes at least this often, connected or not


class Presence:
    """Reads the player list of one server into its roster and reports who joined."""

    def __init__(self, link: Link, roster: Roster, joined: Callable[[Collection[str]], None], context: Context) -> None:
        self.link, self.roster = link, roster
        self._joined, self._clock, self._pulse = joined, context.clock, context.pulse
        self._missed = self._skipped = 0
        self._name = f"presence {link.server.name}"
        self.every: timedelta = link.server.presence
        self._pulse.register(self._name, max(IDLE_S, self.every.total_seconds()))

    async def run(self) -> None:
        while True:
            try:
                await self._read()
            finally:
                self._pulse.beat(self._name)
            reconnected = None if self.link.up.is_set() else self.link.up
            if await self._clock.until(self._clock.now() + self.every, reconnected):
                await self._clock.sleep(AFTER_CONNECT_S)

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
            log.info(
                "%s: perkd does not know who is online%s",
                self.link.server.name,
                f": {why}" if why else "",
                extra={"action": "roster_unknown"},
            )
