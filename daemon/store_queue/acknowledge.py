"""Acknowledges done lines of a server's queue at the store, then polls their customers to see the items active.

`loop.py` has one for each server with a token.
"""

import logging
import math
from collections.abc import Callable, Collection, Sequence

from ..ledger import QueueFacet
from ..paynow import GameServerApi, NotFound, Rejected, StoreError
from ..runtime import Acknowledgement, Context, uncancelled

log = logging.getLogger("perkd.activation")

BULK = 100  # acknowledgements in one request
REQUESTS = 20  # in one pass; then the queue is read again
LOOKS_S = (0.0, 5.0, 30.0)  # after an acknowledgement: the store may show the item as active a little later


class Acknowledger:
    """Acknowledges the lines of one server. `players`: the player of each attempt. `settled` is called with attempts
    that are finished, so that the loop takes them again if the store sends them again. `look` polls these players'
    customers at once. `beat` is called before each request: the one before it is done."""

    def __init__(
        self,
        server: str,
        api: GameServerApi,
        ledger: QueueFacet,
        context: Context,
        look: Callable[[Collection[str]], None],
        *,
        settled: Callable[[Sequence[str]], None],
        beat: Callable[[], None],
    ) -> None:
        self.players: dict[str, str] = {}
        self._server, self._api, self._settled, self._beat = server, api, settled, beat
        self._ledger, self._clock, self._counters, self._look = ledger, context.clock, context.counters, look
        self._looks: list[tuple[float, str]] = []  # monotonic, player

    async def look(self) -> float:
        """Polls the customers whose items may be active now. Returns for how many seconds no other look is due."""
        now = self._clock.monotonic()
        due = {player for at, player in self._looks if at <= now}
        self._looks = [(at, player) for at, player in self._looks if at > now]
        if due:
            self._look(due)
        return min((at for at, _ in self._looks), default=math.inf) - now

    async def acknowledge(self) -> bool:
        """Acknowledges the attempts that the ledger has as done. An attempt that the store rejects counts as finished:
        if the store still has it in its queue, it sends it again. Returns whether more remain than fit into one pass.
        Raises StoreError."""
        unacknowledged = await uncancelled(self._ledger.owed(self._server))
        for number, at in enumerate(range(0, len(unacknowledged), BULK)):
            if number == REQUESTS:
                return True
            piece = unacknowledged[at : at + BULK]
            try:
                await self._send(piece)
            except (Rejected, NotFound) as error:
                if not await self._one_by_one(piece, error):
                    raise
                return len(unacknowledged) > REQUESTS
            except StoreError:
                self._count(Acknowledgement.FAILED, len(piece))
                raise
        return False

    async def _one_by_one(self, piece: Sequence[str], error: StoreError) -> int:
        """Sends each attempt alone, because one unknown id may be why the store rejected all. Returns how many it
        accepted."""
        accepted = 0
        for attempt_id in piece[:REQUESTS]:
            if len(piece) > 1:
                try:
                    await self._send([attempt_id])
                    accepted += 1
                    continue
                except (Rejected, NotFound) as refused:
                    error = refused
            facts = {"action": "acknowledgement_refused", "attempt_id": attempt_id}
            log.warning("%s: the store rejects attempt %s: %s", self._server, attempt_id, error, extra=facts)
            self._count(Acknowledgement.REFUSED, 1)
            await self._settle([attempt_id])
        return accepted

    async def _send(self, attempt_ids: Sequence[str]) -> None:
        self._beat()
        await self._api.acknowledge(attempt_ids)
        await self._settle(attempt_ids)
        self._count(Acknowledgement.OK, len(attempt_ids))
        now = self._clock.monotonic()
        players = {self.players.pop(attempt_id, "") for attempt_id in attempt_ids} - {""}
        self._looks += [(now + wait_s, player) for wait_s in LOOKS_S for player in players]
        await self.look()

    async def _settle(self, attempt_ids: Sequence[str]) -> None:
        await uncancelled(self._ledger.acknowledged(attempt_ids, self._clock.now()))
        self._settled(attempt_ids)

    def _count(self, result: Acknowledgement, how_many: int) -> None:
        self._counters.acknowledgements.labels(self._server, result).inc(how_many)
