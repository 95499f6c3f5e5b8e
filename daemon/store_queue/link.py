"""Tells the store who uses a game server's token, at start, daily and after a reload, and learns who did before.

`activation` has one for each server with a token.
"""

import logging

from perkd import __version__

from ..core.model import Server
from ..paynow import GameServerApi, StoreError, TokenRefused, one_line
from ..runtime import Clock
from . import problems
from .problems import QueueState
from .requests import Asking

log = logging.getLogger("perkd.activation")

EVERY_S = 24 * 3600.0
RARELY_S = 600.0  # after a failure: the queue is read all the same


class Linking:
    """One server's link; due at `at`, a monotonic second. `ledger_id` is what perkd knows itself by."""

    def __init__(
        self, server: Server, api: GameServerApi, asking: Asking, clock: Clock, state: QueueState, ledger_id: str
    ) -> None:
        self.at = 0.0
        self._server, self._api, self._asking, self._clock = server, api, asking, clock
        self._state, self._ledger_id = state, ledger_id

    async def link_when_due(self) -> None:
        """Raises TokenRefused; anything else that fails is a problem and does not keep the queue from being read."""
        if self._clock.monotonic() < self.at:
            return
        server = self._server
        said = {
            "ip": server.endpoint.host,
            "hostname": problems.host_name(server.name, self._ledger_id),
            "platform": server.game,
            "version": __version__,
        }
        try:
            linked = await self._asking.answer(self._api.link(**said))
        except TokenRefused:
            raise
        except StoreError as error:
            log.warning("%s: could not link: %s", server.name, error, extra={"action": "link_failed"})
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
