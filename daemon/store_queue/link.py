"""Tells the store that perkd uses a game server's token, and learns who used it before.

`loop.py` has one for each server with a token. It links at the start, daily and after a reload.
"""

import logging

from perkd import __version__

from ..core.model import Server
from ..paynow import GameServerApi, StoreError, TokenRefused, one_line
from ..runtime import Clock
from . import problems
from .problems import QueueState

log = logging.getLogger("perkd.activation")

EVERY_S = 24 * 3600.0
RARELY_S = 600.0  # after a failure; the queue is still read


class Linker:
    """One server's link; due at `at`, a monotonic second. perkd recognises itself by `ledger_id`."""

    def __init__(self, server: Server, api: GameServerApi, clock: Clock, state: QueueState, ledger_id: str) -> None:
        self.at = 0.0
        self._server, self._api, self._clock = server, api, clock
        self._state, self._ledger_id = state, ledger_id

    async def link_when_due(self) -> None:
        """Links, if it is time. Raises TokenRefused; another failure becomes a problem, and the queue is still read."""
        if self._clock.monotonic() < self.at:
            return
        server = self._server
        fields = {
            "ip": server.endpoint.host,
            "hostname": problems.host_name(server.name, self._ledger_id),
            "platform": server.game,
            "version": __version__,
        }
        try:
            linked = await self._api.link(**fields)
        except TokenRefused:
            raise
        except StoreError as error:
            log.warning("%s: linking with the store failed: %s", server.name, error, extra={"action": "link_failed"})
            self._state.link_error = str(error)
            self.at = self._clock.monotonic() + RARELY_S
            return
        self.at = self._clock.monotonic() + EVERY_S
        problems.learn(self._state, server, linked, self._ledger_id)
        mine = linked.gameserver
        log.info(
            "%s: linked with the store's game server %s",
            server.name,
            one_line(mine.name) or mine.id if mine is not None else "(unnamed)",
            extra={"action": "linked"},
        )
