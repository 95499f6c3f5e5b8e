"""Tells the store which lines of a server's queue are done, and looks then whether their items are active.

`activation` has one for each server with a token.
"""

import logging
from collections.abc import Callable, Collection, Sequence

from ..ledger import Ledger
from ..paynow import GameServerApi, NotFound, Rejected, StoreError
from ..runtime import Acknowledgement, Context, uncancelled
from .requests import Asking

log = logging.getLogger("perkd.activation")

BULK = 100  # acknowledgements in one request
REQUESTS = 20  # in one pass; then the queue is asked for again
LOOKS_S = (0.0, 5.0, 30.0)  # after an acknowledgement: the store may show the item as active a little later


class Acknowledging:
    """What one server owes the store. `players`: whose attempts they are; `standing` forgets what was settled, so that
    it is owed again when it is handed out again; `look` reads at once whoever is one of these players."""

    def __init__(
        self,
        server: str,
        api: GameServerApi,
        asking: Asking,
        ledger: Ledger,
        context: Context,
        look: Callable[[Collection[str]], None],
    ) -> None:
        self.players: dict[str, str] = {}
        self.settled: Callable[[Sequence[str]], None] = lambda _: None
        self._server, self._api, self._asking = server, api, asking
        self._ledger, self._clock, self._counters, self._look = ledger, context.clock, context.counters, look
        self._looks: list[tuple[float, str]] = []  # monotonic, player

    @property
    def next_look_at(self) -> float | None:
        return min((at for at, _ in self._looks), default=None)

    def look(self) -> None:
        """Their items may be active now."""
        now = self._clock.monotonic()
        due = {player for at, player in self._looks if at <= now}
        self._looks = [(at, player) for at, player in self._looks if at > now]
        if due:
            self._look(due)

    async def acknowledge(self) -> bool:
        """Tells the store of what it is owed. What it does not accept is not owed any more: if it still waits for it,
        it hands it out again. Returns whether more is owed than one pass tells. Raises StoreError."""
        owed = await uncancelled(self._ledger.owed(self._server))
        for number, at in enumerate(range(0, len(owed), BULK)):
            if number == REQUESTS:
                return True
            piece = owed[at : at + BULK]
            try:
                await self._send(piece)
            except (Rejected, NotFound) as error:
                if not await self._one_by_one(piece, error):
                    raise
                return len(owed) > REQUESTS
            except StoreError:
                self._told(Acknowledgement.FAILED, len(piece))
                raise
        return False

    async def _one_by_one(self, piece: Sequence[str], error: StoreError) -> int:
        """One id the store does not know may be why it refused them all. Returns how many it accepted by itself."""
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
            log.warning("%s: attempt %s: not acknowledged: %s", self._server, attempt_id, error, extra=facts)
            self._told(Acknowledgement.REFUSED, 1)
            await self._settle([attempt_id])
        return accepted

    async def _send(self, attempt_ids: Sequence[str]) -> None:
        await self._asking.answer(self._api.acknowledge(attempt_ids))
        await self._settle(attempt_ids)
        self._told(Acknowledgement.OK, len(attempt_ids))
        now = self._clock.monotonic()
        players = {self.players.pop(attempt_id, "") for attempt_id in attempt_ids} - {""}
        self._looks += [(now + wait_s, player) for wait_s in LOOKS_S for player in players]
        self.look()

    async def _settle(self, attempt_ids: Sequence[str]) -> None:
        await uncancelled(self._ledger.acknowledged(attempt_ids, self._clock.now()))
        self.settled(attempt_ids)

    def _told(self, result: Acknowledgement, how_many: int) -> None:
        self._counters.acknowledgements.labels(self._server, result).inc(how_many)
